"""Beside Flask-Session on one cache of cachelib's, or on its files: they keep the session itself, with the types of what is in it."""

from __future__ import annotations

import collections
import datetime
import decimal
import logging
import uuid
from pathlib import Path
from typing import Any

import flask
import flask_dewar
import flask_session
import pytest
from cachelib import FileSystemCache, SimpleCache
from cachelib.base import BaseCache
from markupsafe import Markup

VALUES = {
    "set": {1, "two", (3,)},
    "tuple": (1, ("two", [3])),
    "datetime": datetime.datetime(2024, 1, 2, 3, 4, 5, 6),
    "aware": datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC),
    "date": datetime.date(2024, 1, 2),
    "time": datetime.time(9, 30),
    "timedelta": datetime.timedelta(days=-1, microseconds=5),
    "Decimal": decimal.Decimal("1.50"),
    "UUID": uuid.UUID(int=7),
    "Markup": Markup("<b>"),
    "bytes": b"\x00\xff",
    "big": 2**70,
    "number as a key": {1: "a", None: 2},
    "defaultdict": collections.defaultdict(list, a=[1]),
    "OrderedDict": collections.OrderedDict(b=1, a=2),
}


def apps_on(cache: BaseCache, **config: Any) -> dict[str, flask.Flask]:
    made = {}
    for name, session in (
        ("theirs", flask_session.Session),
        ("ours", flask_dewar.Session),
    ):
        app = made[name] = flask.Flask(name)
        app.config.update(config, SESSION_TYPE="cachelib", SESSION_CACHELIB=cache, TESTING=True)
        session(app)
    return made


def caches(folder: Path) -> list[BaseCache]:
    return [FileSystemCache(str(folder / "cache")), SimpleCache()]


def write(app: flask.Flask, sid: str | None = None, **values: Any) -> str:
    client = app.test_client()
    if sid is not None:
        client.set_cookie("session", sid)
    with client.session_transaction() as session:
        session.update(values)
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def read(app: flask.Flask, sid: str) -> dict[str, Any]:
    client = app.test_client()
    client.set_cookie("session", sid)
    with client.session_transaction() as session:
        return dict(session)


@pytest.mark.parametrize("format", [None, "json"])
@pytest.mark.parametrize("name", VALUES)
def test_each_reads_what_the_other_wrote_as_it_was(
    tmp_path: Path, name: str, format: str | None
) -> None:
    config = {} if format is None else {"SESSION_SERIALIZATION_FORMAT": format}
    for cache in caches(tmp_path):
        apps = apps_on(cache, **config)
        for writer, reader in (("theirs", "ours"), ("ours", "theirs"), ("ours", "ours")):
            sid = write(apps[writer], value=VALUES[name])
            # A change elsewhere leaves the rest as it is.
            write(apps[reader], sid, other=1)
            for app in apps.values():
                found = read(app, sid)["value"]
                assert found == VALUES[name]
                if not isinstance(found, dict):
                    assert type(found) is type(VALUES[name])


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_files_of_sessions_keep_what_flask_sessions_pickles_kept(tmp_path: Path, name: str) -> None:
    apps = {"theirs": flask.Flask("theirs"), "ours": flask.Flask("ours")}
    for app in apps.values():
        app.config.update(SESSION_TYPE="filesystem", SESSION_FILE_DIR=str(tmp_path), TESTING=True)
    flask_session.Session(apps["theirs"])
    flask_dewar.Session(apps["ours"])
    for writer in apps.values():
        sid = write(writer, value=VALUES[name])
        write(apps["ours"], sid, other=1)
        found = read(apps["ours"], sid)["value"]
        assert found == VALUES[name]
        if not isinstance(found, dict):
            assert type(found) is type(VALUES[name])


@pytest.mark.parametrize("value", [1j, {(1, 2): 3}])
def test_a_session_that_cannot_be_kept_here_is_a_new_one_and_stays_where_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    for cache in caches(tmp_path):
        apps = apps_on(cache)
        sid = write(apps["theirs"], value=value)
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            assert "value" not in read(apps["ours"], sid)
        assert "cannot be kept here" in caplog.text
        assert write(apps["ours"], sid, mine=1) != sid
        assert read(apps["theirs"], sid)["value"] == value


class Noting(SimpleCache):
    """Notes what is written to it, and to copies of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def set(self, key: str, *arguments: Any, **named: Any) -> Any:
        self.written.append(key)
        return super().set(key, *arguments, **named)


def test_a_set_that_is_only_read_is_not_written() -> None:
    cache = Noting()
    app = apps_on(cache, SESSION_REFRESH_EACH_REQUEST=False)["ours"]
    for size in range(3, 40):
        value = {number * 37 % 101 for number in range(size)} | {str(size), (size,)}
        value.discard(37)
        sid = write(app, value=value)
        assert cache.written
        cache.written.clear()
        assert all(read(app, sid)["value"] == value for _ in range(3))
        assert not cache.written

"""What an application is told when its configuration is wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import flask
import pytest
from cachelib import FileSystemCache
from flask_dewar import ConfigurationError, Session, StoreError
from shops import SERVERS, shop


def start(**settings: Any) -> None:
    app = flask.Flask(__name__)
    app.config.update(settings)
    Session(app)


def test_the_session_type_must_be_set() -> None:
    with pytest.raises(ValueError, match=r"SESSION_TYPE is not set in app.config"):
        start(SECRET_KEY="a secret key of some length")


def test_a_misspelt_session_type_is_told_what_was_meant() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'memcached'"):
        start(SESSION_TYPE="memcache")


def test_a_forgotten_init_app_is_told_at_the_first_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Session()
    app = flask.Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "ok")
    for _ in range(2):
        app.test_client().get("/")
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("error[DW0913] ") and "init_app" in told


def test_an_application_that_is_given_later_is_told_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = Session()
    app = flask.Flask(__name__)
    app.config["SESSION_TYPE"] = "memory"
    session.init_app(app)
    app.add_url_rule("/", view_func=lambda: "ok")
    app.test_client().get("/")
    assert not caplog.records


@pytest.mark.parametrize(
    ("kind", "library"),
    [("redis", "redis"), ("sqlalchemy", "flask_sqlalchemy")],
)
def test_a_missing_client_library_names_its_extra(
    kind: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    client = {"SESSION_REDIS": MagicMock()} if kind == "redis" else {}
    with pytest.raises(ConfigurationError, match=rf"DW0904.*[\s\S]*flask-dewar\[{kind}\]"):
        start(SESSION_TYPE=kind, SQLALCHEMY_DATABASE_URI="sqlite://", **client)


def test_all_problems_are_in_one_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        start(SESSION_TYPE="memory", SESSION_ID_LENGTH=2, SESSION_COOKIE_SAMESITE="sometimes")
    assert "SESSION_ID_LENGTH" in str(caught.value) and "SESSION_COOKIE_SAMESITE" in str(
        caught.value
    )


@pytest.mark.parametrize("kind", ["sqlalchemy", "sqlite", *SERVERS])
def test_no_server_is_guessed(kind: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        start(SESSION_TYPE=kind)
    said = str(caught.value)
    assert f"error[DW0901] SESSION_{kind.upper()}: " in said and "\n   fix: set it to" in said
    assert "\n  page: https://" in said


def test_no_secret_is_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        start(SESSION_TYPE="memory", SECRET_KEY=["hunter2"], SESSION_ID_LENGTH=2)
    assert "hunter2" not in str(caught.value)


def test_cachelib_without_a_cache_keeps_its_files_where_flask_session_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = shop({"SESSION_TYPE": "cachelib"}).test_client()
    client.get("/set/user/ada")
    cookie = client.get_cookie("session")
    assert cookie is not None
    files = FileSystemCache(str(tmp_path / "flask_session"), threshold=0)
    assert files.get(f"session:{cookie.value}") == {"_permanent": True, "user": "ada"}
    files.set(f"session:{cookie.value}", {"_permanent": True, "user": "grace"})
    assert client.get("/get/user").text == "grace"


def test_a_server_that_is_not_there_is_told_in_one_sentence() -> None:
    app = flask.Flask(__name__)
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS="redis://127.0.0.1:1", TESTING=True)
    Session(app)
    with pytest.raises(StoreError, match=r"redis at 127\.0\.0\.1:1: .*nothing listens") as caught:
        app.session_interface.store.load("session:none")  # type: ignore[attr-defined]
    assert str(caught.value).count("Connection refused") == 1

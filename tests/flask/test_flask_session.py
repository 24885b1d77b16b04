"""Beside Flask-Session 0.8 on one Redis: each reads what the other wrote, as it reads its own."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

import flask
import flask_dewar
import flask_session
import msgspec
import pytest
import redis
from flask_dewar.redis import RedisSession
from hypothesis import given, settings
from hypothesis import strategies as st
from shops import PATIENCE, REDIS_PATIENCE, shop, unavailable

URL = os.environ.get("DEWAR_TEST_REDIS_URL", "")
PREFIX = "interop:"

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)).map(
        lambda at: at.replace(tzinfo=UTC)
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
sessions = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda key: not key.startswith("_")),
    values,
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module")
def apps() -> dict[str, flask.Flask]:
    if not URL:
        unavailable("DEWAR_TEST_REDIS_URL is not set: scripts/servers start redis")
    made = {}
    for format in ("msgpack", "json"):
        shared = {"SESSION_TYPE": "redis", "SESSION_KEY_PREFIX": PREFIX, **PATIENCE}
        shared["SESSION_SERIALIZATION_FORMAT"] = format
        theirs = flask.Flask(__name__)
        theirs.config.update(shared, SESSION_REDIS=redis.Redis.from_url(URL, **REDIS_PATIENCE))
        flask_session.Session(theirs)
        made[f"theirs {format}"] = theirs
        made[f"ours {format}"] = shop(shared | {"SESSION_REDIS": URL})
    return made


def transfer(writer: flask.Flask, reader: flask.Flask, data: dict[str, Any]) -> dict[str, Any]:
    """What `reader` finds in the record that `writer` makes of `data`."""
    client, other = writer.test_client(), reader.test_client()
    with client.session_transaction() as session:
        session.update(data)
    sid = client.get_cookie("session")
    assert sid is not None
    other.set_cookie("session", sid.value)
    with other.session_transaction() as session:
        return dict(session)


random_sessions = settings(max_examples=60)


@pytest.mark.parametrize("format", ["msgpack", "json"])
@random_sessions
@given(data=sessions)
def test_each_reads_what_the_other_wrote(
    apps: dict[str, flask.Flask], format: str, data: dict[str, Any]
) -> None:
    ours, theirs = apps[f"ours {format}"], apps[f"theirs {format}"]
    expected = transfer(theirs, theirs, data)
    assert transfer(ours, theirs, data) == expected
    assert transfer(theirs, ours, data) == expected
    assert transfer(ours, ours, data) == expected


@pytest.mark.parametrize("format", ["msgpack", "json"])
def test_the_record_is_under_the_cookies_value_for_any_client(
    apps: dict[str, flask.Flask], format: str
) -> None:
    app = apps[f"ours {format}"]
    client = app.test_client()
    client.get("/set/value/44")
    sid = client.get_cookie("session")
    assert sid is not None
    record = redis.Redis.from_url(URL, **REDIS_PATIENCE).get(PREFIX + sid.value)
    decode = json.loads if format == "json" else msgspec.msgpack.decode
    assert decode(record) == {"_permanent": True, "value": "44"}
    with app.test_request_context():
        assert isinstance(flask.session, RedisSession)
        assert isinstance(flask.session, flask_dewar.ServerSideSession)


def test_a_record_that_nobody_can_read_gives_a_fresh_session(apps: dict[str, flask.Flask]) -> None:
    client = apps["ours msgpack"].test_client()
    redis.Redis.from_url(URL, **REDIS_PATIENCE).set(PREFIX + "x" * 43, b"\xc1 broken")
    client.set_cookie("session", "x" * 43)
    assert client.get("/get/value").text == "None"

"""The headers: `Set-Cookie` as Flask writes it over all cookie settings, `Cookie` as Werkzeug reads it."""

import datetime
import itertools

import flask
import pytest
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_cookie

import originals
from originals import NOW

SETTINGS = {
    "name": ["session", "__Host-id"],
    "domain": [None, "example.com", ".example.com", "example.com:5000"],
    "path": ["/", "/shop", "/a b/ü;x"],
    "secure": [False, True],
    "httponly": [True, False],
    "samesite": [None, "Lax", "Strict", "None"],
    "partitioned": [False, True],
}
COMBINATIONS = [dict(zip(SETTINGS, values)) for values in itertools.product(*SETTINGS.values())]


class Interface(SecureCookieSessionInterface):
    """Flask's, at a time of the test's choice."""

    def get_expiration_time(self, app, session):
        if session.permanent:
            return datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc) + app.permanent_session_lifetime
        return None


def flask_header(settings: dict, session: SecureCookieSession) -> str:
    app = flask.Flask("original")
    app.secret_key = "k"
    for key, value in settings.items():
        app.config[f"SESSION_COOKIE_{key.upper()}"] = value
    response = flask.Response()
    originals.clock.now = NOW
    with app.app_context():
        Interface().save_session(app, session, response)
    (header,) = response.headers.getlist("Set-Cookie")
    return header


@pytest.mark.parametrize("permanent", [False, True])
def test_set_cookie_over_all_settings(peer, permanent):
    for settings in COMBINATIONS:
        session = SecureCookieSession({"v": 1})
        session.permanent = permanent
        theirs = flask_header(settings, session)
        value = theirs.split("=", 1)[1].split(";")[0]
        expires = NOW + 31 * 24 * 3600 if permanent else None
        assert peer.ask("set_cookie", **settings, value=value, expires=expires) == theirs


def test_deletion_over_all_settings(peer):
    for settings in COMBINATIONS:
        session = SecureCookieSession({"v": 1})
        session.clear()
        assert peer.ask("delete_cookie", **settings) == flask_header(settings, session)


@pytest.mark.parametrize("expires", [0, 1, 951_782_400, 1_709_164_800, NOW, 2**31, 4_102_444_800, 253_402_300_799])
def test_dates_of_expiry(peer, expires):
    response = flask.Response()
    response.set_cookie("session", "v", expires=datetime.datetime.fromtimestamp(expires, datetime.timezone.utc))
    settings = {key: values[0] for key, values in SETTINGS.items()} | {"httponly": False}
    assert peer.ask("set_cookie", **settings, value="v", expires=expires) == response.headers["Set-Cookie"]


pieces = st.sampled_from(
    ["session=a", "session=b.c-d_e", "other=1", "session=", "session", "=x", ";", "; ", " ", '"', '="', "\\", "\\073", "\\\\", "=", "\t",
     'session="a b"', 'session="a\\073b"', 'session="unfinished', "session =x", "session= x ", "é", "session=é", "SESSION=no", ","]
)  # fmt: skip


@given(parts=st.lists(pieces, max_size=8), joint=st.sampled_from(["; ", ";", ""]))
def test_cookie_headers_read_as_werkzeug_reads_them(peer, parts, joint):
    header = joint.join(parts).encode()
    theirs = parse_cookie(header.decode("latin-1")).get("session")
    ours = peer.ask("cookie_find", header=header.hex(), name="session")
    assert (None if ours is None else bytes.fromhex(ours).decode("utf-8", "replace")) == theirs

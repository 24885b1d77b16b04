"""The original libraries, with their clock and their settings in hand."""

import hashlib
import types
from typing import Any

import cachelib.file
import flask
import flask.sessions
import itsdangerous
import itsdangerous.timed
from flask_session.base import MsgSpecSerializer

DIGESTS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha512": hashlib.sha512}
DERIVATIONS = ["hmac", "django-concat", "concat", "none"]
NOW = 1_790_000_000
MAX_AGE = 31 * 24 * 3600


class Clock:
    """What the original libraries take for the time."""

    now: float = NOW

    def time(self) -> float:
        return self.now


clock = Clock()
itsdangerous.timed.time = types.SimpleNamespace(time=clock.time)
cachelib.file.time = clock.time


class Signing:
    """Flask's cookie interface for one choice of keys, digest and key derivation."""

    def __init__(
        self,
        key: str | bytes,
        fallbacks: list[str | bytes] = [],
        digest: str = "sha1",
        derivation: str = "hmac",
        salt: str = "cookie-session",
    ) -> None:
        interface = flask.sessions.SecureCookieSessionInterface()
        interface.salt = salt
        interface.digest_method = DIGESTS[digest]
        interface.key_derivation = derivation
        self.app = flask.Flask("original")
        self.app.secret_key = key
        self.app.config["SECRET_KEY_FALLBACKS"] = fallbacks
        self.serializer = interface.get_signing_serializer(self.app)
        self.settings = {
            "key": _bytes(key).hex(),
            "fallbacks": [_bytes(fallback).hex() for fallback in fallbacks],
            "digest": digest,
            "derivation": derivation,
            "salt": salt,
        }

    def seal(self, session: dict, now: int = NOW) -> str:
        clock.now = now
        with self.app.app_context():
            return self.serializer.dumps(session)

    def open(self, cookie: str, now: int = NOW, max_age: int = MAX_AGE) -> Any:
        """The session, or the class of the exception for a cookie that is refused."""
        clock.now = now
        with self.app.app_context():
            try:
                return self.serializer.loads(cookie, max_age=max_age)
            except itsdangerous.BadData as refused:
                return type(refused)

    def text(self, session: dict) -> bytes:
        """The JSON inside the cookie."""
        with self.app.app_context():
            return flask.sessions.session_json_serializer.dumps(session).encode()


RECORDS = {format: MsgSpecSerializer(flask.Flask("original"), format) for format in ["msgpack", "json"]}


def _bytes(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key

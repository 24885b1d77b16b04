"""A real Flask app, with Flask's own sessions or Flask-Session's, that serves scripted requests at a time of the test's choice."""

import datetime
import warnings
from typing import Any

import cachelib
import flask
import flask_session
from flask.globals import request_ctx

import originals
from neutral import native, neutral
from peer import Peer


class FlaskSide:
    """One app; `serve` is one request through its test client."""

    def __init__(self, config: dict, cache: cachelib.FileSystemCache | None = None) -> None:
        self.app = flask.Flask("original")
        self.app.config.from_mapping(config)
        if cache is not None:
            self.app.config |= {"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": cache}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # SESSION_USE_SIGNER
                flask_session.Session(self.app)
        self.app.session_interface.get_expiration_time = expiration_time
        self.app.add_url_rule("/", view_func=self._handle)
        self.app.after_request(self._look)
        self.client = self.app.test_client(use_cookies=False)

    def serve(self, now: int, cookie: str | None, actions: list) -> dict:
        """What the handler saw, `accessed` and `modified` at its end, and the headers that concern the session."""
        originals.clock.now = now
        self.actions = actions
        response = self.client.get("/", headers={} if cookie is None else {"Cookie": cookie})
        set_cookie = response.headers.getlist("Set-Cookie")
        assert response.status_code == 200 and len(set_cookie) <= 1
        return {
            "seen": response.json,
            **self.ended,
            "set_cookie": set_cookie[0] if set_cookie else None,
            "vary": "Cookie" in response.vary,
        }

    def _handle(self) -> flask.Response:
        seen = []
        for name, *arguments in self.actions:
            try:
                seen.append(ACTIONS[name](*arguments))
            except RuntimeError as refused:
                seen.append(["refused", str(refused)])
        return flask.jsonify(seen)

    def _look(self, response: flask.Response) -> flask.Response:
        # Not through `flask.session`: that would count as an access.
        session = request_ctx._session
        self.ended = {"accessed": session.accessed, "modified": session.modified}
        return response


class DewarSide:
    """Dewar's engine, asked the same."""

    def __init__(self, peer: Peer, config: dict) -> None:
        self.peer = peer
        self.config = config

    def serve(self, now: int, cookie: str | None, actions: list) -> dict:
        return self.peer.ask("request", config=self.config, now=now, cookie=cookie, actions=actions)


class Browser:
    """Keeps one cookie for as long as it was told to."""

    def __init__(self, name: str = "session") -> None:
        self.name = name
        self.value: str | None = None
        self.expires: float | None = None

    def cookie(self, now: int) -> str | None:
        if self.value is None or (self.expires is not None and self.expires <= now):
            return None
        return f"{self.name}={self.value}"

    def obey(self, set_cookie: str | None) -> None:
        if set_cookie is None:
            return
        (name, value), *attributes = [part.partition("=")[::2] for part in set_cookie.split("; ")]
        assert name == self.name
        attributes = dict(attributes)
        self.value = None if attributes.get("Max-Age") == "0" else value
        self.expires = None
        if "Expires" in attributes:
            expires = datetime.datetime.strptime(attributes["Expires"], "%a, %d %b %Y %H:%M:%S GMT")
            self.expires = expires.replace(tzinfo=datetime.timezone.utc).timestamp()


def expiration_time(app: flask.Flask, session: Any) -> datetime.datetime | None:
    """Flask's, at the test's time."""
    if session.permanent:
        return datetime.datetime.fromtimestamp(originals.clock.now, datetime.timezone.utc) + app.permanent_session_lifetime
    return None


def get(key: str) -> list | None:
    return neutral(flask.session[key]) if key in flask.session else None


def put(key: str, value: list) -> None:
    flask.session[key] = native(value)


def pop(key: str) -> list | None:
    missing = object()
    value = flask.session.pop(key, missing)
    return None if value is missing else neutral(value)


def append(key: str, value: list) -> None:
    if isinstance(flask.session.get(key), list):
        flask.session[key].append(native(value))
        flask.session.modified = True
    else:
        flask.session[key] = [native(value)]


def set_permanent(permanent: bool) -> None:
    flask.session.permanent = permanent


def mark() -> None:
    flask.session.modified = True


def flashes() -> list:
    return [[category, neutral(message)] for category, message in flask.get_flashed_messages(with_categories=True)]


ACTIONS = {
    "get": get,
    "contains": lambda key: key in flask.session,
    "len": lambda: len(flask.session),
    "keys": lambda: sorted(flask.session.keys() - {"_permanent"}),
    "is_permanent": lambda: bool(flask.session.permanent),
    "flashes": flashes,
    "set": put,
    "pop": pop,
    "append": append,
    "clear": lambda: flask.session.clear(),
    "permanent": set_permanent,
    "mark": mark,
    "flash": lambda category, message: flask.flash(native(message), category),
    "regenerate": lambda: flask.current_app.session_interface.regenerate(flask.session),
}

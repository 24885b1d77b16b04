"""Applications on each store, for the tests of flask_dewar."""

from __future__ import annotations

import os
import uuid
from typing import Any

import flask
import pytest
from flask_dewar import Session

#: Each SESSION_TYPE that needs a server, with the variable that says where it is and the key for it.
SERVERS = {
    "redis": ("DEWAR_TEST_REDIS_URL", "SESSION_REDIS"),
    "memcached": ("DEWAR_TEST_MEMCACHED_URL", "SESSION_MEMCACHED"),
    "postgresql": ("DEWAR_TEST_POSTGRESQL_URL", "SESSION_POSTGRESQL"),
    "mysql": ("DEWAR_TEST_MYSQL_URL", "SESSION_MYSQL"),
    "mongodb": ("DEWAR_TEST_MONGODB_URL", "SESSION_MONGODB"),
    "dynamodb": ("DEWAR_TEST_DYNAMODB_URL", "SESSION_DYNAMODB"),
}

TYPES = ["memory", "filesystem", "sqlite", *SERVERS]

#: A server's answer may take as long as it takes: what is tested is what it says.
PATIENCE = {"SESSION_CONNECT_TIMEOUT": 60, "SESSION_OPERATION_TIMEOUT": 60}
#: The same for redis-py, which would give up after five seconds.
REDIS_PATIENCE = {"socket_connect_timeout": 60, "socket_timeout": 60}


def is_available(kind: str) -> bool:
    """Whether the store's server, if it needs one, is there."""
    return kind not in SERVERS or SERVERS[kind][0] in os.environ


def config_for(kind: str, folder: Any) -> dict[str, Any]:
    settings = {
        "SESSION_TYPE": kind,
        "SESSION_KEY_PREFIX": f"{uuid.uuid4().hex[:8]}:",
        "TESTING": True,
    }
    if kind == "filesystem":
        settings["SESSION_FILE_DIR"] = str(folder / "sessions")
    elif kind == "sqlite":
        settings["SESSION_SQLITE"] = f"sqlite:///{folder / 'sessions.db'}"
        settings["SESSION_OPERATION_TIMEOUT"] = PATIENCE["SESSION_OPERATION_TIMEOUT"]
    elif kind in SERVERS:
        variable, key = SERVERS[kind]
        if not is_available(kind):
            unavailable(f"{variable} is not set: scripts/servers start {kind}")
        settings |= PATIENCE | {key: os.environ[variable]}
    return settings


def unavailable(what: str) -> None:
    """Skips a test whose server cannot be had; in CI that is a failure."""
    if os.environ.get("CI") in ("true", "1"):
        pytest.fail(what)
    pytest.skip(what)


def shop(settings: dict[str, Any]) -> flask.Flask:
    """An application with a view for each thing that can be done to a session."""
    app = flask.Flask(__name__)
    app.config.update(settings)

    @app.get("/nothing")
    def nothing() -> str:
        return "nothing"

    @app.get("/set/<key>/<value>")
    def set_value(key: str, value: str) -> str:
        flask.session[key] = value
        return "set"

    @app.get("/get/<key>")
    def get_value(key: str) -> str:
        return str(flask.session.get(key))

    @app.get("/append/<key>/<value>")
    def append(key: str, value: str) -> str:
        flask.session.setdefault(key, []).append(value)
        return "appended"

    @app.get("/pop/<key>")
    def pop(key: str) -> str:
        return str(flask.session.pop(key, None))

    @app.get("/clear")
    def clear() -> str:
        flask.session.clear()
        return "cleared"

    @app.get("/flash/<message>")
    def flash(message: str) -> str:
        flask.flash(message, "note")
        return "flashed"

    @app.get("/flashes")
    def flashes() -> flask.Response:
        return flask.jsonify(flask.get_flashed_messages(with_categories=True))

    @app.get("/all")
    def everything() -> flask.Response:
        return flask.jsonify(dict(flask.session))

    @app.get("/regenerate")
    def regenerate() -> str:
        app.session_interface.regenerate(flask.session)  # type: ignore[attr-defined]
        return "regenerated"

    Session(app)
    return app

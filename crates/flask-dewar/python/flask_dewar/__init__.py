"""Sessions for Flask by Dewar's engine: a drop-in for Flask-Session, and for Flask's own signed cookies.

from flask_dewar import Session

app.config["SESSION_TYPE"] = "redis"
app.config["SESSION_REDIS"] = "redis://127.0.0.1:6379"
Session(app)
"""

from __future__ import annotations

import importlib
import secrets
import sys

import click
from flask import Flask, request_started
from flask import sessions as flask_sessions
from flask.cli import with_appcontext
from flask.sessions import SessionInterface

from ._native import Engine, Store
from .base import ServerSideSession, ServerSideSessionInterface, log_warnings
from .cookie import CookieSession, SecureCookieSessionInterface
from .defaults import Defaults
from .errors import (
    ConfigurationError,
    SessionContention,
    SessionError,
    SessionGone,
    SessionReadOnly,
    StoreError,
)

if sys.implementation.name != "cpython":
    # PyPy's layer for extensions would end the process at the first session.
    raise ImportError(f"flask_dewar runs on CPython only, and this is {sys.implementation.name}")

__version__ = "0.1.0"

__all__ = [
    "ConfigurationError",
    "CookieSession",
    "Defaults",
    "SecureCookieSessionInterface",
    "ServerSideSession",
    "ServerSideSessionInterface",
    "Session",
    "SessionContention",
    "SessionError",
    "SessionGone",
    "SessionReadOnly",
    "StoreError",
]

#: Each SESSION_TYPE with its module and the interface in it; a module is imported when its type is chosen.
INTERFACES = {
    "cachelib": ("cachelib", "CacheLibSessionInterface"),
    "dynamodb": ("dynamodb", "DynamoDBSessionInterface"),
    "filesystem": ("filesystem", "FileSystemSessionInterface"),
    "memcached": ("memcached", "MemcachedSessionInterface"),
    "memory": ("memory", "MemorySessionInterface"),
    "mongodb": ("mongodb", "MongoDBSessionInterface"),
    "mysql": ("mysql", "MySqlSessionInterface"),
    "postgresql": ("postgresql", "PostgreSqlSessionInterface"),
    "redis": ("redis", "RedisSessionInterface"),
    "sqlalchemy": ("sqlalchemy", "SqlAlchemySessionInterface"),
    "sqlite": ("sqlite", "SqliteSessionInterface"),
}


class Session:
    """Gives an application the sessions that its configuration asks for.

    Either `Session(app)`, or `Session()` and later `init_app(app)`; SESSION_TYPE and the other keys are read then.
    """

    def __init__(self, app: Flask | None = None) -> None:
        self.app = app
        if app is not None:
            self.init_app(app)
        else:
            request_started.connect(self._first_request, weak=False)

    def init_app(self, app: Flask) -> None:
        """Replaces the application's session interface.

        Raises `ConfigurationError`, which is a `ValueError`, with all problems of the configuration.
        """
        request_started.disconnect(self._first_request)
        try:
            app.session_interface = self._get_interface(app)
        except ConfigurationError as error:
            raise explained(app, error) from None
        register_commands(app)

    def _get_interface(self, app: Flask) -> SessionInterface:
        """The interface that SESSION_TYPE asks for; a subclass may give another one, as in Flask-Session."""
        return interface_for(app)

    def _first_request(self, app: Flask, **_: object) -> None:
        """Says so if a request is answered before `init_app` was called: Flask alone would say nothing, or that a key is
        missing."""
        request_started.disconnect(self._first_request)
        if type(app.session_interface) is flask_sessions.SecureCookieSessionInterface:
            from .diagnosis import explain_forgotten_init_app

            app.logger.error("%s", explain_forgotten_init_app(app))


def interface_for(app: Flask) -> SessionInterface:
    """The interface that SESSION_TYPE asks for."""
    session_type = app.config.get("SESSION_TYPE")
    if session_type is None or session_type == "null":
        raise no_session_type(app)
    name = session_type.lower() if isinstance(session_type, str) else ""
    if name == "cookie":
        check_cookies(app)
        return SecureCookieSessionInterface()
    if name not in INTERFACES:
        # The engine knows what was probably meant.
        return unknown_type(app)
    module, interface = INTERFACES[name]
    made: ServerSideSessionInterface = getattr(
        importlib.import_module(f".{module}", __name__), interface
    )(app)
    made.require_key(app)
    return made


def check_cookies(app: Flask) -> None:
    """Logs what is doubtful in a configuration for signed cookies, and raises what is wrong, but for the key: an
    application may set that later."""
    cookie = {"SESSION_TYPE": "cookie"}
    log_warnings(app, cookie)
    Engine(app.config, {**cookie, "SECRET_KEY": secrets.token_hex()})


def unknown_type(app: Flask) -> SessionInterface:
    """Raises what the engine says about the configuration, what SESSION_TYPE was probably meant to be among it."""
    Store.open(app.config, {})
    raise no_session_type(app)


def no_session_type(app: Flask) -> ConfigurationError:
    """What is said where SESSION_TYPE is missing."""
    from . import diagnosis

    return ConfigurationError(str(diagnosis.no_session_type(app)))


def explained(app: Flask, error: ConfigurationError) -> ConfigurationError:
    """The same error, with what the application's source shows of how it came about, file and line."""
    from .diagnosis import explain_configuration

    return ConfigurationError(explain_configuration(app, str(error)))


def register_commands(app: Flask) -> None:
    """Adds `flask session_cleanup`, and `flask dewar …`."""

    from . import cli

    @app.cli.command("session_cleanup")
    @with_appcontext
    @cli.told()
    def session_cleanup() -> None:
        """Removes expired sessions from the store."""
        interface = app.session_interface
        if isinstance(interface, ServerSideSessionInterface):
            click.echo(f"{interface.delete_expired_sessions()} expired sessions removed")

    cli.register(app)

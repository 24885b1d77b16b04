"""Sessions in an SQL database, in the table that Flask-Session makes through SQLAlchemy."""

from __future__ import annotations

import importlib
from typing import Any

from flask import Flask

from .base import ServerSideSession, ServerSideSessionInterface


class SqlAlchemySession(ServerSideSession):
    """A session in an SQL database."""


class SqlAlchemySessionInterface(ServerSideSessionInterface):
    """Keeps sessions in the table that Flask-Session makes through SQLAlchemy."""

    session_class = SqlAlchemySession
    session_type = "sqlalchemy"
    client_key = "SESSION_SQLALCHEMY"
    arguments = {
        "table": "SESSION_SQLALCHEMY_TABLE",
        "sequence": "SESSION_SQLALCHEMY_SEQUENCE",
        "schema": "SESSION_SQLALCHEMY_SCHEMA",
        "bind_key": "SESSION_SQLALCHEMY_BIND_KEY",
    }

    def default_client(self, app: Flask) -> Any:
        """The application's Flask-SQLAlchemy, or one for its SQLALCHEMY_DATABASE_URI, as in Flask-Session."""
        known = app.extensions.get("sqlalchemy")
        if known is not None or not app.config.get("SQLALCHEMY_DATABASE_URI"):
            return known
        client = importlib.import_module("flask_sqlalchemy").SQLAlchemy()
        client.init_app(app)
        return client

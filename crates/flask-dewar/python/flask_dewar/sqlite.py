"""Sessions in an SQLite file."""

from __future__ import annotations

from .base import ServerSideSession, ServerSideSessionInterface


class SqliteSession(ServerSideSession):
    """A session in an SQLite file."""


class SqliteSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in an SQLite file."""

    session_class = SqliteSession
    session_type = "sqlite"
    client_key = "SESSION_SQLITE"
    arguments = {"table": "SESSION_SQLALCHEMY_TABLE"}

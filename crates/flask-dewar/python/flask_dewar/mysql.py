"""Sessions in MySQL or MariaDB."""

from __future__ import annotations

from .base import ServerSideSession, ServerSideSessionInterface


class MySqlSession(ServerSideSession):
    """A session in MySQL or MariaDB."""


class MySqlSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in MySQL or MariaDB."""

    session_class = MySqlSession
    session_type = "mysql"
    client_key = "SESSION_MYSQL"
    arguments = {"table": "SESSION_SQLALCHEMY_TABLE", "schema": "SESSION_SQLALCHEMY_SCHEMA"}

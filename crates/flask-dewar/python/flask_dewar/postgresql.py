"""Sessions in PostgreSQL."""

from __future__ import annotations

from typing import Any

from flask import Flask

from .base import ServerSideSession, ServerSideSessionInterface


class PostgreSqlSession(ServerSideSession):
    """A session in PostgreSQL."""


class PostgreSqlSessionInterface(ServerSideSessionInterface):
    """Keeps sessions in PostgreSQL."""

    session_class = PostgreSqlSession
    session_type = "postgresql"
    client_key = "SESSION_POSTGRESQL"
    arguments = {"table": "SESSION_POSTGRESQL_TABLE", "schema": "SESSION_POSTGRESQL_SCHEMA"}

    def __init__(self, app: Flask, pool: Any = None, *arguments: Any, **named: Any) -> None:
        # Flask-Session calls this one client a pool.
        super().__init__(app, named.pop("client", pool), *arguments, **named)

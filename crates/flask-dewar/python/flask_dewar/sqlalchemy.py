"""Sessions in an SQL database, in the table that Flask-Session makes through SQLAlchemy."""

from __future__ import annotations

import importlib
from typing import Any

from flask import Flask

from .base import ServerSideSession, ServerSideSessionInterface
from .errors import ConfigurationError


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

    #: The table as a model of the application's Flask-SQLAlchemy; None where another client was given.
    sql_session_model: Any = None

    def __init__(self, app: Flask, *arguments: Any, **further: Any) -> None:
        super().__init__(app, *arguments, **further)
        if hasattr(self.client, "Model"):
            self.sql_session_model = session_model(
                self.client,
                self._setting("SESSION_SQLALCHEMY_TABLE"),
                self._setting("SESSION_SQLALCHEMY_SCHEMA"),
                self._setting("SESSION_SQLALCHEMY_BIND_KEY"),
                self._setting("SESSION_SQLALCHEMY_SEQUENCE"),
            )

    def default_client(self, app: Flask) -> Any:
        """The application's Flask-SQLAlchemy, or one for its SQLALCHEMY_DATABASE_URI, as in Flask-Session."""
        known = app.extensions.get("sqlalchemy")
        if known is not None or not app.config.get("SQLALCHEMY_DATABASE_URI"):
            return known
        try:
            client = importlib.import_module("flask_sqlalchemy").SQLAlchemy()
        except ImportError as missing:
            from .clients import library_missing

            raise ConfigurationError(str(library_missing("sqlalchemy", missing.name))) from None
        client.init_app(app)
        return client


def session_model(
    database: Any, table: str, schema: str | None, bind_key: str | None, sequence: str | None
) -> Any:
    """The model of a table: for the application's own queries, and so that its migrations know the table.

    The model that an application has of the table already is taken as it is.
    """
    metadata = database.metadatas.get(bind_key)
    known = (
        None if metadata is None else metadata.tables.get(f"{schema}.{table}" if schema else table)
    )
    for mapper in database.Model.registry.mappers:
        if known is not None and mapper.local_table is known:
            return mapper.class_
    body: dict[str, Any] = {"__bind_key__": bind_key, "__module__": __name__}
    if known is not None:
        return type("StoredSession", (database.Model,), body | {"__table__": known})
    number = [] if sequence is None else [database.Sequence(sequence)]
    body |= {
        "__tablename__": table,
        "__table_args__": {"schema": schema},
        "id": database.Column(database.Integer, *number, primary_key=True),
        "session_id": database.Column(database.String(255), unique=True),
        "data": database.Column(database.LargeBinary),
        "expiry": database.Column(database.DateTime),
    }
    return type("StoredSession", (database.Model,), body)

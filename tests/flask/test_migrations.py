"""Alembic finds nothing to change in the table of sessions, whoever made it."""

from __future__ import annotations

import importlib.util
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import flask_dewar
import flask_session
import pytest
from flask_sqlalchemy import SQLAlchemy
from shops import unavailable

#: Each database with its driver.
DATABASES = {"sqlite": "", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}


@pytest.fixture(params=DATABASES)
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    kind = request.param
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/app.db"
        return
    variable = f"DEWAR_TEST_{kind.upper()}_URL"
    if variable not in os.environ:
        unavailable(f"{variable} is not set: scripts/servers start {kind}")
    yield os.environ[variable].replace(kind, DATABASES[kind], 1)


def differences(app: flask.Flask, database: SQLAlchemy, table: str) -> list[Any]:
    """What Alembic would write into a migration of this table."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    def of_sessions(name: str | None, kind: str, parents: Any) -> bool:
        return kind != "table" or name == table

    with app.app_context(), database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": of_sessions})
        found: list[Any] = compare_metadata(context, database.metadata)
    return found


@pytest.mark.parametrize("connection", [None, "client"])
@pytest.mark.parametrize("first", [flask_dewar.Session, flask_session.Session], ids=["Dewar", "Flask-Session"])  # fmt: skip
def test_migrations_leave_the_table_alone(
    uri: str, first: Callable[[flask.Flask], Any], connection: str | None
) -> None:
    if importlib.util.find_spec("alembic") is None:
        unavailable("alembic is not installed: it is in requirements.txt")
    table = f"sessions_{uuid.uuid4().hex[:12]}"
    made = []
    try:
        for session in (first, flask_dewar.Session):
            database = SQLAlchemy()
            app = flask.Flask(__name__)
            app.config.update(
                SECRET_KEY="k" * 32,
                SQLALCHEMY_DATABASE_URI=uri,
                SESSION_TYPE="sqlalchemy",
                SESSION_SQLALCHEMY=database,
                SESSION_SQLALCHEMY_TABLE=table,
                SESSION_DEWAR_CONNECTION=connection,
            )
            database.init_app(app)
            made.append((app, database))
            session(app)

            @app.get("/")
            def write() -> str:
                flask.session["name"] = "ada"
                return "written"

            assert app.test_client().get("/").text == "written"
        assert differences(app, database, table) == []
    finally:
        for app, database in made:
            with app.app_context():
                database.drop_all()
                database.engine.dispose()

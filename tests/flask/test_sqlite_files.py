"""An SQLite file that the application has open is never opened by the engine, which has an SQLite of its own."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import pytest
import sqlalchemy as sa
from flask_dewar import ConfigurationError, Session, StoreError
from flask_sqlalchemy import SQLAlchemy


def application(folder: Path, **settings: Any) -> flask.Flask:
    app = flask.Flask(__name__, instance_path=str(folder / "instance"))
    app.config.update(SECRET_KEY="k" * 32, TESTING=True, **settings)
    return app


def on_one_file(folder: Path, file: str) -> tuple[flask.Flask, SQLAlchemy]:
    """An application whose database and sessions are in one file."""
    database = SQLAlchemy()
    app = application(
        folder,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/{file}",
        SESSION_TYPE="sqlalchemy",
        SESSION_SQLALCHEMY=database,
    )
    database.init_app(app)
    Session(app)
    return app, database


def items_and_sessions(app: flask.Flask, database: SQLAlchemy) -> type[Any]:
    """A view that writes to the database, and to the session."""

    class Item(database.Model):  # type: ignore[name-defined, misc]
        id = database.Column(database.Integer, primary_key=True)
        name = database.Column(database.String(500))

    @app.get("/add")
    def add() -> str:
        database.session.add(Item(name="x" * 400))
        database.session.commit()
        flask.session["count"] = flask.session.get("count", 0) + 1
        flask.session["long"] = "p" * 300
        return str(flask.session["count"])

    with app.app_context():
        database.create_all()
    return Item


@pytest.mark.parametrize("order", ["database first", "session first"])
@pytest.mark.parametrize("uri", ["sqlite:///{}/app.db?timeout=60", "sqlite:///app.db?timeout=60"])
def test_items_and_sessions_that_threads_write_to_one_file_are_all_there(
    tmp_path: Path, uri: str, order: str
) -> None:
    threads, requests = 6, 20
    database = SQLAlchemy()
    app = application(
        tmp_path,
        SQLALCHEMY_DATABASE_URI=uri.format(tmp_path / "instance"),
        SESSION_TYPE="sqlalchemy",
        SESSION_SQLALCHEMY=database,
    )
    (tmp_path / "instance").mkdir()
    for start in (
        (database.init_app, Session)
        if order == "database first"
        else (
            Session,
            database.init_app,
        )
    ):
        start(app)
    items_and_sessions(app, database)
    counts: list[int] = []
    failures: list[BaseException] = []

    def work() -> None:
        client = app.test_client()
        try:
            counts.append([int(client.get("/add").text) for _ in range(requests)][-1])
        except BaseException as failure:  # noqa: BLE001
            failures.append(failure)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with app.app_context():
        database.engine.dispose()
    assert not failures
    assert counts == [requests] * threads
    with sqlite3.connect(tmp_path / "instance/app.db") as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert file.execute("SELECT count(*) FROM item").fetchone() == (threads * requests,)
        assert file.execute("SELECT count(*) FROM sessions").fetchone() == (threads,)
        assert file.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    file.close()


def test_the_applications_own_queries_see_its_sessions(tmp_path: Path) -> None:
    app, database = on_one_file(tmp_path, "app.db")
    items_and_sessions(app, database)
    app.test_client().get("/add")
    model = app.session_interface.sql_session_model  # type: ignore[attr-defined]
    with app.app_context():
        assert database.session.query(model).count() == 1
        database.session.remove()
        database.engine.dispose()


def own_url(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{path}"}


def url_object(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_DATABASE_URI": sa.URL.create("sqlite", database=str(path))}


def other_driver(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_DATABASE_URI": f"sqlite+pysqlite:///{path}?timeout=3"}


def uri_form(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_DATABASE_URI": f"sqlite:///file:{path}?mode=rwc&uri=true"}


def uri_with_host(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_DATABASE_URI": f"sqlite:///file://localhost{path}?uri=true"}


def in_the_instance_folder(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_DATABASE_URI": f"sqlite:///../{path.name}"}


def uri_in_the_instance_folder(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_DATABASE_URI": f"sqlite:///file:../{path.name}?uri=true"}


def bound(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_BINDS": {"other": "sqlite://", "users": f"sqlite:///{path}"}}


def bound_with_options(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_BINDS": {"users": {"url": f"sqlite:///{path}", "echo": False}}}


def engine_options(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_ENGINE_OPTIONS": {"url": f"sqlite:///{path}"}}


def lite(path: Path) -> dict[str, Any]:
    return {"SQLALCHEMY_ENGINES": {"default": f"sqlite:///{path}"}}


@pytest.mark.parametrize("exists", [True, False], ids=["made", "absent"])
@pytest.mark.parametrize(
    "configured",
    [own_url, url_object, other_driver, uri_form, uri_with_host, in_the_instance_folder, uri_in_the_instance_folder,
     bound, bound_with_options, engine_options, lite],
)  # fmt: skip
@pytest.mark.parametrize(
    "sessions",
    [
        {"SESSION_TYPE": "sqlalchemy", "SESSION_SQLALCHEMY": "sqlite:///{}"},
        {"SESSION_TYPE": "sqlite", "SESSION_SQLITE": "{}"},
        {"SESSION_TYPE": "SQLite", "SESSION_SQLALCHEMY": "sqlite+pysqlite:///{}"},
    ],
)
def test_sessions_in_a_file_of_the_application_are_refused(
    tmp_path: Path,
    configured: Callable[[Path], dict[str, Any]],
    sessions: dict[str, str],
    exists: bool,
) -> None:
    path = tmp_path / "app.db"
    (tmp_path / "instance").mkdir()
    if exists:
        path.touch()
    settings = {key: value.format(path) for key, value in sessions.items()}
    with pytest.raises(ConfigurationError) as caught:
        Session(application(tmp_path, **settings, **configured(path)))
    said = str(caught.value)
    assert f"error[DW0907] {list(sessions)[1]}: {path} is the application's own database" in said
    (key,) = configured(path)
    assert key in said and "SESSION_SQLALCHEMY = db" in said
    # It was not even opened.
    assert path.exists() is exists and not (exists and path.stat().st_size)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_file_of_the_application_is_known_by_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "app.db").touch()
    link(tmp_path / "app.db", tmp_path / "sessions.db")
    monkeypatch.chdir(tmp_path)
    settings = own_url(tmp_path / "app.db")
    with pytest.raises(ConfigurationError, match="DW0907"):
        Session(
            application(
                tmp_path, SESSION_TYPE="sqlite", SESSION_SQLITE="sqlite:///sessions.db", **settings
            )
        )


def test_a_file_of_its_own_is_opened_by_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # The same words; Flask-SQLAlchemy's is in the instance folder.
    uri = "sqlite:///app.db"
    database = SQLAlchemy()
    app = application(
        tmp_path,
        SQLALCHEMY_DATABASE_URI=uri,
        SQLALCHEMY_BINDS={"memory": "sqlite://", "wrong": "no URL", "port": "mysql://h:none/app"},
        SESSION_TYPE="sqlalchemy",
        SESSION_SQLALCHEMY=uri,
    )
    Session(app)
    app.config["SQLALCHEMY_BINDS"] = {}
    database.init_app(app)
    items_and_sessions(app, database)
    assert app.test_client().get("/add").text == "1"
    with app.app_context():
        database.engine.dispose()
    assert (tmp_path / "app.db").exists() and (tmp_path / "instance/app.db").exists()


def test_the_doctor_finds_a_file_that_was_given_to_the_application_later(tmp_path: Path) -> None:
    from flask_dewar.doctor import examine

    path = tmp_path / "app.db"
    app = application(tmp_path, SESSION_TYPE="sqlite", SESSION_SQLITE=f"sqlite:///{path}")
    Session(app)
    assert "DW0907" not in [finding.code for finding in examine(app).findings]
    app.config.update(own_url(path))
    assert "DW0907" in [finding.code for finding in examine(app).findings]


def test_a_transaction_that_is_open_when_the_session_is_saved_is_named(tmp_path: Path) -> None:
    app, database = on_one_file(tmp_path, "app.db?timeout=0.1")
    item = items_and_sessions(app, database)

    @app.get("/open")
    def leave_open() -> str:
        database.session.add(item(name="left open"))
        database.session.flush()
        flask.session["count"] = 1
        return "answered"

    @app.teardown_request
    def commit(error: BaseException | None) -> None:
        database.session.commit()

    assert app.test_client().get("/add").text == "1"
    with pytest.raises(StoreError, match=r"database is locked.*commit it before the response"):
        app.test_client().get("/open")
    with app.app_context():
        # The application's transaction was its own to end.
        assert database.session.query(item).filter_by(name="left open").count() == 1
        database.session.remove()
        database.engine.dispose()

"""Clients that the application made are taken as Flask-Session takes them."""

from __future__ import annotations

import os
from pathlib import Path

import cachelib
import flask
import flask_dewar
import pytest
import redis
from flask_sqlalchemy import SQLAlchemy
from shops import PATIENCE, REDIS_PATIENCE, shop, unavailable


def visit(app: flask.Flask) -> None:
    client = app.test_client()
    client.get("/set/name/ada")
    client.get("/append/cart/apple")
    assert client.get("/get/name").text == "ada" and client.get("/get/cart").text == "['apple']"
    client.get("/regenerate")
    assert client.get("/get/name").text == "ada"
    client.get("/clear")
    assert client.get("/get/name").text == "None"


@pytest.mark.parametrize("path", ["native", "client"])
def test_a_redis_client(path: str) -> None:
    if "DEWAR_TEST_REDIS_URL" not in os.environ:
        unavailable("DEWAR_TEST_REDIS_URL is not set: scripts/servers start redis")
    with redis.Redis.from_url(os.environ["DEWAR_TEST_REDIS_URL"], **REDIS_PATIENCE) as client:
        settings = {"SESSION_TYPE": "redis", "SESSION_REDIS": client, **PATIENCE}
        app = shop(settings | {"SESSION_DEWAR_CONNECTION": path})
        assert ("the application's client" in repr(app.session_interface.store)) is (  # type: ignore[attr-defined]
            path == "client"
        )
        visit(app)


def test_a_cache(tmp_path: Path) -> None:
    cache = cachelib.FileSystemCache(str(tmp_path))
    visit(shop({"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": cache}))


@pytest.mark.parametrize("where", ["", "sessions.db"])
def test_flask_sqlalchemy(tmp_path: Path, where: str) -> None:
    uri = f"sqlite:///{tmp_path / where}" if where else "sqlite://"
    # As in Flask-Session, one is made for SQLALCHEMY_DATABASE_URI where the application gives none.
    app = shop({"SESSION_TYPE": "sqlalchemy", "SQLALCHEMY_DATABASE_URI": uri})
    with app.app_context():
        visit(app)
        database: SQLAlchemy = app.extensions["sqlalchemy"]
        assert app.session_interface.client is database  # type: ignore[attr-defined]
        database.session.remove()
        database.engine.dispose()


def test_a_client_that_is_none_is_refused() -> None:
    with pytest.raises(flask_dewar.ConfigurationError, match="SESSION_REDIS"):
        shop({"SESSION_TYPE": "redis", "SESSION_REDIS": object()})

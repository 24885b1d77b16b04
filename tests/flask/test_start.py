"""What an application is told when its configuration is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask
import pytest
from cachelib import FileSystemCache
from flask_dewar import ConfigurationError, Session, StoreError
from shops import shop


def start(**settings: Any) -> None:
    app = flask.Flask(__name__)
    app.config.update(settings)
    Session(app)


def test_the_session_type_must_be_set() -> None:
    with pytest.raises(ValueError, match=r"SESSION_TYPE is not set in app.config"):
        start(SECRET_KEY="a secret key of some length")


def test_a_misspelt_session_type_is_told_what_was_meant() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'memcached'"):
        start(SESSION_TYPE="memcache")


def test_all_problems_are_in_one_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        start(SESSION_TYPE="memory", SESSION_ID_LENGTH=2, SESSION_COOKIE_SAMESITE="sometimes")
    assert "SESSION_ID_LENGTH" in str(caught.value) and "SESSION_COOKIE_SAMESITE" in str(
        caught.value
    )


@pytest.mark.parametrize("kind", ["redis", "memcached", "postgresql"])
def test_no_server_is_guessed(kind: str) -> None:
    with pytest.raises(ConfigurationError, match=f"SESSION_{kind.upper()} is not set"):
        start(SESSION_TYPE=kind)


def test_no_secret_is_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        start(SESSION_TYPE="memory", SECRET_KEY=["hunter2"], SESSION_ID_LENGTH=2)
    assert "hunter2" not in str(caught.value)


def test_cachelib_without_a_cache_keeps_its_files_where_flask_session_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = shop({"SESSION_TYPE": "cachelib"}).test_client()
    client.get("/set/user/ada")
    cookie = client.get_cookie("session")
    assert cookie is not None
    files = FileSystemCache(str(tmp_path / "flask_session"), threshold=0)
    assert files.get(f"session:{cookie.value}") == {"_permanent": True, "user": "ada"}
    files.set(f"session:{cookie.value}", {"_permanent": True, "user": "grace"})
    assert client.get("/get/user").text == "grace"


def test_a_server_that_is_not_there_is_told_in_one_sentence() -> None:
    app = flask.Flask(__name__)
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS="redis://127.0.0.1:1", TESTING=True)
    Session(app)
    with pytest.raises(StoreError, match=r"redis at 127\.0\.0\.1:1: .*nothing listens") as caught:
        app.session_interface.store.load("session:none")  # type: ignore[attr-defined]
    assert str(caught.value).count("Connection refused") == 1

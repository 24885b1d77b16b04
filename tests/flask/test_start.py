"""What an application is told when its configuration is wrong."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import flask
import pytest
from cachelib import FileSystemCache
from flask_dewar import ConfigurationError, Session, StoreError
from flask_dewar.memory import MemorySessionInterface
from shops import PATIENCE, SERVERS, shop


def start(**settings: Any) -> None:
    app = flask.Flask(__name__)
    app.config.update(settings)
    Session(app)


def test_the_session_type_must_be_set() -> None:
    with pytest.raises(ValueError, match=r"SESSION_TYPE is not set in app.config"):
        start(SECRET_KEY="a secret key of some length")


def test_null_is_not_said_to_be_unset() -> None:
    with pytest.raises(ConfigurationError, match=r"\[DW0905\].*SESSION_TYPE is 'null'") as caught:
        start(SESSION_TYPE="null")
    assert "not set" not in str(caught.value)


def test_a_misspelt_session_type_is_told_what_was_meant() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'memcached'"):
        start(SESSION_TYPE="memcache")


def test_a_forgotten_init_app_is_told_at_the_first_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Session()
    app = flask.Flask(__name__)
    app.add_url_rule("/", view_func=lambda: "ok")
    for _ in range(2):
        app.test_client().get("/")
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("error[DW0913] ") and "init_app" in told


def test_an_application_that_is_given_later_is_told_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = Session()
    app = flask.Flask(__name__)
    app.config["SESSION_TYPE"] = "memory"
    session.init_app(app)
    app.add_url_rule("/", view_func=lambda: "ok")
    app.test_client().get("/")
    assert not caplog.records


@pytest.mark.parametrize(
    ("kind", "library"),
    [("redis", "redis"), ("sqlalchemy", "flask_sqlalchemy")],
)
def test_a_missing_client_library_names_its_extra(
    kind: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    client = {"SESSION_REDIS": MagicMock()} if kind == "redis" else {}
    with pytest.raises(ConfigurationError, match=rf"DW0904.*[\s\S]*flask-dewar\[{kind}\]"):
        start(SESSION_TYPE=kind, SQLALCHEMY_DATABASE_URI="sqlite://", **client)


def test_all_problems_are_in_one_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        start(SESSION_TYPE="memory", SESSION_ID_LENGTH=2, SESSION_COOKIE_SAMESITE="sometimes")
    assert "SESSION_ID_LENGTH" in str(caught.value) and "SESSION_COOKIE_SAMESITE" in str(
        caught.value
    )


@pytest.mark.parametrize("kind", ["sqlalchemy", "sqlite", *SERVERS])
def test_no_server_is_guessed(kind: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        start(SESSION_TYPE=kind)
    said = str(caught.value)
    assert f"error[DW0901] SESSION_{kind.upper()}: " in said and "\n   fix: set it to" in said
    assert "\n  page: https://" in said
    assert "such as '" not in said  # more than one address may stand there


def test_no_secret_is_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        start(SESSION_TYPE="memory", SECRET_KEY=["hunter2"], SESSION_ID_LENGTH=2)
    assert "hunter2" not in str(caught.value)


GOOD_KEY = "9f3c1e77a05bd2846cf01b9de35a7482f3a91c07"


def test_with_cookies_doubtful_settings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    start(SESSION_TYPE="cookie", SECRET_KEY="dev")
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("SECRET_KEY: ") and "well known" in told


def test_the_key_that_signs_ids_may_come_after_an_interface_that_its_class_made() -> None:
    """Airflow's commands make an application without a key, with an interface that signs ids."""
    app = flask.Flask(__name__)
    app.session_interface = MemorySessionInterface(app, use_signer=True)
    app.add_url_rule("/", view_func=lambda: flask.session.update(name="ada") or "ok")
    app.testing = True
    with pytest.raises(ConfigurationError, match="DW0202"):
        app.test_client().get("/")
    app.secret_key = GOOD_KEY
    assert "." in app.test_client().get("/").headers["Set-Cookie"].split(";")[0]


def test_session_wants_the_key_that_signs_ids_at_once() -> None:
    with pytest.raises(ConfigurationError, match="DW0202"):
        start(SESSION_TYPE="memory", SESSION_USE_SIGNER=True)


def test_keys_of_the_applications_own_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    # Superset's and pgAdmin's.
    own = {"SESSION_SERVER_SIDE": True, "SESSION_DB_PATH": "/var/lib", "SESSION_SKIP_PATHS": []}
    start(SESSION_TYPE="memory", SESSION_COOKIE_SECUR=True, **own)
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("SESSION_COOKIE_SECUR: ") and "SESSION_COOKIE_SECURE" in told


@pytest.mark.parametrize("key", [{}, {"SECRET_KEY": None}, {"SECRET_KEY": GOOD_KEY}])
def test_with_cookies_the_key_may_be_set_later(
    key: dict[str, str | None], caplog: pytest.LogCaptureFixture
) -> None:
    start(SESSION_TYPE="cookie", **key)
    assert not caplog.records


@pytest.mark.parametrize("key", [{}, {"SECRET_KEY": GOOD_KEY}])
def test_with_cookies_wrong_settings_are_an_error(key: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        start(SESSION_TYPE="cookie", SESSION_COOKIE_DOMAIN="https://localhost", **key)
    said = str(caught.value)
    assert "error[DW0302] SESSION_COOKIE_DOMAIN: " in said and "SECRET_KEY:" not in said


def test_a_session_type_in_a_class_that_is_not_loaded_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unloaded.py").write_text(
        "import flask\nfrom flask_dewar import Session\n"
        "class Config:\n    SESSION_TYPE = 'memory'\n"
        "app = flask.Flask(__name__)\nSession(app)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        importlib.import_module("unloaded")
    said = str(caught.value)
    assert "[DW0905]" in said and f"from: {tmp_path}/unloaded.py:4\n" in said
    assert "app.config.from_object(Config) is missing" in said


def test_a_session_type_in_lower_case_is_found() -> None:
    with pytest.raises(ConfigurationError, match=r"'session_type' is.*upper case"):
        start(session_type="memory")


def test_the_session_type_null_is_no_other_key() -> None:
    with pytest.raises(ConfigurationError, match="DW0905") as caught:
        start(SESSION_TYPE="null")
    assert "upper case" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "fix"),
    [
        ("SESSION_TYPE", "name it FLASK_SESSION_TYPE, and call app.config.from_prefixed_env()"),
        ("FLASK_SESSION_TYPE", "fix: call app.config.from_prefixed_env()"),
        ("MY_SHOP_SESSION_TYPE", "fix: call app.config.from_prefixed_env('MY_SHOP')"),
    ],
)
def test_a_session_type_in_the_environment_is_found(
    variable: str, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "memory")
    with pytest.raises(ConfigurationError) as caught:
        start()
    assert f"from: environment variable {variable}\n" in str(caught.value)
    assert fix in str(caught.value)


def test_the_session_type_of_the_desktop_is_none_of_the_applications(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    with pytest.raises(ConfigurationError) as caught:
        start()
    assert "XDG" not in str(caught.value)


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
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS="redis://127.0.0.1:1", **PATIENCE)
    Session(app)
    with pytest.raises(StoreError, match=r"redis at 127\.0\.0\.1:1: .*nothing listens") as caught:
        app.session_interface.store.load("session:none")  # type: ignore[attr-defined]
    assert str(caught.value).count("Connection refused") == 1
    assert "is the address right? (Connection refused" in str(caught.value)

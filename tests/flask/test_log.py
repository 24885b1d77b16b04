"""What the engine has to say is in the application's log, by the logger `flask_dewar`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import flask
import flask_dewar
import pytest
from shops import PATIENCE
from test_changes import Visit, app_of

SAID = "flask_dewar"

#: Where nothing listens, which is told at once, however long it may take.
NOBODY = {"SESSION_REDIS": "redis://127.0.0.1:1", **PATIENCE}


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [
        (record.levelname, record.getMessage()) for record in caplog.records if record.name == SAID
    ]


def test_a_damaged_record_counts_as_absent_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    visit = Visit(app_of("filesystem", SESSION_FILE_DIR=str(tmp_path)))
    visit.write({"name": "ada lovelace"})
    records = [path for path in tmp_path.rglob("*/??/*") if path.stat().st_size > 40]
    for path in records:
        path.write_bytes(path.read_bytes()[:60])
    assert visit.read() == {}
    levels, texts = zip(*said(caplog), strict=True)
    assert "WARNING" in levels and f"folder: {tmp_path}" in "".join(texts)
    assert "damaged" in "".join(texts) and "ada" not in caplog.text
    cookie = visit.client.get_cookie("session")
    assert cookie and cookie.value not in caplog.text


def test_a_cookie_that_another_worker_signed_with_its_own_key_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    workers = [flask.Flask(__name__) for _ in range(2)]
    for number, app in enumerate(workers):
        app.secret_key = f"{number}: what os.urandom gives to this worker"
        app.session_interface = flask_dewar.SecureCookieSessionInterface()
        app.add_url_rule("/login", "login", lambda: flask.session.update(name="ada") or "welcome")
        app.add_url_rule("/", "who", lambda: flask.session.get("name", "nobody"))
    first, second = (app.test_client() for app in workers)
    first.get("/login")
    cookie = first.get_cookie("session")
    assert cookie
    assert first.get("/").text == "ada" and said(caplog) == []
    second.set_cookie("session", cookie.value)
    assert [second.get("/").text for _ in range(3)] == ["nobody"] * 3
    [(level, text)] = said(caplog)
    assert level == "WARNING" and "SECRET_KEY_FALLBACKS" in text
    assert cookie.value[:20] not in caplog.text and "urandom" not in caplog.text


def test_a_session_folder_that_everybody_may_write_to_is_logged_at_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for kind in ("filesystem", "cachelib"):
        folder = tmp_path / kind
        folder.mkdir()
        folder.chmod(0o777)
        caplog.clear()
        app_of(kind, SESSION_FILE_DIR=str(folder))
        [(level, text)] = said(caplog)
        assert level == "WARNING" and f"every user of this machine may write to {folder}" in text


def test_a_store_that_fails_is_logged_where_sessions_become_read_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_of("redis", **NOBODY, SESSION_ON_STORE_FAILURE="read-only")
    app.add_url_rule("/login", "login", lambda: flask.session.update(name="ada") or "welcome")
    client = app.test_client()
    client.set_cookie("session", "a" * 43)
    assert client.get("/").text == "{'_permanent': True}"
    [(level, text)] = said(caplog)
    assert level == "ERROR" and "127.0.0.1:1" in text and "nothing listens" in text
    caplog.clear()
    fresh = app.test_client()
    assert fresh.get("/login").text == "welcome"
    assert "127.0.0.1:1" in "".join(text for _, text in said(caplog))
    assert "ada" not in caplog.text and "a" * 43 not in caplog.text


def test_a_store_that_fails_is_said_once_by_the_exception(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = app_of("redis", **NOBODY)
    visit = Visit(app)
    with pytest.raises(Exception, match="nothing listens"):
        visit.write({"name": "ada"})
    assert said(caplog) == []


class Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise ValueError("the log is full")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_log_that_fails_does_not_fail_the_request(tmp_path: Path) -> None:
    visit = Visit(app_of("filesystem", SESSION_FILE_DIR=str(tmp_path)))
    visit.write({"name": "ada"})
    for path in tmp_path.rglob("*/??/*"):
        path.write_bytes(path.read_bytes()[:60])
    handler: Any = Broken()
    logging.getLogger(SAID).addHandler(handler)
    try:
        assert visit.read() == {}
    finally:
        logging.getLogger(SAID).removeHandler(handler)

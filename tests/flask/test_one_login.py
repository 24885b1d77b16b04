"""examples/one-login: a Flask app and an axum service on one Redis, in both directions."""

from __future__ import annotations

import http.client
import importlib.util
import os
import socket
import subprocess
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from ports import free_port
from shops import unavailable
from werkzeug.test import Client

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "one-login"
PROGRAM = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / "one-login"


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis and a key prefix of the test's own, for both halves."""
    if "DEWAR_TEST_REDIS_URL" not in os.environ:
        unavailable("DEWAR_TEST_REDIS_URL is not set: scripts/servers start redis")
    monkeypatch.setenv("FLASK_SESSION_REDIS", os.environ["DEWAR_TEST_REDIS_URL"])
    monkeypatch.setenv("FLASK_SESSION_KEY_PREFIX", f"{uuid.uuid4().hex[:8]}:")


@pytest.fixture
def flask(settings: None) -> Client:
    spec = importlib.util.spec_from_file_location("one_login", EXAMPLE / "flask_app.py")
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app.test_client()


class Axum:
    """A browser at the axum half, whose cookie is the one of the Flask half's client."""

    def __init__(self, port: int, flask: Client) -> None:
        self.port, self.flask = port, flask

    def request(self, method: str, path: str, **form: str) -> str:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        cookie = self.flask.get_cookie("session")
        if cookie is not None:
            headers["Cookie"] = f"session={cookie.value}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with closing(connection):
            connection.request(method, path, urllib.parse.urlencode(form), headers)
            response = connection.getresponse()
            body = response.read().decode()
        assert response.status in (200, 303), body
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                value = value.partition(";")[0].partition("=")[2]
                if value:
                    self.flask.set_cookie("session", value)
                else:
                    self.flask.delete_cookie("session")
        return body


@contextmanager
def serving(output: IO[str] | None = None) -> Iterator[int]:
    """The axum half on a port; what it says goes to the output."""
    assert PROGRAM.exists(), "cargo build -p one-login"
    port = free_port()
    environment = {**os.environ, "ONE_LOGIN_ADDRESS": f"127.0.0.1:{port}"}
    with subprocess.Popen([PROGRAM], env=environment, stdout=output) as server:
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert server.poll() is None, "the axum half ended"
                    assert time.monotonic() < deadline, "the axum half does not listen"
                    time.sleep(0.05)
            yield port
        finally:
            server.terminate()
            server.wait(120)


@pytest.fixture
def axum(flask: Client) -> Iterator[Axum]:
    with serving() as port:
        yield Axum(port, flask)


def test_a_login_in_flask_is_one_in_axum(flask: Client, axum: Axum) -> None:
    assert "Logged in as" not in axum.request("GET", "/")
    flask.post("/login", data={"name": "Ada"})
    page = axum.request("GET", "/")
    assert "<strong>Ada</strong>" in page
    assert "Logged in by Flask." in page, "what Flask flashed is shown by axum"
    assert "Logged in by Flask." not in flask.get("/").text, "and only once"


def test_a_login_in_axum_is_one_in_flask(flask: Client, axum: Axum) -> None:
    axum.request("POST", "/login", name="Grace")
    page = flask.get("/").text
    assert "<strong>Grace</strong>" in page
    assert "Logged in by axum." in page
    assert "Logged in by axum." not in axum.request("GET", "/")


def test_both_fill_one_basket(flask: Client, axum: Axum) -> None:
    flask.post("/login", data={"name": "Ada"})
    flask.post("/basket", data={"item": "kettle"})
    axum.request("POST", "/basket", item="teapot")
    flask.post("/basket", data={"item": "cup"})
    basket = "<li>kettle</li><li>teapot</li><li>cup</li>"
    assert basket in axum.request("GET", "/")
    assert basket in flask.get("/").text


@pytest.mark.parametrize("where", ["flask", "axum"])
def test_a_logout_at_one_is_one_at_the_other(flask: Client, axum: Axum, where: str) -> None:
    flask.post("/login", data={"name": "Ada"})
    planted = flask.get_cookie("session")
    assert planted is not None
    if where == "flask":
        flask.post("/logout")
    else:
        axum.request("POST", "/logout")
    # Even with the cookie of before, at either.
    flask.set_cookie("session", planted.value)
    assert "Ada" not in flask.get("/").text
    assert "Ada" not in axum.request("GET", "/")


def test_axum_says_that_redis_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLASK_SESSION_REDIS", "redis://:hunter2@127.0.0.1:1")
    said = tmp_path / "said"
    with said.open("w") as output, serving(output) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        with closing(connection):
            connection.request("GET", "/", headers={"Cookie": f"session={'a' * 43}"})
            assert connection.getresponse().status == 500
    text = said.read_text()
    assert "nothing listens there" in text and "127.0.0.1:1" in text
    assert "hunter2" not in text and "a" * 43 not in text

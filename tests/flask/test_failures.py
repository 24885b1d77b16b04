"""What a request meets when its session cannot be opened or saved: the cause, once."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import flask
import flask_dewar
import pytest
from flask_dewar.asgi import SessionMiddleware
from flask_dewar.quart import Session as QuartSession
from quart import Quart
from quart import session as quart_session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from test_carried import DictCarrier

KEY = "9f3c1e77a05bd2846cf01b9de35a7482f3a91c07"


class ReadOnly(DictCarrier):
    """A store that takes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def create(self, key: str, data: bytes, expires: float) -> bool:
        self.asked += 1
        raise OSError("no space left on device")


def asked_once() -> int:
    """How often the store is asked when a session is saved once."""
    carrier = ReadOnly()
    app = flask.Flask(__name__)
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=carrier, PROPAGATE_EXCEPTIONS=True)
    flask_dewar.Session(app)
    with pytest.raises(flask_dewar.StoreError), app.test_client().session_transaction() as session:
        session["name"] = "ada"
    return carrier.asked


def test_a_session_that_cannot_be_saved_is_tried_once(caplog: pytest.LogCaptureFixture) -> None:
    carrier = ReadOnly()
    app = flask.Flask(__name__)
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=carrier)
    flask_dewar.Session(app)
    app.add_url_rule("/", view_func=lambda: flask.session.update(name="ada") or "welcome")
    client = app.test_client()
    for visits in (1, 2):
        assert client.get("/").status_code == 500
        assert carrier.asked == visits * asked_once()
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def take_back(session: Any) -> None:
    """Makes the session what it was before the request."""
    del session["_user_id"], session["profile"]
    session["visits"] = 1
    session["cart"] = ["apple"]


@pytest.mark.parametrize("kind", ["cookie", "memory"])
@pytest.mark.parametrize("value", [object(), 2**80], ids=["object", "number"])
@pytest.mark.parametrize(
    ("recover", "left"),
    [
        (take_back, {"visits": 1, "cart": ["apple"]}),
        (lambda session: session.clear(), {}),
        (
            lambda session: session.update(profile="none"),
            {"visits": 100, "_user_id": "5", "profile": "none"},
        ),
    ],
    ids=["taken back", "cleared", "mended"],
)
def test_after_a_save_that_failed_the_next_one_saves_what_is_in_the_session_then(
    kind: str, value: Any, recover: Any, left: dict[str, Any]
) -> None:
    app = flask.Flask(__name__)
    app.config.update(SECRET_KEY=KEY, SESSION_TYPE=kind)
    flask_dewar.Session(app)

    @app.get("/start")
    def start() -> str:
        flask.session.update(visits=1, cart=["apple"])
        return ""

    @app.get("/login")
    def login() -> str:
        flask.session["_user_id"] = "5"
        flask.session["visits"] = 100
        del flask.session["cart"]
        flask.session["profile"] = value
        return ""

    @app.errorhandler(500)
    def failed(error: Exception) -> tuple[str, int]:
        # Cookies hold any number.
        if "profile" in flask.session:
            recover(flask.session)
        return "", 500

    client = app.test_client()
    client.get("/start")
    if client.get("/login").status_code == 200:
        assert kind == "cookie" and value == 2**80
        return
    with client.session_transaction() as session:
        assert {key: session[key] for key in session if key != "_permanent"} == left


def test_a_session_that_was_cleared_is_so_after_a_save_that_failed() -> None:
    app = flask.Flask(__name__)
    app.config.update(SESSION_TYPE="memory")
    flask_dewar.Session(app)
    client, other = app.test_client(), app.test_client()

    @app.get("/set/<key>")
    def set_key(key: str) -> str:
        flask.session[key] = "ada"
        return ""

    @app.get("/logout")
    def logout() -> str:
        flask.session.clear()
        flask.session["reason"] = object()
        # Another request of the same browser, meanwhile.
        other.get("/set/name")
        return ""

    @app.errorhandler(500)
    def failed(error: Exception) -> tuple[str, int]:
        flask.session["reason"] = "logged out"
        return "", 500

    client.get("/set/user")
    cookie = client.get_cookie("session")
    assert cookie is not None
    other.set_cookie("session", cookie.value)
    assert client.get("/logout").status_code == 500
    with client.session_transaction() as session:
        assert dict(session) == {"_permanent": True, "reason": "logged out"}


@pytest.mark.parametrize("kind", ["cookie", "memory"])
def test_the_response_that_tells_of_a_failed_save_varies_by_the_cookie(kind: str) -> None:
    app = flask.Flask(__name__)
    app.config.update(SECRET_KEY=KEY, SESSION_TYPE=kind)
    flask_dewar.Session(app)
    app.add_url_rule("/", view_func=lambda: flask.session.update(name=object()) or "welcome")
    response = app.test_client().get("/")
    assert response.status_code == 500 and response.headers["Vary"] == "Cookie"


def test_in_quart_a_session_that_cannot_be_saved_is_tried_once() -> None:
    carrier = ReadOnly()
    app = Quart(__name__)
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=carrier)
    QuartSession(app)

    @app.get("/")
    async def index() -> str:
        quart_session["name"] = "ada"
        return "welcome"

    async def visit() -> int:
        response = await app.test_client().get("/")
        return response.status_code

    assert asyncio.run(visit()) == 500
    assert carrier.asked == asked_once()


def test_in_starlette_a_session_that_cannot_be_saved_is_an_error() -> None:
    async def index(request: Request) -> PlainTextResponse:
        request.session["name"] = "ada"
        return PlainTextResponse("welcome")

    carrier = ReadOnly()
    app = Starlette(routes=[Route("/", index)])
    app.add_middleware(
        SessionMiddleware,  # type: ignore[arg-type]
        config={"SESSION_TYPE": "redis", "SESSION_REDIS": carrier},
    )
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/").status_code == 500
    assert carrier.asked == asked_once()


@pytest.mark.parametrize(
    "settings", [{"SESSION_TYPE": "memory"}, {"SESSION_TYPE": "cookie", "SECRET_KEY": KEY}]
)
def test_the_cause_of_a_session_that_cannot_be_opened_is_the_only_error(
    settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = flask.Flask(__name__)
    app.config.update(settings)
    flask_dewar.Session(app)

    class Broken(type(app.session_interface)):  # type: ignore[misc]
        def open_session(self, app: flask.Flask, request: flask.Request) -> NoReturn:
            raise flask_dewar.StoreError("nothing listens there")

    app.session_interface.__class__ = Broken
    app.add_url_rule("/", view_func=lambda: "welcome")
    assert app.test_client().get("/").status_code == 500
    assert "nothing listens there" in caplog.text and "AttributeError" not in caplog.text
    assert len(caplog.records) == 1

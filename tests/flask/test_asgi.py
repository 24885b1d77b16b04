"""flask_dewar.asgi: the sessions of a Flask application in Starlette, both ways."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask_dewar import ConfigurationError, asgi
from flask_dewar.asgi import SessionMiddleware, to_its_end
from shops import TYPES, config_for, shop
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

KEY = "a key that is as long as it has to be: 0123456789"

#: A memory store is one application's.
shared = pytest.mark.parametrize(
    "settings", ["cookie", *(kind for kind in TYPES if kind != "memory")], indirect=True
)


async def nothing(request: Request) -> PlainTextResponse:
    return PlainTextResponse("nothing", headers={"Vary": "Accept-Encoding"})


async def set_value(request: Request) -> PlainTextResponse:
    request.session[request.path_params["key"]] = request.path_params["value"]
    return PlainTextResponse("set", headers={"Vary": "Accept-Encoding"})


async def append(request: Request) -> PlainTextResponse:
    request.session.setdefault(request.path_params["key"], []).append(request.path_params["value"])
    return PlainTextResponse("appended")


async def get_value(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(request.session.get(request.path_params["key"])))


async def get_raw(request: Request) -> PlainTextResponse:
    # As an encoder in C does, such as orjson.
    return PlainTextResponse(str(dict.get(request.session, request.path_params["key"])))


async def clear(request: Request) -> PlainTextResponse:
    request.session.clear()
    return PlainTextResponse("cleared")


async def later(request: Request) -> PlainTextResponse:
    def work() -> None:
        request.session["later"] = "done"

    return PlainTextResponse("begun", background=BackgroundTask(work))


async def fails(request: Request) -> PlainTextResponse:
    request.session["user"] = "nobody"
    raise RuntimeError("the handler failed")


async def socket(connection: WebSocket) -> None:
    connection.session["before"] = "accepted"
    await connection.accept()
    connection.session["by"] = await connection.receive_text()
    await connection.send_text(str(connection.session.get("user")))
    await connection.close()


async def chat(connection: WebSocket) -> None:
    await connection.accept()
    while True:
        connection.session["said"] = await connection.receive_text()
        await connection.send_text("heard")


ROUTES = [
    Route("/nothing", nothing),
    Route("/set/{key}/{value}", set_value),
    Route("/append/{key}/{value}", append),
    Route("/get/{key}", get_value),
    Route("/raw/{key}", get_raw),
    Route("/clear", clear),
    Route("/later", later),
    Route("/fails", fails),
    WebSocketRoute("/socket", socket),
    WebSocketRoute("/chat", chat),
]


@pytest.fixture(params=["cookie", *TYPES])
def settings(request: pytest.FixtureRequest, tmp_path: Any) -> dict[str, Any]:
    return config_for(request.param, tmp_path) | {"SECRET_KEY": KEY}


@pytest.fixture
def client(settings: dict[str, Any]) -> Iterator[TestClient]:
    app = Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, config=settings)])
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_a_session_lives_in_every_store(client: TestClient) -> None:
    assert client.get("/get/user").text == "None"
    client.get("/set/user/ada")
    assert client.get("/get/user").text == "ada"
    client.get("/append/cart/kettle")
    client.get("/append/cart/cup")
    assert client.get("/get/cart").text == "['kettle', 'cup']"
    client.get("/clear")
    assert client.get("/get/user").text == "None"


def test_whoever_looks_into_the_dict_past_its_methods_finds_what_is_stored(
    client: TestClient,
) -> None:
    client.get("/set/user/ada")
    assert client.get("/raw/user").text == "ada"


def test_headers_are_added_to_the_applications_own(client: TestClient) -> None:
    untouched = client.get("/nothing")
    assert untouched.headers.get_list("vary") == ["Accept-Encoding"]
    assert "set-cookie" not in untouched.headers
    written = client.get("/set/user/ada")
    assert written.headers["vary"] == "Accept-Encoding, Cookie"
    assert "HttpOnly" in written.headers["set-cookie"]
    assert client.get("/get/user").headers["vary"] == "Cookie"
    untouched = client.get("/nothing")
    assert untouched.headers.get_list("vary") == ["Accept-Encoding"]
    assert "set-cookie" not in untouched.headers


@shared
def test_flask_reads_what_starlette_wrote_and_the_reverse(
    settings: dict[str, Any], client: TestClient
) -> None:
    flask_client = shop(settings).test_client()
    client.get("/set/user/ada")
    flask_client.set_cookie("session", client.cookies["session"])
    assert flask_client.get("/get/user").text == "ada"
    flask_client.get("/set/user/grace")
    cookie = flask_client.get_cookie("session")
    assert cookie is not None
    client.cookies.clear()
    client.cookies.set("session", cookie.value)
    assert client.get("/get/user").text == "grace"


def test_what_is_written_after_the_response_is_kept_where_it_can_be(
    settings: dict[str, Any], client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/set/user/ada")
    with caplog.at_level(logging.WARNING):
        client.get("/later")
    kept = settings["SESSION_TYPE"] != "cookie"
    assert client.get("/get/later").text == ("done" if kept else "None")
    assert ("is lost" in caplog.text) is not kept


def test_a_web_socket_reads_and_writes(settings: dict[str, Any], client: TestClient) -> None:
    client.get("/set/user/ada")
    with client.websocket_connect("/socket") as connection:
        connection.send_text("socket")
        assert connection.receive_text() == "ada"
    if settings["SESSION_TYPE"] != "cookie":
        assert client.get("/get/before").text == "accepted"
        assert client.get("/get/by").text == "socket"


@pytest.mark.parametrize("server", ["tells", "cancels"])
def test_what_a_web_socket_wrote_is_kept_when_the_browser_goes_away(
    settings: dict[str, Any], client: TestClient, server: str
) -> None:
    client.get("/set/user/ada")
    cookie = f"session={client.cookies['session']}".encode()

    async def conversation() -> None:
        scope = {"type": "websocket", "path": "/chat", "headers": [(b"cookie", cookie)]}
        to_server: asyncio.Queue[Any] = asyncio.Queue()
        to_browser: asyncio.Queue[Any] = asyncio.Queue()
        handler = asyncio.create_task(client.app(scope, to_server.get, to_browser.put))  # type: ignore[arg-type]
        to_server.put_nowait({"type": "websocket.connect"})
        to_server.put_nowait({"type": "websocket.receive", "text": "ahoy"})
        assert (await to_browser.get())["type"] == "websocket.accept"
        assert (await to_browser.get())["text"] == "heard"
        if server == "tells":
            to_server.put_nowait({"type": "websocket.disconnect", "code": 1001})
        else:
            handler.cancel()
        with pytest.raises((WebSocketDisconnect, asyncio.CancelledError)):
            await handler

    asyncio.run(conversation())
    kept = settings["SESSION_TYPE"] != "cookie"
    assert client.get("/get/said").text == ("ahoy" if kept else "None")


def test_a_request_that_is_cancelled_ends_when_its_session_is_saved(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    saved = []
    middleware = SessionMiddleware(Starlette(routes=ROUTES), config_for("sqlite", tmp_path))
    save_session = middleware.interface.save_session

    def save_slowly(*arguments: Any) -> None:
        begun.set()
        assert may_end.wait(120)
        save_session(*arguments)
        saved.append(True)

    monkeypatch.setattr(middleware.interface, "save_session", save_slowly)

    async def requests() -> None:
        scope = {"type": "http", "method": "GET", "path": "/set/user/ada", "headers": []}
        request = asyncio.create_task(middleware(scope, asyncio.Event().wait, swallow))
        assert await asyncio.to_thread(begun.wait, 120)
        request.cancel()
        await asyncio.wait([request], timeout=0)
        assert not request.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await request
        assert saved

    asyncio.run(requests())


def test_only_what_waits_for_a_store_takes_a_thread(
    settings: dict[str, Any], client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved_in_threads = []

    async def counted(function: Any, *arguments: Any) -> None:
        saved_in_threads.append(function)
        await to_its_end(function, *arguments)

    monkeypatch.setattr(asgi, "to_its_end", counted)
    client.get("/set/user/ada")
    written = len(saved_in_threads)
    at_once = settings["SESSION_TYPE"] in {"cookie", *asgi.AT_ONCE}
    assert written == (0 if at_once else 1)
    read = client.get("/get/user")
    assert read.text == "ada"
    assert read.headers["Vary"] == "Cookie"
    assert client.get("/get/nothing").text == "None"
    assert len(saved_in_threads) == written
    client.get("/append/log/1")
    client.get("/append/log/2")
    assert client.get("/get/log").text == "['1', '2']"
    assert len(saved_in_threads) == 3 * written


async def swallow(message: Any) -> None:
    pass


def test_a_handler_that_fails_leaves_no_new_session(client: TestClient) -> None:
    failed = client.get("/fails")
    assert failed.status_code == 500
    assert client.get("/get/user").text == "None"


def test_a_wrong_configuration_is_an_error_at_start_up() -> None:
    with pytest.raises(ConfigurationError, match="memcached"):
        SessionMiddleware(Starlette(), {"SESSION_TYPE": "memcache"})
    with pytest.raises(ConfigurationError, match="SECRET_KEY is not set"):
        SessionMiddleware(Starlette(), {"SESSION_TYPE": "cookie"})

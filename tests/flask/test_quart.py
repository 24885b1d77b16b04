"""flask_dewar.quart: the sessions of a Flask application in Quart, both ways."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

import pytest
from flask_dewar import ConfigurationError
from flask_dewar.quart import Session
from quart import Quart, flash, get_flashed_messages, session, websocket
from shops import TYPES, config_for, shop

KEY = "a key that is as long as it has to be: 0123456789"


def quart_shop(settings: dict[str, Any]) -> Quart:
    app = Quart(__name__)
    app.config.update(settings)
    if "SESSION_TYPE" in settings:
        Session(app)

    @app.get("/nothing")
    async def nothing() -> str:
        return "nothing"

    @app.get("/set/<key>/<value>")
    async def set_value(key: str, value: str) -> str:
        session[key] = value
        return "set"

    @app.get("/slowly/<key>/<value>")
    async def set_slowly(key: str, value: str) -> str:
        session["seen"] = sorted(session)
        await asyncio.sleep(0)
        session[key] = value
        return "set"

    @app.get("/append/<key>/<value>")
    async def append(key: str, value: str) -> str:
        session.setdefault(key, []).append(value)
        return "appended"

    @app.get("/get/<key>")
    async def get_value(key: str) -> str:
        return str(session.get(key))

    @app.get("/clear")
    async def clear() -> str:
        session.clear()
        return "cleared"

    @app.get("/regenerate")
    async def regenerate() -> str:
        app.session_interface.regenerate(session)  # type: ignore[attr-defined]
        return "regenerated"

    @app.get("/flash")
    async def flash_it() -> str:
        await flash("ahoy")
        return "flashed"

    @app.get("/flashes")
    async def flashes() -> str:
        return ",".join(get_flashed_messages())

    @app.websocket("/socket")
    async def socket() -> None:
        session["by"] = await websocket.receive()
        await websocket.send(str(session.get("user")))

    @app.websocket("/chat")
    async def chat() -> None:
        while True:
            session["said"] = await websocket.receive()
            await websocket.send("heard")

    return app


#: A cookie is the browser's: the response that comes last wins, and it has no id.
on_servers = pytest.mark.parametrize("settings", TYPES, indirect=True)
#: A memory store is one application's.
shared = pytest.mark.parametrize(
    "settings", ["cookie", *(kind for kind in TYPES if kind != "memory")], indirect=True
)


@pytest.fixture(params=["cookie", *TYPES])
def settings(request: pytest.FixtureRequest, tmp_path: Any) -> dict[str, Any]:
    return config_for(request.param, tmp_path) | {"SECRET_KEY": KEY}


async def text(client: Any, path: str) -> str:
    response = await client.get(path)
    body: str = await response.get_data(as_text=True)
    assert response.status_code == 200, body
    return body


def test_a_session_lives_in_every_store(settings: dict[str, Any]) -> None:
    async def requests() -> None:
        client = quart_shop(settings).test_client()
        assert await text(client, "/get/user") == "None"
        await text(client, "/set/user/ada")
        assert await text(client, "/get/user") == "ada"
        await text(client, "/append/cart/kettle")
        await text(client, "/append/cart/cup")
        assert await text(client, "/get/cart") == "['kettle', 'cup']"
        await text(client, "/flash")
        assert await text(client, "/flashes") == "ahoy"
        assert await text(client, "/flashes") == ""
        await text(client, "/clear")
        assert await text(client, "/get/user") == "None"

    asyncio.run(requests())


def test_headers_are_as_in_flask(settings: dict[str, Any]) -> None:
    async def requests() -> None:
        client = quart_shop(settings).test_client()
        untouched = await client.get("/nothing")
        assert "Vary" not in untouched.headers
        assert "Set-Cookie" not in untouched.headers
        written = await client.get("/set/user/ada")
        assert written.headers["Vary"] == "Cookie"
        assert "HttpOnly" in written.headers["Set-Cookie"]
        read = await client.get("/get/user")
        assert read.headers["Vary"] == "Cookie"
        untouched = await client.get("/nothing")
        assert "Vary" not in untouched.headers
        assert "Set-Cookie" not in untouched.headers

    asyncio.run(requests())


@shared
def test_flask_reads_what_quart_wrote_and_the_reverse(settings: dict[str, Any]) -> None:
    flask_client = shop(settings).test_client()

    async def requests() -> None:
        quart_client = quart_shop(settings).test_client()
        response = await quart_client.get("/set/user/ada")
        value = response.headers["Set-Cookie"].split(";")[0].partition("=")[2]
        flask_client.set_cookie("session", value)
        assert flask_client.get("/get/user").text == "ada"
        flask_client.get("/set/user/grace")
        cookie = flask_client.get_cookie("session")
        assert cookie is not None
        quart_client.set_cookie("localhost", "session", cookie.value)
        assert await text(quart_client, "/get/user") == "grace"

    asyncio.run(requests())


@on_servers
def test_requests_at_once_keep_each_others_keys(settings: dict[str, Any]) -> None:
    async def requests() -> None:
        app = quart_shop(settings)
        client = app.test_client()
        await text(client, "/set/user/ada")
        await asyncio.gather(*(text(client, f"/slowly/k{n}/{n}") for n in range(12)))
        for number in range(12):
            assert await text(client, f"/get/k{number}") == str(number)

    asyncio.run(requests())


@on_servers
def test_a_new_id_makes_the_old_one_worthless(settings: dict[str, Any]) -> None:
    async def requests() -> None:
        app = quart_shop(settings)
        client = app.test_client()
        planted = await client.get("/set/user/ada")
        planted_cookie = planted.headers["Set-Cookie"].split(";")[0]
        await text(client, "/regenerate")
        assert await text(client, "/get/user") == "ada"
        stranger = app.test_client(use_cookies=False)
        response = await stranger.get("/get/user", headers={"Cookie": planted_cookie})
        assert await response.get_data(as_text=True) == "None"

    asyncio.run(requests())


def test_a_web_socket_writes_to_a_session_that_exists(
    settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async def requests() -> None:
        client = quart_shop(settings).test_client()
        await text(client, "/set/user/ada")
        async with client.websocket("/socket") as connection:
            await connection.send("socket")
            assert await connection.receive() == "ada"
        if settings["SESSION_TYPE"] == "cookie":
            assert await text(client, "/get/by") == "None"
            assert "is lost" in caplog.text
            return
        # Quart's client has waited for the handler, or cancelled it.
        assert await text(client, "/get/by") == "socket"

    with caplog.at_level(logging.WARNING):
        asyncio.run(requests())


@on_servers
def test_what_a_web_socket_wrote_is_kept_when_the_browser_goes_away(
    settings: dict[str, Any],
) -> None:
    async def requests() -> None:
        client = quart_shop(settings).test_client()
        await text(client, "/set/user/ada")
        async with client.websocket("/chat") as connection:
            await connection.send("ahoy")
            assert await connection.receive() == "heard"
        assert await text(client, "/get/said") == "ahoy"

    asyncio.run(requests())


def test_a_session_transaction_sees_and_sets(settings: dict[str, Any]) -> None:
    async def requests() -> None:
        client = quart_shop(settings).test_client()
        async with client.session_transaction() as inside:
            inside["user"] = "ada"
        assert await text(client, "/get/user") == "ada"
        async with client.session_transaction() as inside:
            assert inside["user"] == "ada"

    asyncio.run(requests())


def test_without_a_key_writing_says_what_is_missing() -> None:
    async def requests() -> None:
        app = quart_shop({"SESSION_TYPE": "cookie", "TESTING": True})
        client = app.test_client()
        assert await text(client, "/get/user") == "None"
        refused = await client.get("/set/user/ada")
        assert refused.status_code == 500
        page = await refused.get_data(as_text=True)
        assert "no secret key was set" in page
        # Which finding it is depends on what other tests have loaded: tests/flask/doctor looks at them one by one.
        assert re.search(r"DW(02|09)\d\d", page)

    asyncio.run(requests())


def test_a_wrong_configuration_is_an_error_at_start_up() -> None:
    with pytest.raises(ConfigurationError, match="memcached"):
        quart_shop({"SESSION_TYPE": "memcache"})


def test_expired_sessions_are_removed_by_the_command(tmp_path: Any) -> None:
    app = quart_shop(config_for("filesystem", tmp_path))
    result = app.test_cli_runner().invoke(args=["session_cleanup"])
    assert result.output == "0 expired sessions removed\n"

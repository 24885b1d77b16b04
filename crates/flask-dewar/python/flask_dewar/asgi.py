"""Sessions for Starlette, FastAPI and every other ASGI application: the same sessions as in Flask.

from flask_dewar.asgi import SessionMiddleware

app.add_middleware(SessionMiddleware, config={"SESSION_TYPE": "redis", "SESSION_REDIS": "redis://127.0.0.1:6379"})

The session is `request.session` in Starlette and FastAPI, and `scope["session"]` everywhere: the dict that Flask has, with
`permanent`, `modified` and `new`. It is loaded before the application runs, which reads it without awaiting: a
request that has the cookie costs one read, unlike in Flask, where an untouched session costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, cast

from flask import Flask, Response
from flask.sessions import SessionMixin
from werkzeug.http import parse_cookie

from . import explained, interface_for, lazy
from ._native import Session as Handle
from .base import ServerSideSession, ServerSideSessionInterface
from .cookie import SecureCookieSessionInterface
from .errors import ConfigurationError

#: The stores that answer in microseconds; for the others a thread waits, and not the event loop.
AT_ONCE = frozenset({"memory", "filesystem"})

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class SessionMiddleware:
    """Gives an ASGI application the sessions that a configuration asks for, with the keys that Flask has.

    Raises `ConfigurationError`, which is a `ValueError`, with all problems of the configuration.
    """

    def __init__(self, app: Application, config: Mapping[str, Any]) -> None:
        self._app = app
        # Flask's defaults, and what a session interface asks of an application.
        self._settings = Flask("flask_dewar.asgi")
        self._settings.config.update(config)
        try:
            self.interface = interface_for(self._settings)
        except ConfigurationError as error:
            raise explained(self._settings, error) from None
        if (
            isinstance(self.interface, SecureCookieSessionInterface)
            and not self._settings.secret_key
        ):
            missing = "not set" if self._settings.secret_key is None else "empty"
            raise ConfigurationError(
                f"SECRET_KEY is {missing}, and sessions in signed cookies need one: make a key with: flask dewar key new"
            )
        self._ahead = Ahead(self.interface)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        cookies = [value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie"]
        session = await self._ahead.open(self._settings, cookies)
        assert session is not None, "there is a key"
        scope["session"] = session
        answered = False

        async def send_with_cookie(message: Message) -> None:
            nonlocal answered
            if message["type"] in ("http.response.start", "websocket.accept") and not answered:
                answered = True
                response = Response(headers=[])
                vary = [
                    value for name, value in message.get("headers", ()) if name.lower() == b"vary"
                ]
                if vary:
                    response.headers["Vary"] = b", ".join(vary).decode("latin-1")
                await self._ahead.save(self._settings, session, response)
                message = dict(message)
                message["headers"] = merged(message.get("headers", ()), response)
            await send(message)

        # What was written after the response began: by its body, a background task, or a web socket.
        try:
            await self._app(scope, receive, send_with_cookie)
        except (Exception, asyncio.CancelledError):
            # Web sockets end so when the browser goes away. Before there is a response, a handler that fails leaves
            # nothing.
            if answered:
                await self._ahead.save_without_response(self._settings, session, told=True)
            raise
        await self._ahead.save_without_response(self._settings, session, told=answered)


def merged(headers: Iterable[tuple[bytes, bytes]], response: Response) -> list[tuple[bytes, bytes]]:
    """The application's headers with those that the session set."""
    kept = [(name, value) for name, value in headers if name.lower() != b"vary"]
    for name in ("Vary", "Set-Cookie"):
        for value in response.headers.getlist(name):
            kept.append((name.lower().encode(), value.encode("latin-1")))
    return kept


class Ahead:
    """Flask's session interface where nothing may wait: sessions are loaded ahead, and what waits for a server waits in a
    thread."""

    def __init__(self, interface: Any) -> None:
        self._interface = interface
        self._waits = (
            isinstance(interface, ServerSideSessionInterface)
            and interface.session_type not in AT_ONCE
        )
        # An application's own `save_session` is called for every session.
        self._saves_at_once = (
            "save_session" not in vars(interface)
            and type(interface).save_session is ServerSideSessionInterface.save_session
        )

    async def open(self, app: Flask, cookies: list[str]) -> SessionMixin | None:
        """The session of a request with these `Cookie` headers; None without a key."""
        opened = self._interface.open_session(app, Asked(cookies))
        if opened is None or not lazy.is_pending(opened):
            return cast("SessionMixin | None", opened)
        state = opened.__dict__
        session_class, partly, engine, header = state["_pending"]
        data: dict[str, Any] = {}
        if header is not None and self._waits:
            handle = await asyncio.to_thread(engine.open, header, data)
        else:
            handle = engine.open(header, data)
        # For whoever looks into the dict past its methods.
        dict.update(cast(Any, opened), data)
        state["_pending"] = (session_class, partly, Loaded(handle, data, state), header)
        return cast(SessionMixin, opened)

    async def save(self, app: Flask, session: SessionMixin, response: Any) -> None:
        """Saves the session, and adds its headers to the response."""
        if self._waits and not lazy.is_pending(session):
            if not self._saves_at_once or not self._interface.save_at_once(app, session, response):
                await to_its_end(self._interface.save_session, app, session, response)
        else:
            self._interface.save_session(app, session, response)
        if not lazy.is_pending(session):
            session.modified = False

    async def save_without_response(
        self, app: Flask, session: SessionMixin, told: bool = False
    ) -> None:
        """Saves a session whose browser can be told nothing any more, as when a web socket is closed; `told` says
        that it was told a new session's id before."""
        if lazy.is_pending(session):
            return
        if isinstance(session, ServerSideSession) and (told or not session.new):
            await self.save(app, session, Response())
        elif session.modified:
            app.logger.warning(
                "what was written to a session is lost: no cookie can be set any more, after the response or by a "
                "web socket"
            )


class Asked:
    """A request as far as a session is concerned: where WSGI puts the cookies."""

    def __init__(self, cookies: list[str]) -> None:
        self._header = "; ".join(cookies)
        self.environ = {"HTTP_COOKIE": self._header} if cookies else {}

    @property
    def cookies(self) -> Mapping[str, str]:
        """What Flask's own code reads, where it runs because an application replaced a part of it."""
        return parse_cookie(self._header)


class Loaded:
    """Stands for the engine of a session that was loaded ahead, until the application reaches for it."""

    def __init__(self, handle: Handle, data: Mapping[str, Any], state: dict[str, Any]) -> None:
        self._handle, self._data, self._state = handle, data, state

    def open(self, cookie_header: str | None, data: Any) -> Handle:
        """The session, which is filled already, counts as read from here on."""
        self._state["accessed"] = True
        return self._handle

    def is_permanent(self, cookie_header: str) -> bool:
        return bool(self._data.get("_permanent"))


async def to_its_end(function: Callable[..., None], *arguments: Any) -> None:
    """Runs a function that waits for a server in a thread.

    It runs to its end even if the request is cancelled meanwhile, as servers do when the browser goes away: what a
    handler wrote is saved. Only then is the request at its end, so that whoever cancelled it finds what it wrote.
    """
    running = asyncio.get_running_loop().run_in_executor(None, lambda: function(*arguments))
    cancelled = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from running.exception()
    running.result()

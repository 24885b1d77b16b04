"""Sessions for Quart, the asyncio sibling of Flask: the same configuration, the same sessions.

from flask_dewar.quart import Session

app.config["SESSION_TYPE"] = "redis"
app.config["SESSION_REDIS"] = "redis://127.0.0.1:6379"
Session(app)

A session is loaded before the handler runs, since a handler reads it without awaiting: a request that has the cookie costs
one read, unlike in Flask, where an untouched session costs nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn, cast

import click
from flask import Flask
from flask.sessions import NullSession, SessionMixin
from quart import Quart
from quart.globals import websocket_ctx
from quart.sessions import SessionInterface
from quart.wrappers import BaseRequestWebsocket

from . import explained, interface_for
from .asgi import Ahead
from .base import ServerSideSession, ServerSideSessionInterface
from .cookie import SecureCookieSessionInterface
from .errors import ConfigurationError


class Session:
    """Gives a Quart application the sessions that its configuration asks for, as `flask_dewar.Session` does for Flask."""

    def __init__(self, app: Quart | None = None) -> None:
        self.app = app
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Quart) -> None:
        """Replaces the application's session interface.

        Raises `ConfigurationError`, which is a `ValueError`, with all problems of the configuration.
        """
        # Quart is built on the same base as Flask: configuration, key, logger and JSON provider are the same.
        alike = cast(Flask, app)
        try:
            interface = AsyncSessionInterface(interface_for(alike))
        except ConfigurationError as error:
            raise explained(alike, error) from None
        app.session_interface = cast(Any, interface)
        app.teardown_websocket(interface.save_what_a_web_socket_wrote)

        @app.cli.command("session_cleanup")
        def session_cleanup() -> None:
            """Removes expired sessions from the store."""
            # What the commands of Flask need is not loaded before one runs.
            from .cli import told

            with told():
                click.echo(f"{interface.delete_expired_sessions()} expired sessions removed")


class AsyncSessionInterface(SessionInterface):
    """Flask's session interface as Quart asks for it: what waits for a server waits in a thread."""

    def __init__(self, interface: Any) -> None:
        #: The interface for Flask that does the work.
        self.interface: ServerSideSessionInterface | SecureCookieSessionInterface = interface
        self._ahead = Ahead(self.interface)

    async def open_session(self, app: Quart, request: BaseRequestWebsocket) -> SessionMixin | None:
        # HTTP/2 sends a header for each cookie.
        return await self._ahead.open(cast(Flask, app), request.headers.getlist("Cookie"))

    async def save_session(self, app: Quart, session: SessionMixin, response: Any) -> None:
        if response is None:
            # A web socket that is closed.
            await self._ahead.save_without_response(cast(Flask, app), session)
        else:
            await self._ahead.save(cast(Flask, app), session, response)

    async def save_what_a_web_socket_wrote(self, error: BaseException | None) -> None:
        """Saves the session of a web socket whose handler was cancelled, as Quart does when the browser goes away."""
        if isinstance(error, asyncio.CancelledError):
            session = websocket_ctx.session
            if session is not None and not self.is_null_session(session):
                await self._ahead.save_without_response(cast(Flask, websocket_ctx.app), session)

    async def make_null_session(self, app: Quart) -> NullSession:
        return ExplainedNullSession(app)

    def is_null_session(self, instance: object) -> bool:
        return isinstance(instance, NullSession)

    def regenerate(self, session: SessionMixin) -> None:
        """Gives the session a new id and keeps its data: to be called at login."""
        # The engine fills a dict, which `quart.session` only stands for.
        session = getattr(session, "_get_current_object", lambda: session)()
        if isinstance(self.interface, ServerSideSessionInterface) and isinstance(
            session, ServerSideSession
        ):
            self.interface.regenerate(session)

    def delete_expired_sessions(self) -> int:
        """Removes all expired sessions from a store that does not do that by itself: how many there were."""
        if isinstance(self.interface, ServerSideSessionInterface):
            return self.interface.delete_expired_sessions()
        return 0


class ExplainedNullSession(NullSession):
    """The empty session of an application without a key: writing to it says what is missing, and where."""

    def __init__(self, app: Quart) -> None:
        super().__init__()
        self.__dict__["_app"] = app

    def _explain(self, *args: Any, **kwargs: Any) -> NoReturn:
        from .diagnosis import explain_null_session

        raise RuntimeError(explain_null_session(self.__dict__["_app"]))

    __setitem__ = __delitem__ = clear = pop = popitem = update = setdefault = _explain
    del _explain

"""WSGI applications with the same routes, one for each way to keep sessions, by name.

/login/SIZE   fills the session: small or large
/nothing      does not touch it
/read         reads one value
/write        changes one value
/cart         reads the list that a large session has
/set/KEY      sets a key and takes a moment, in which others run; /has/KEY says whether it is there
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from tempfile import mkdtemp
from typing import Any

KEY = "a secret key of some length, for a benchmark"
SMALL = {"user_id": 42, "name": "Ada Lovelace", "admin": False}
LARGE = SMALL | {
    "cart": [{"item": f"item number {n}", "count": n, "price": 9.5} for n in range(20)]
}
SESSIONS = {"small": SMALL, "large": LARGE}
BARE_GET = "Redis: a bare GET, no session"
# How long a handler does something else, where many write one session at once.
MOMENT = 0.002


def in_flask(configure: Callable[[Any], None]) -> Any:
    import flask

    app = flask.Flask(__name__)
    app.secret_key = KEY
    app.config["MAX_COOKIE_SIZE"] = 0
    configure(app)

    @app.get("/login/<size>")
    def login(size: str) -> str:
        flask.session.update(SESSIONS[size])
        return "ok"

    @app.get("/nothing")
    def nothing() -> str:
        return "ok"

    @app.get("/read")
    def read() -> str:
        return flask.session.get("name", "nobody")

    @app.get("/write")
    def write() -> str:
        flask.session["visits"] = flask.session.get("visits", 0) + 1
        return "ok"

    @app.get("/cart")
    def cart() -> str:
        return str(len(flask.session.get("cart", ())))

    @app.get("/set/<key>")
    def set_key(key: str) -> str:
        flask.session[key] = 1
        time.sleep(MOMENT)
        return "ok"

    @app.get("/has/<key>")
    def has_key(key: str) -> str:
        return str(key in flask.session)

    return app


def no_session() -> Any:
    """The class of an interface without sessions: what the request costs by itself."""
    from flask.sessions import SecureCookieSession, SessionInterface

    class NoSession(SessionInterface):
        def open_session(self, app: Any, request: Any) -> Any:
            return SecureCookieSession()

        def save_session(self, app: Any, session: Any, response: Any) -> None:
            return None

    return NoSession


def without(app: Any) -> None:
    app.session_interface = no_session()()


def dewar_cookie(app: Any) -> None:
    import flask_dewar

    app.session_interface = flask_dewar.SecureCookieSessionInterface()


def dewar(**config: Any) -> Callable[[Any], None]:
    def configure(app: Any) -> None:
        import flask_dewar

        app.config.update(config)
        flask_dewar.Session(app)

    return configure


def flask_session(url: str) -> Callable[[Any], None]:
    def configure(app: Any) -> None:
        import flask_session
        import redis

        app.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.Redis.from_url(url))
        flask_session.Session(app)

    return configure


def bare_get(url: str) -> Callable[[Any], None]:
    """No session, but one round trip to Redis by a plain socket: what nothing that asks a server can be below."""
    import socket
    import threading
    from urllib.parse import urlsplit

    where = urlsplit(url)
    connection = threading.local()
    command = b"*2\r\n$3\r\nGET\r\n$7\r\nsession\r\n"

    class BareGet(no_session()):
        def open_session(self, app: Any, request: Any) -> Any:
            if not hasattr(connection, "socket"):
                connection.socket = socket.create_connection((where.hostname, where.port or 6379))
                connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.socket.sendall(command)
            if connection.socket.recv(4096) != b"$-1\r\n":
                raise RuntimeError("Redis did not say that there is no such key")
            return super().open_session(app, request)

    def configure(app: Any) -> None:
        app.session_interface = BareGet()

    return configure


def in_django(middleware: list[str]) -> Any:
    """Django with these middlewares; one that has no sessions does as little as it can."""
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.test.utils import override_settings
    from django.urls import path

    def login(request: Any, size: str) -> HttpResponse:
        if hasattr(request, "session"):
            request.session.update(SESSIONS[size])
        return HttpResponse("ok")

    def nothing(request: Any) -> HttpResponse:
        return HttpResponse("ok")

    def read(request: Any) -> HttpResponse:
        name = request.session.get("name", "nobody") if hasattr(request, "session") else "nobody"
        return HttpResponse(name)

    def write(request: Any) -> HttpResponse:
        if hasattr(request, "session"):
            request.session["visits"] = request.session.get("visits", 0) + 1
        return HttpResponse("ok")

    def cart(request: Any) -> HttpResponse:
        items = request.session.get("cart", ()) if hasattr(request, "session") else ()
        return HttpResponse(str(len(items)))

    if not settings.configured:
        settings.configure(
            SECRET_KEY=KEY,
            ALLOWED_HOSTS=["*"],
            SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
            LOGGING_CONFIG=None,
            ROOT_URLCONF=(
                path("login/<size>", login),
                path("nothing", nothing),
                path("read", read),
                path("write", write),
                path("cart", cart),
            ),
        )
        django.setup()
    with override_settings(MIDDLEWARE=middleware):
        return WSGIHandler()


def floor(name: str) -> str:
    """The application of the same framework without sessions."""
    return "Django, no session" if "Django" in name else "Flask, no session"


def makers(redis_url: str | None) -> dict[str, Callable[[], Any]]:
    """What makes each application; an ImportError says what is missing for it."""

    def flask_cookie(app: Any) -> None:
        from flask.sessions import SecureCookieSessionInterface

        app.session_interface = SecureCookieSessionInterface()

    sqlite = {"SESSION_TYPE": "sqlite", "SESSION_SQLITE": f"sqlite:///{mkdtemp()}/sessions.db"}
    files = {"SESSION_TYPE": "filesystem", "SESSION_FILE_DIR": mkdtemp()}
    sessions = "django.contrib.sessions.middleware.SessionMiddleware"
    found: dict[str, Callable[[], Any]] = {
        "Flask, no session": lambda: in_flask(without),
        "cookie: Flask": lambda: in_flask(flask_cookie),
        "cookie: Dewar": lambda: in_flask(dewar_cookie),
        "Django, no session": lambda: in_django([]),
        "cookie: Django": lambda: in_django([sessions]),
        "memory: Dewar": lambda: in_flask(dewar(SESSION_TYPE="memory")),
        "SQLite: Dewar": lambda: in_flask(dewar(**sqlite)),
        "filesystem: Dewar": lambda: in_flask(dewar(**files)),
    }
    if redis_url:
        redis = {"SESSION_TYPE": "redis", "SESSION_REDIS": redis_url}
        found["Redis: Flask-Session"] = lambda: in_flask(flask_session(redis_url))
        found["Redis: Dewar"] = lambda: in_flask(dewar(**redis))
        found[BARE_GET] = lambda: in_flask(bare_get(redis_url))
    return found


def served() -> Any:
    """The one that gunicorn serves."""
    return makers(os.environ.get("DEWAR_BENCHMARK_REDIS"))[os.environ["DEWAR_BENCHMARK"]]()

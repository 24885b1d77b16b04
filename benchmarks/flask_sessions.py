"""What a session costs a Flask request: Dewar beside Flask's own sessions and Flask-Session 0.8.

    python benchmarks/flask_sessions.py [--redis redis://127.0.0.1:6379/0] [--rounds 40]

Whole WSGI requests in one thread, without a server. All candidates take turns in short rounds, so that they meet the
same machine; what is shown is the CPU time of a round that a tenth of them were faster than, in microseconds, and in
brackets what of it is above that of a request of an application without sessions. (Slower rounds measure what else the
machine does.)
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import flask
import flask.sessions
import flask_dewar

KEY = "a secret key of some length, for a benchmark"
REQUESTS = 200

SMALL = {"user_id": 42, "name": "Ada Lovelace", "admin": False}
LARGE = SMALL | {
    "cart": [{"item": f"item number {n}", "count": n, "price": 9.5} for n in range(20)]
}


class NoSession(flask.sessions.SessionInterface):
    """No session at all: what the request costs by itself."""

    def open_session(
        self, app: flask.Flask, request: flask.Request
    ) -> flask.sessions.SecureCookieSession:
        return flask.sessions.SecureCookieSession()

    def save_session(self, app: flask.Flask, session: Any, response: flask.Response) -> None:
        return None


def application(configure: Callable[[flask.Flask], None], data: dict[str, Any]) -> flask.Flask:
    app = flask.Flask(__name__)
    app.secret_key = KEY
    app.config["MAX_COOKIE_SIZE"] = 0
    configure(app)

    @app.get("/login")
    def login() -> str:
        flask.session.update(data)
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

    return app


class Visitor:
    """A browser that does as little as possible."""

    def __init__(self, app: flask.Flask) -> None:
        self.app = app
        self.environ = flask.Flask(__name__).test_request_context("/").request.environ
        self.cookie = ""
        self.get("/login")

    def get(self, path: str) -> None:
        environ = {**self.environ, "PATH_INFO": path, "HTTP_COOKIE": self.cookie}
        body: Iterable[bytes] = self.app.wsgi_app(environ, self.start_response)
        for _ in body:
            pass

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Any:
        if status != "200 OK":
            sys.exit(f"{status} from a candidate")
        for name, value in headers:
            if name == "Set-Cookie":
                self.cookie = value.split(";")[0]


def candidates(redis_url: str | None) -> dict[str, Callable[[flask.Flask], None]]:
    import flask_session

    def interface(made: flask.sessions.SessionInterface) -> Callable[[flask.Flask], None]:
        return lambda app: setattr(app, "session_interface", made)

    def extension(session: type[Any], **config: Any) -> Callable[[flask.Flask], None]:
        def configure(app: flask.Flask) -> None:
            app.config.update(config)
            session(app)

        return configure

    found = {
        "no session": interface(NoSession()),
        "cookie: Flask": interface(flask.sessions.SecureCookieSessionInterface()),
        "cookie: Dewar": interface(flask_dewar.SecureCookieSessionInterface()),
        "memory: Dewar": extension(flask_dewar.Session, SESSION_TYPE="memory"),
        "sqlite: Dewar": extension(
            flask_dewar.Session,
            SESSION_TYPE="sqlite",
            SESSION_SQLITE=f"sqlite:///{mkdtemp()}/sessions.db",
        ),
        "filesystem: Dewar": extension(
            flask_dewar.Session, SESSION_TYPE="filesystem", SESSION_FILE_DIR=mkdtemp()
        ),
    }
    if redis_url is not None:
        import redis

        client = redis.Redis.from_url(redis_url)
        found["redis: Flask-Session"] = extension(
            flask_session.Session, SESSION_TYPE="redis", SESSION_REDIS=client
        )
        found["redis: Dewar"] = extension(
            flask_dewar.Session, SESSION_TYPE="redis", SESSION_REDIS=redis_url
        )
    return found


def undisturbed(times: list[float]) -> float:
    """The time that a tenth of the rounds were faster than."""
    return statistics.quantiles(times, n=10)[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--redis", help="the URL of a Redis server")
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    print(
        f"{sys.implementation.name} {sys.version.split()[0]}, {Path(flask_dewar._native.__file__).name}"
    )
    for size, data in {"58 bytes": SMALL, "1 KB": LARGE}.items():
        visitors = {
            name: Visitor(application(make, data))
            for name, make in candidates(arguments.redis).items()
        }
        print(f"\n{size:<24}{'untouched':>20}{'read':>20}{'write':>20}")
        times: dict[tuple[str, str], list[float]] = {}
        for _ in range(arguments.rounds):
            for path in ("/nothing", "/read", "/write"):
                for name, visitor in visitors.items():
                    visitor.get(path)
                    before = time.process_time()
                    for _ in range(REQUESTS):
                        visitor.get(path)
                    taken = (time.process_time() - before) / REQUESTS * 1e6
                    times.setdefault((name, path), []).append(taken)
        for name in visitors:
            cells = []
            for path in ("/nothing", "/read", "/write"):
                whole = undisturbed(times[name, path])
                bare = undisturbed(times["no session", path])
                cells.append(f"{whole:8.1f} ({whole - bare:+7.1f})")
            print(f"{name:<24}" + "".join(f"{cell:>20}" for cell in cells))


if __name__ == "__main__":
    main()

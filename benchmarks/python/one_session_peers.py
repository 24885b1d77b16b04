"""One session in a Python process: Flask, itsdangerous, Django, Flask-Session's codec, and Dewar's interface for Flask.

Asked by one_session.py over the standard input, like the program of the same name in Rust: the sessions come first, as
JSON; then lines of a task's number and how often, each answered with the CPU time in seconds.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

KEY = "4f8a3b1c9d2e7f605142839fbacde0175b6c7d8e9f0a1b2c3d4e5f6071829304"
SAVE, READ, WITHOUT = "cookie: open and save", "cookie: read one value", "without"

Task = tuple[str, str, str, Callable[[], Any]]


def flask(size: str, data: dict[str, Any]) -> list[Task]:
    from flask.sessions import SecureCookieSessionInterface

    return interface(size, data, "Flask", SecureCookieSessionInterface())


def dewar(size: str, data: dict[str, Any]) -> list[Task]:
    from flask_dewar import SecureCookieSessionInterface

    return interface(size, data, "flask-dewar", SecureCookieSessionInterface())


def interface(size: str, data: dict[str, Any], who: str, made: Any) -> list[Task]:
    """A session interface, called as Flask calls it; the request and the response are made once."""
    from flask import Flask
    from werkzeug.http import parse_cookie

    app = Flask(__name__)
    app.secret_key = KEY
    app.config["MAX_COOKIE_SIZE"] = 0
    # Where the response looks for that size.
    app.app_context().push()
    with app.test_request_context("/") as context:
        session = made.open_session(app, context.request)
        session.update(data)
        response = app.response_class("hello")
        made.save_session(app, session, response)
    cookie = response.headers["Set-Cookie"].split(";")[0]
    assert parse_cookie(cookie)["session"]
    environ = app.test_request_context("/", headers={"Cookie": cookie}).request.environ

    def save() -> None:
        request, response = app.request_class(environ), app.response_class("hello")
        session = made.open_session(app, request)
        session["visits"] = 18
        made.save_session(app, session, response)
        assert "Set-Cookie" in response.headers

    def read() -> None:
        request, response = app.request_class(environ), app.response_class("hello")
        session = made.open_session(app, request)
        assert session["visits"] == 17
        made.save_session(app, session, response)

    def neither() -> None:
        app.request_class(environ), app.response_class("hello")

    made_twice: list[Task] = [(SAVE, size, who, save), (READ, size, who, read)]
    # What the two above contain that is not the session's.
    return [*made_twice, (WITHOUT, size, who, neither)]


def itsdangerous(size: str, data: dict[str, Any]) -> list[Task]:
    from itsdangerous import URLSafeTimedSerializer

    serializer = URLSafeTimedSerializer(KEY, salt="cookie-session")
    value = serializer.dumps(data)

    def save() -> None:
        session = serializer.loads(value, max_age=2_678_400)
        session["visits"] = 18
        serializer.dumps(session)

    def read() -> None:
        assert serializer.loads(value, max_age=2_678_400)["visits"] == 17

    return [(SAVE, size, "itsdangerous", save), (READ, size, "itsdangerous", read)]


def django(size: str, data: dict[str, Any]) -> list[Task]:
    from django.conf import settings

    if not settings.configured:
        settings.configure(SECRET_KEY=KEY)
    from django.contrib.sessions.backends.signed_cookies import SessionStore

    filled = SessionStore()
    filled.update(data)
    filled.save()
    cookie = filled.session_key

    def save() -> None:
        session = SessionStore(cookie)
        session["visits"] = 18
        session.save()
        assert session.session_key

    def read() -> None:
        assert SessionStore(cookie)["visits"] == 17

    return [(SAVE, size, "Django", save), (READ, size, "Django", read)]


def msgspec(size: str, data: dict[str, Any]) -> list[Task]:
    from msgspec import json, msgpack

    if "compressed" in size:
        return []
    tasks: list[Task] = []
    for name, codec in {"msgpack": msgpack, "JSON": json}.items():
        encoder, decoder = codec.Encoder(), codec.Decoder()
        encoded = encoder.encode(data)

        def encode(encoder: Any = encoder) -> None:
            encoder.encode(data)

        def decode(decoder: Any = decoder, encoded: bytes = encoded) -> None:
            decoder.decode(encoded)

        tasks += [
            (f"{name}: encode", size, "msgspec in Python", encode),
            (f"{name}: decode", size, "msgspec in Python", decode),
        ]
    return tasks


def main() -> None:
    sessions: dict[str, dict[str, Any]] = json.loads(sys.stdin.readline())
    tasks: list[Task] = []
    missing = []
    for peer in (flask, itsdangerous, django, msgspec, dewar):
        try:
            for size, data in sessions.items():
                tasks += peer(size, data)
        except ImportError as error:
            missing.append(f"{peer.__name__}: {error}")
    versions = {"CPython": sys.version.split()[0]}
    for package in ("flask", "werkzeug", "itsdangerous", "django", "msgspec", "flask-dewar"):
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    named = [task[:3] for task in tasks]
    print(json.dumps({"tasks": named, "versions": versions, "missing": missing}), flush=True)
    for line in sys.stdin:
        task, times = map(int, line.split())
        work = tasks[task][3]
        before = time.process_time()
        for _ in range(times):
            work()
        print(time.process_time() - before, flush=True)


if __name__ == "__main__":
    main()

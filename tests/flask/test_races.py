"""Requests that run at the same time: nobody's changes are lost, and nobody sees another's session."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cachelib
import flask
import flask_dewar

App = Callable[..., flask.Flask]

USERS = 8
REQUESTS = 60


def test_eight_threads_of_eight_users_never_see_another_ones_session(make_app: App) -> None:
    app = make_app()

    def visit(user: int) -> None:
        client = app.test_client()
        client.get(f"/set/user/{user}")
        for number in range(REQUESTS):
            assert client.get("/get/user").text == str(user)
            if number % 5 == 0:
                assert client.get(f"/set/number/{number}").status_code == 200
                assert client.get("/get/number").text == str(number)

    with ThreadPoolExecutor(USERS) as pool:
        for done in [pool.submit(visit, user) for user in range(USERS)]:
            done.result()


def test_requests_of_one_user_at_the_same_time_do_not_lose_each_others_keys(make_app: App) -> None:
    app = make_app()
    together = threading.Barrier(USERS)

    @app.get("/slow/<key>")
    def slow(key: str) -> str:
        flask.session[key] = "written"
        # All have read the session before any of them writes.
        together.wait(120)
        return "written"

    first = app.test_client()
    first.get("/set/start/1")
    sid = first.get_cookie("session")
    assert sid is not None

    def visit(number: int) -> int:
        client = app.test_client()
        client.set_cookie("session", sid.value)
        return client.get(f"/slow/key{number}").status_code

    with ThreadPoolExecutor(USERS) as pool:
        assert list(pool.map(visit, range(USERS))) == [200] * USERS
    assert first.get("/all").json == {
        "_permanent": True,
        "start": "1",
        **{f"key{number}": "written" for number in range(USERS)},
    }


def test_a_slow_request_does_not_undo_a_logout(make_app: App) -> None:
    app = make_app()
    opened, logged_out = threading.Event(), threading.Event()

    @app.get("/slow")
    def slow() -> str:
        flask.session["late"] = "write"
        opened.set()
        assert logged_out.wait(120)
        return "done"

    client = app.test_client()
    client.get("/set/name/ada")
    sid = client.get_cookie("session")
    assert sid is not None

    def visit() -> int:
        other = app.test_client()
        other.set_cookie("session", sid.value)
        response = other.get("/slow")
        assert "Set-Cookie" not in response.headers
        return response.status_code

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(visit)
        assert opened.wait(120)
        client.get("/clear")
        logged_out.set()
        assert late.result() == 200
    client.set_cookie("session", sid.value)
    assert client.get("/all").json == {"_permanent": True}


class Gated(cachelib.SimpleCache):
    """A cache whose first read, once it is armed, is answered when the second has begun, and the second when somebody has
    written."""

    def __init__(self) -> None:
        super().__init__()
        # Dewar works on a copy, which shares these.
        self.armed, self.reads = threading.Event(), itertools.count(1)
        self.first_began, self.second_began = threading.Event(), threading.Event()
        self.written = threading.Event()

    def get(self, key: str) -> Any:
        found = super().get(key)
        match next(self.reads) if self.armed.is_set() else None:
            case 1:
                self.first_began.set()
                assert self.second_began.wait(120)
            case 2:
                self.second_began.set()
                assert self.written.wait(120)
        return found


def test_a_thread_that_is_late_with_loading_undoes_nothing() -> None:
    cache = Gated()
    app = flask.Flask(__name__)
    app.config.update(SECRET_KEY="k" * 32, SESSION_TYPE="cachelib", SESSION_CACHELIB=cache)
    flask_dewar.Session(app)
    cart = list(range(200))
    seen: list[Any] = []

    def write() -> None:
        flask.session["state"] = "paid"
        flask.session["cart"].append("last")
        del flask.session["gone"]
        cache.written.set()

    def read() -> None:
        assert cache.first_began.wait(120)
        seen.append(dict(flask.session))

    @app.get("/fill")
    def fill() -> str:
        flask.session.update(cart=cart, state="old", gone=1)
        return "filled"

    @app.get("/work")
    def work() -> str:
        # Neither has reached for the session before.
        jobs = [flask.copy_current_request_context(job) for job in (write, read)]
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()
        return "worked"

    client = app.test_client()
    client.get("/fill")
    cache.armed.set()
    assert client.get("/work").text == "worked"
    expected = {"_permanent": True, "cart": [*cart, "last"], "state": "paid"}
    assert seen == [expected]
    with client.session_transaction() as session:
        assert dict(session) == expected


def test_threads_of_a_request_that_reach_for_its_session_first_share_it() -> None:
    app = flask.Flask(__name__)
    app.config.update(SECRET_KEY="k" * 32, SESSION_TYPE="memory")
    flask_dewar.Session(app)
    threads = 4

    @app.get("/work")
    def work() -> str:
        start = threading.Barrier(threads)

        def write(number: int) -> None:
            start.wait(120)
            flask.session[f"key{number}"] = number

        jobs = [flask.copy_current_request_context(write) for _ in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(job, number) for number, job in enumerate(jobs)]:
                done.result()
        return "worked"

    for _ in range(100):
        client = app.test_client()
        with client.session_transaction() as session:
            session["cart"] = list(range(200))
        assert client.get("/work").text == "worked"
        with client.session_transaction() as session:
            assert {f"key{number}": number for number in range(threads)}.items() <= session.items()
            assert session["cart"] == list(range(200))

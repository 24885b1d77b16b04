"""Requests that run at the same time: nobody's changes are lost, and nobody sees another's session."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import flask

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
        together.wait(20)
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
        assert logged_out.wait(20)
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
        assert opened.wait(20)
        client.get("/clear")
        logged_out.set()
        assert late.result() == 200
    client.set_cookie("session", sid.value)
    assert client.get("/all").json == {"_permanent": True}

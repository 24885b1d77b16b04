"""Workers of gevent and eventlet: while one request waits for the store, all others of the worker go on."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from shops import config_for
from test_processes import GEVENT, Browser, Workers, serving

#: Whose connection carries the records, by what the application gives, and when it is loaded.
CARRIED = {"SESSION_DEWAR_CONNECTION": "client"}
WAYS: dict[str, tuple[list[str], str, dict[str, str], str]] = {
    "url": (["--bind"], "", {}, "RedisStore"),
    "url, preloaded": (["--preload", "--bind"], "", {}, "RedisStore"),
    "client": (["--bind"], "yes", {}, "RedisStore"),
    "client that carries": (["--bind"], "yes", CARRIED, "the application's client"),
    "client that carries, preloaded": (
        ["--preload", "--bind"],
        "yes",
        CARRIED,
        "the application's client",
    ),
}
#: As long as others need, while the store does not answer.
PATIENT = {"SESSION_CONNECT_TIMEOUT": 600, "SESSION_OPERATION_TIMEOUT": 600}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


class Gate:
    """A relay in front of a server, which can hold back the answers."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.server = (parts.hostname, parts.port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        self.url = parts._replace(netloc=f"127.0.0.1:{port}").geturl()
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.server)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(
                    target=self.copy, args=(source, sink, source is server), daemon=True
                ).start()

    def copy(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with source, sink:
            try:
                while data := source.recv(65536):
                    if answers and not self.open.is_set():
                        self.asked.set()
                        self.open.wait()
                    sink.sendall(data)
            except OSError:
                # Either side has closed the connection.
                return


@contextmanager
def gate(url: str) -> Iterator[Gate]:
    made = Gate(url)
    try:
        yield made
    finally:
        made.open.set()
        made.listener.shutdown(socket.SHUT_RDWR)
        made.listener.close()


@ways
def test_while_a_request_waits_for_the_store_others_are_answered(
    way: tuple[list[str], str, dict[str, str], str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, client, more, expected = way
    monkeypatch.setenv("DEWAR_TEST_CLIENT", client)
    config = config_for("redis", tmp_path) | more
    with (
        gate(config["SESSION_REDIS"]) as redis,
        serving(
            config | PATIENT | {"SESSION_REDIS": redis.url},
            [*GEVENT, "--workers", "1", *arguments],
            1,
        ) as port,
    ):
        assert expected in Browser(port).get("/way")
        others_go_on(port, redis)


def others_go_on(port: int, redis: Gate) -> None:
    """While two requests wait for the store, one to read and one to write, others of the worker are answered."""
    reader, writer = Browser(port), Browser(port)
    for browser in (reader, writer):
        browser.get("/set/user/ada")
    redis.open.clear()
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(reader.get, "/get/user"), pool.submit(writer.get, "/set/user/bob")]
        try:
            assert redis.asked.wait(120)
            for _ in range(20):
                assert Browser(port).get("/nothing") == "nothing"
            for one in waiting:
                with pytest.raises(NotYet):
                    one.result(0)
        finally:
            redis.open.set()
        assert [one.result(120) for one in waiting] == ["ada", "set"]
    assert writer.get("/get/user") == "bob"


@ways
def test_eight_users_of_a_patched_worker_never_see_another_ones_session(
    way: tuple[list[str], str, dict[str, str], str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, client, more, _ = way
    monkeypatch.setenv("DEWAR_TEST_CLIENT", client)
    config = config_for("redis", tmp_path) | more
    workers = Workers(2)
    with serving(config, [*GEVENT, *arguments]) as port:

        def visit(user: int) -> None:
            browser = Browser(port)
            browser.get(f"/set/user/{user}")
            numbers = []
            for number in workers.at_least(40):
                assert browser.get("/get/user") == str(user)
                assert browser.get(f"/append/numbers/{number}") == "appended"
                numbers.append(str(number))
                workers.seen.add(browser.get("/pid"))
            assert browser.get("/get/numbers") == str(numbers)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(visit, range(8)))


EVENTLET = """
import sys, eventlet
eventlet.monkey_patch()
import eventlet.wsgi
from served import app
host, port = sys.argv[1].split(":")
eventlet.wsgi.server(eventlet.listen((host, int(port))), app, log_output=False)
"""


@pytest.mark.parametrize("client", ["yes", ""], ids=["client", "url"])
def test_so_it_is_with_eventlet(
    client: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEWAR_TEST_CLIENT", client)
    # Its own resolver brings trio, which it has broken.
    monkeypatch.setenv("EVENTLET_NO_GREENDNS", "yes")
    config = config_for("redis", tmp_path)
    with (
        gate(config["SESSION_REDIS"]) as redis,
        serving(
            config | PATIENT | {"SESSION_REDIS": redis.url},
            [sys.executable, "-W", "ignore", "-c", EVENTLET],
            1,
        ) as port,
    ):
        others_go_on(port, redis)


def test_with_eventlet_a_client_that_would_carry_is_refused() -> None:
    program = (
        "import eventlet; eventlet.monkey_patch()\n"
        "import redis; from shops import shop\n"
        "shop({'SESSION_TYPE': 'redis', 'SESSION_REDIS': redis.Redis(), 'SESSION_DEWAR_CONNECTION': 'client'})"
    )
    environment = {
        **os.environ,
        "EVENTLET_NO_GREENDNS": "yes",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "ConfigurationError: eventlet has patched this process" in done.stderr

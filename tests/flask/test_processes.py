"""Workers that are forked: before and after the store was used, nobody gets another's session."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from shops import TYPES, config_for, is_available, shop

HERE = Path(__file__).parent

#: What several processes share.
SHARED = [kind for kind in TYPES if kind != "memory"]

GUNICORN = [sys.executable, "-m", "gunicorn", "--workers", "2", "--log-level", "warning"]
GUNICORN += ["--timeout", "120", "served:app"]
GTHREAD = [*GUNICORN, "--worker-class", "gthread", "--threads", "4"]
GEVENT = [*GUNICORN, "--worker-class", "gevent"]
UWSGI = [str(Path(sys.executable).with_name("pyuwsgi")), "--master", "--processes", "2"]
UWSGI += ["--enable-threads", "--die-on-term", "--need-app", "--disable-logging"]
UWSGI += ["--module", "served:app"]

#: Two workers each; the address comes last. uWSGI forks after the application is loaded, unless told otherwise.
SERVERS = {
    "gunicorn, threads": [*GTHREAD, "--bind"],
    "gunicorn, threads, preloaded": [*GTHREAD, "--preload", "--bind"],
    "gunicorn, preloaded": [*GUNICORN, "--preload", "--bind"],
    "gunicorn, gevent": [*GEVENT, "--bind"],
    "gunicorn, gevent, preloaded": [*GEVENT, "--preload", "--bind"],
    "uwsgi, preloaded": [*UWSGI, "--http-socket"],
    "uwsgi, threads, preloaded": [*UWSGI, "--threads", "4", "--http-socket"],
    "uwsgi, threads": [*UWSGI, "--threads", "4", "--lazy-apps", "--http-socket"],
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(command, id=name, marks=pytest.mark.xdist_group("processes"))
        for name, command in SERVERS.items()
    ],
)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that has an application on each store, under the store's name."""
    folder = tmp_path_factory.mktemp("served")
    configs = {kind: config_for(kind, folder) for kind in SHARED if is_available(kind)}
    with serving_all(configs, request.param) as port:
        yield port


@contextmanager
def serving(config: dict[str, Any], command: list[str], workers: int = 2) -> Iterator[int]:
    """A server of one application."""
    with serving_all({"": config}, command, workers) as port:
        yield port


@contextmanager
def serving_all(
    configs: dict[str, dict[str, Any]], command: list[str], workers: int = 2
) -> Iterator[int]:
    """A server of applications by name, on a port of its own, once all of its workers answer."""
    port = free_port()
    environment = {
        **os.environ,
        "DEWAR_TEST_CONFIGS": json.dumps(configs),
        "DEWAR_TEST_USE_BEFORE_FORK": "" if forks_first(command) else "yes",
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
    }
    command = [*command, f"127.0.0.1:{port}"]
    with subprocess.Popen(command, env=environment, cwd=HERE) as server:
        try:
            wait_for(port, server)
            wait_for_workers(Browser(port, next(iter(configs))), workers)
            yield port
        finally:
            server.terminate()
            server.wait(120)


def forks_first(command: list[str]) -> bool:
    """Whether the application is loaded in each worker, so that nothing is inherited."""
    return "--preload" not in command if "gunicorn" in command else "--lazy-apps" in command


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not listen")


def wait_for_workers(browser: Browser, expected: int) -> None:
    """Each worker loads the applications by itself, and one may serve before the other has begun."""
    deadline = time.monotonic() + 120
    workers: set[str] = set()
    with ThreadPoolExecutor(8) as pool:
        while len(workers) < expected:
            assert time.monotonic() < deadline, f"only {len(workers)} of {expected} workers answer"
            workers.update(pool.map(lambda _: browser.get("/pid"), range(16)))


class Browser:
    """A client with a cookie, and a connection for each request, of the application of that name."""

    def __init__(self, port: int, name: str = "") -> None:
        self.port = port
        self.root = f"/{name}" if name else ""
        self.cookie = ""

    def get(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        # Even if there is no answer: what is left open fails the test during which it is found.
        with closing(connection):
            connection.request(
                "GET", self.root + path, headers={"Cookie": self.cookie} if self.cookie else {}
            )
            response = connection.getresponse()
            body = response.read().decode()
        assert response.status == 200, body
        for name, value in response.getheaders():
            if name == "Set-Cookie":
                self.cookie = value.split(";")[0]
        return body


class Workers:
    """Those that have answered. Which one does is the system's choice, which may be one of them for a while."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.seen: set[str] = set()

    def at_least(self, times: int) -> Iterator[int]:
        """Counts, so many times and until all of them have answered."""
        deadline = time.monotonic() + 120
        for number in itertools.count():
            if number >= times and len(self.seen) == self.expected:
                return
            assert time.monotonic() < deadline or number < times, "a worker answers nobody"
            yield number


@pytest.mark.parametrize("kind", SHARED)
def test_eight_users_of_two_workers_never_see_another_ones_session(
    port: int, kind: str, tmp_path: Path
) -> None:
    # Says so if the store is not there.
    config_for(kind, tmp_path)

    workers = Workers(2)

    def visit(user: int) -> None:
        browser = Browser(port, kind)
        browser.get(f"/set/user/{user}")
        for number in workers.at_least(25):
            assert browser.get("/get/user") == str(user)
            assert browser.get(f"/set/number/{number}") == "set"
            assert browser.get("/get/number") == str(number)
            workers.seen.add(browser.get("/pid"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(visit, range(8)))


@pytest.mark.parametrize("config", SHARED, indirect=True)
def test_a_child_that_is_forked_in_use_has_its_own_connections(config: dict[str, Any]) -> None:
    app = shop(config)
    client = app.test_client()
    client.get("/set/user/parent")
    for _ in range(5):
        child = os.fork()
        if child == 0:
            # No test runs on in the child, whatever happens.
            status = 1
            try:
                own = app.test_client()
                own.get("/set/user/child")
                same = all(own.get("/get/user").text == "child" for _ in range(20))
                status = 0 if same and client.get("/get/user").text == "parent" else 1
            finally:
                os._exit(status)
        for _ in range(20):
            assert client.get("/get/user").text == "parent"
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("one", [True, False])
def test_of_the_interpreters_of_a_process_one_can_have_the_package(one: bool) -> None:
    # uWSGI gives each application an interpreter of its own, if not told otherwise.
    command = [UWSGI[0], "--no-server", "--http-socket", f"127.0.0.1:{free_port()}"]
    command += ["--mount", "/one=served:app", "--mount", "/two=served:app"]
    environment = {
        **os.environ,
        "DEWAR_TEST_CONFIGS": json.dumps({"": {"SESSION_TYPE": "memory"}}),
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
    }
    started = subprocess.run(
        [*command, "--single-interpreter"] if one else command,
        env=environment,
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    ).stdout
    assert started.count(") ready in ") == (2 if one else 1), started
    assert ("ImportError: another interpreter of this process" in started) is not one

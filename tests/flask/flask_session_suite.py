"""Runs Flask-Session's own tests on this package: `python tests/flask/flask_session_suite.py CHECKOUT [ARG...]`.

Its source distribution carries no tests, so that a checkout of its repository is needed; what they insist on is in
`test_as_flask_session.py` as well. The servers are those of `scripts/servers`, as its environment says: the tests look
for them at the usual ports, which are relayed.
"""

from __future__ import annotations

import importlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

MODULES = ["base", "cachelib", "defaults", "dynamodb", "filesystem", "memcached", "mongodb"]
MODULES += ["postgresql", "redis", "sqlalchemy"]

#: The port at which the tests look for a server, with the variable that says where it is.
PORTS = {
    6379: "DEWAR_TEST_REDIS_URL",
    11211: "DEWAR_TEST_MEMCACHED_URL",
    27017: "DEWAR_TEST_MONGODB_URL",
    8000: "DEWAR_TEST_DYNAMODB_URL",
}


def pytest_configure() -> None:
    """Gives the package Flask-Session's name, before a test imports it."""
    sys.modules["flask_session"] = importlib.import_module("flask_dewar")
    for name in MODULES:
        sys.modules[f"flask_session.{name}"] = importlib.import_module(f"flask_dewar.{name}")


def relay(port: int, host: str, target: int) -> None:
    """Answers at a port of this machine as the server does that listens elsewhere."""
    listener = socket.create_server(("127.0.0.1", port))

    def copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # Either side has closed the connection.
            sink.close()

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            server = socket.create_connection((host, target))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=copy, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def main(checkout: str, *arguments: str) -> int:
    for port, variable in PORTS.items():
        address = urlsplit(os.environ[variable])
        if address.port != port:
            relay(port, address.hostname or "127.0.0.1", address.port or port)
    here = Path(__file__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parent), *sys.path])}
    command = [sys.executable, "-m", "pytest", "-p", here.stem, "-p", "no:cacheprovider"]
    tests = Path(checkout).resolve() / "tests"
    return subprocess.run(
        [*command, "-o", "addopts=", "-q", ".", *arguments], cwd=tests, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

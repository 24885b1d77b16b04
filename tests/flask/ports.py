"""Ports for servers of a test's own."""

from __future__ import annotations

import itertools
import os
import socket

# Above those of scripts/servers, below those that the system gives to clients.
PORTS = range(30_000, 32_768)

calls = itertools.count(os.getpid() * 97)


def free_port() -> int:
    """A port that nobody listens on, and that no other call in this process gives.

    One from where the system takes those of clients could be gone before the server is there.
    """
    while True:
        port = PORTS[next(calls) % len(PORTS)]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port

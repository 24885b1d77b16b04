"""Ports for servers of a test's own."""

from __future__ import annotations

import itertools
import os
import socket

# Above those of scripts/servers, below those that the system gives to clients.
PORTS = range(30_000, 32_768)

calls = itertools.count(os.getpid() * 97)

#: What keeps other processes from a port that this one gave, until it ends.
kept: list[socket.socket] = []


def free_port() -> int:
    """A port that nobody listens on, and that no other call gives on this machine, in whichever process.

    One from where the system takes those of clients could be gone before the server is there.
    """
    while True:
        port = PORTS[next(calls) % len(PORTS)]
        # A name in the network's namespace, as the port is one; there is no file of it.
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0dewar-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        kept.append(name)
        return port

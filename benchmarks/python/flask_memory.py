"""How much memory a process of a Flask application has after many requests.

    python benchmarks/python/flask_memory.py "cookie: Dewar" [--redis redis://127.0.0.1:6379/0] [--at 100000 500000 1000000]

Requests that read their session, write it, leave it alone, begin one and end one, in one thread. Prints the resident
memory in KiB after each of the given numbers of requests. The applications are those of `applications.py`.
"""

from __future__ import annotations

import argparse

import flask
from applications import makers
from flask_requests import Visitor

#: What a visitor does, over and over: a session is ended and begun once in it.
VISIT = ["/read", "/write", "/nothing", "/read", "/write", "/nothing"] * 3 + [
    "/logout",
    "/login/large",
]


def resident() -> int:
    """The memory that this process has, in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("application", help="such as 'memory: Dewar'")
    parser.add_argument("--redis")
    parser.add_argument("--at", type=int, nargs="+", default=[100_000, 500_000, 1_000_000])
    arguments = parser.parse_args()
    app = makers(arguments.redis)[arguments.application]()

    @app.get("/logout")
    def logout() -> str:
        flask.session.clear()
        return "ok"

    visitor = Visitor(app)
    visitor.get("/login/large")
    done = 0
    for stop in arguments.at:
        while done < stop:
            visitor.get(VISIT[done % len(VISIT)])
            done += 1
        print(f"{done} {resident()}", flush=True)


if __name__ == "__main__":
    main()

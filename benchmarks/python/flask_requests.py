"""Whole Flask requests: in process, under gunicorn, and 64 at once on one session.

    flask_requests.py [--redis URL] [--rounds N] [--other PYTHON]...

In process, WSGI applications take turns in short rounds in one thread, so that they meet the same machine; with each
--other Python the same is measured once more. Under gunicorn each is served by one worker on the first core, with wrk on
the second one, again in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import page
from applications import BARE_GET, floor, makers

HERE = Path(__file__).parent
ROUTES = {"/nothing": "untouched", "/read": "read", "/write": "written"}
LABELS = {"small": "58 bytes", "large": "1 KB"}
# What is read and written is short; nearly all of a large session is one list.
ROUTES_OF = {"small": ROUTES, "large": ROUTES | {"/cart": "its list read"}}
REQUESTS = 100
CONNECTIONS = 16
THREADS = 4
WRITERS = 64
SCRIPT = """
local cookies, at = {}, 0
for line in io.lines(os.getenv("COOKIES")) do cookies[#cookies + 1] = line end
request = function()
  at = at % #cookies + 1
  return wrk.format("GET", nil, {Cookie = cookies[at]})
end
done = function(summary, latency)
  local errors = summary.errors.status + summary.errors.read + summary.errors.timeout
  print(string.format("FIGURES %d %d %d %d %d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors))
end
"""


class Visitor:
    """A browser that does as little as possible, in this process."""

    def __init__(self, app: Any) -> None:
        from werkzeug.test import EnvironBuilder

        self.app = getattr(app, "wsgi_app", app)
        self.environ = EnvironBuilder("/").get_environ()
        self.cookie = ""

    def get(self, path: str) -> bytes:
        environ = {**self.environ, "PATH_INFO": path, "HTTP_COOKIE": self.cookie}
        body: Iterable[bytes] = self.app(environ, self.start_response)
        return b"".join(body)

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Any:
        if status != "200 OK":
            sys.exit(f"{status} from a contestant")
        for name, value in headers:
            if name == "Set-Cookie":
                self.cookie = value.split(";")[0]


def in_process(apps: dict[str, Any], rounds: int) -> dict[tuple[str, str, str], list[float]]:
    """CPU time in µs of a request, of each round, by name, size and route."""
    took: dict[tuple[str, str, str], list[float]] = {}
    visitors = {(name, size): Visitor(app) for name, app in apps.items() for size in LABELS}
    for (_, size), visitor in visitors.items():
        visitor.get(f"/login/{size}")
    for _ in range(rounds):
        for size in LABELS:
            for path in ROUTES_OF[size]:
                for name in apps:
                    visitor = visitors[name, size]
                    visitor.get(path)
                    before = time.process_time()
                    for _ in range(REQUESTS):
                        visitor.get(path)
                    taken = (time.process_time() - before) / REQUESTS * 1e6
                    took.setdefault((name, size, path), []).append(taken)
    return took


class Served:
    """An application under gunicorn: one worker with threads, on the first core."""

    def __init__(self, name: str, redis: str | None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        environ = os.environ | {"DEWAR_BENCHMARK": name, "DEWAR_BENCHMARK_REDIS": redis or ""}
        command = [
            *pinned(0), sys.executable, "-m", "gunicorn", "--chdir", str(HERE), "--worker-class", "gthread",
            "--workers", "1", "--threads", str(THREADS), "--keep-alive", "60", "--log-level", "error",
            "--bind", f"127.0.0.1:{self.port}", "applications:served()",
        ]  # fmt: skip
        self.master = subprocess.Popen(command, env=environ)
        self.cookies = Path(tempfile.mkstemp()[1])
        self.cookies.write_text("\n".join(self.login() for _ in range(CONNECTIONS)))
        children = Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children").read_text()
        self.worker = int(children.split()[0])

    def login(self) -> str:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/login/small") as answer:
                    return str(answer.headers.get("Set-Cookie", "a=b")).split(";")[0]
            except ConnectionError:
                time.sleep(0.1)
            except urllib.error.URLError as error:
                if not isinstance(error.reason, ConnectionError):
                    raise
                time.sleep(0.1)
        raise SystemExit("gunicorn does not answer")

    def cpu(self) -> float:
        threads = Path(f"/proc/{self.worker}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def load(self, path: str, seconds: int, script: Path) -> dict[str, float]:
        before = self.cpu()
        command = [
            *pinned(1), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script),
            f"http://127.0.0.1:{self.port}{path}",
        ]  # fmt: skip
        said = subprocess.run(
            command,
            env=os.environ | {"COOKIES": str(self.cookies)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        figures = re.search(r"FIGURES (\d+) (\d+) (\d+) (\d+) (\d+)", said)
        if figures is None:
            raise SystemExit(f"wrk said nothing of figures: {said}")
        requests, duration, p50, p99, errors = map(int, figures.groups())
        if errors:
            raise SystemExit(f"{errors} of {requests} requests failed")
        used = (self.cpu() - before) / requests * 1e6
        return {"rate": requests / duration * 1e6, "cpu": used, "p50": p50, "p99": p99}

    def stop(self) -> None:
        self.master.terminate()
        self.master.wait()
        self.cookies.unlink()


def pinned(core: int) -> list[str]:
    return ["taskset", "-c", str(core)] if len(os.sched_getaffinity(0)) > core else []


@contextmanager
def on_first_core() -> Iterator[None]:
    """Keeps this thread, and those that it starts, from the core where Redis is."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def under_gunicorn(
    names: list[str], redis: str | None, rounds: int
) -> dict[tuple[str, str], list[dict[str, float]]]:
    script = Path(tempfile.mkstemp(suffix=".lua")[1])
    script.write_text(SCRIPT)
    figures: dict[tuple[str, str], list[dict[str, float]]] = {}
    served: dict[str, Served] = {}
    try:
        for name in names:
            served[name] = Served(name, redis)
        for turn in range(rounds + 1):
            for path in ROUTES:
                for name, application in served.items():
                    figure = application.load(path, 1, script)
                    if turn:  # The first warms up.
                        figures.setdefault((name, path), []).append(figure)
    finally:
        for application in served.values():
            application.stop()
        script.unlink()
    return figures


def at_once(app: Any) -> tuple[int, float]:
    """64 threads write a key each to one session: the keys that are kept, and the seconds."""
    first = Visitor(app)
    first.get("/login/small")
    gate = threading.Barrier(WRITERS + 1)

    def write(writer: int) -> None:
        visitor = Visitor(app)
        visitor.cookie = first.cookie
        gate.wait()
        visitor.get(f"/set/w{writer}")

    threads = [threading.Thread(target=write, args=[writer]) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    return sum(first.get(f"/has/w{writer}") == b"True" for writer in range(WRITERS)), took


def median(values: Iterable[float]) -> float:
    return page.quartiles(list(values))[1]


class Figures:
    """What `in_process` measured with one Python, as the page shows it."""

    def __init__(self, python: str, took: dict[tuple[str, str, str], list[float]]) -> None:
        self.python = python
        self.took = took
        self.names = list(dict.fromkeys(name for name, _, _ in took))

    @classmethod
    def of_other(cls, interpreter: str, arguments: argparse.Namespace) -> Figures:
        """Measured by another interpreter, in a process of its own."""
        command = [interpreter, __file__, "--figures", "--rounds", str(arguments.rounds)]
        if arguments.redis:
            command += ["--redis", arguments.redis]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        python, took = json.loads(printed)
        return cls(python, {(name, size, path): rounds for name, size, path, rounds in took})

    def print(self) -> None:
        print(json.dumps([self.python, [[*key, rounds] for key, rounds in self.took.items()]]))

    def over(self, name: str, size: str, path: str) -> list[float]:
        """What a session adds in each round to the request without one."""
        pairs = zip(self.took[name, size, path], self.took[floor(name), size, path], strict=True)
        return [own - bare for own, bare in pairs]

    def times(self, name: str, size: str, path: str) -> str:
        """The same, over what Dewar adds in that round."""
        dewar = name.split(": ")[0] + ": Dewar"
        if name == dewar or dewar not in self.names:
            return "1" if name == dewar else ""
        # What costs next to nothing can be the divisor of nothing.
        bases = [max(base, 0.5) for base in self.over(dewar, size, path)]
        return page.spread(
            page.quartiles([a / b for a, b in zip(self.over(name, size, path), bases, strict=True)])
        )

    def contestants(self) -> list[str]:
        return [name for name in self.names if name != floor(name)]

    def bars(self) -> str:
        return page.bars(
            "flask-requests",
            "CPU time that a session adds to a request in Python",
            [
                (
                    f"{LABELS[size]}, {what}",
                    "µs",
                    [(name, median(self.over(name, size, path))) for name in self.contestants()],
                )
                for size in LABELS
                for path, what in ROUTES_OF[size].items()
            ],
        )

    def tables(self) -> list[str]:
        bare = (
            f"{median(self.took[name, 'small', '/nothing']):.0f} µs in {name.split(',')[0]}"
            for name in self.names
            if name == floor(name)
        )
        parts = [f"### {self.python}", f"Without a session, a request takes {', '.join(bare)}."]
        for size, label in LABELS.items():
            routes = ROUTES_OF[size]
            head = [label, *routes.values(), "times Dewar: " + ", ".join(routes.values())]
            rows = [
                [
                    name,
                    *(
                        page.spread(page.quartiles(self.over(name, size, path)), " µs")
                        for path in routes
                    ),
                    "; ".join(self.times(name, size, path) for path in routes),
                ]
                for name in self.contestants()
            ]
            parts.append(page.table(head, rows))
        return parts


def this_python() -> str:
    """Which CPython this is, and whose: distributions build theirs with profiles, and `./configure && make` does not."""
    origin = "the distribution's" if sys.base_prefix == "/usr" else "built from source"
    return f"CPython {platform.python_version()}, {origin}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--redis", help="the URL of a Redis server")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--other", action="append", default=[], help="another Python to measure with in process"
    )
    parser.add_argument(
        "--figures", action="store_true", help="print what takes how long in process, for --other"
    )
    arguments = parser.parse_args()
    apps: dict[str, Any] = {}
    missing = [] if arguments.redis else ["Redis"]
    for name, make in makers(arguments.redis).items():
        try:
            apps[name] = make()
        except ImportError as error:
            missing.append(f"{name} ({error})")
    with on_first_core():
        figures = Figures(this_python(), in_process(apps, arguments.rounds))
    if arguments.figures:
        figures.print()
        return
    parts = [
        "What a session costs a request of a Python application. Missing on this machine: "
        + (", ".join(missing) or "nothing")
        + ".",
        page.versions(versions())
        + " Dewar's wheel is built with `maturin build --pgo`: compiled for what these requests use most (CONTRIBUTING.md).",
        figures.bars(),
        "## In process",
        f"Whole WSGI requests in one thread on the first core, without a server: {arguments.rounds} rounds of {REQUESTS} requests for each in turn. "
        "The figures are what a session adds to the CPU time of a request without one in the same framework: the median of the rounds, in brackets the quartiles; "
        "times Dewar: the same of what one adds over what Dewar adds in the same round (of which less than half a microsecond counts as half a one). "
        f"*{BARE_GET}* sends one command by a plain socket in Python and waits for the answer, in every request: what a round trip to the second core costs by itself. "
        "Much of that is the work that comes after it, done by a processor that has slept.",
        *figures.tables(),
    ]
    for interpreter in arguments.other:
        parts += Figures.of_other(interpreter, arguments).tables()
    parts += ["## Under gunicorn", *served_page(list(apps), arguments)]
    rows = []
    for name in figures.contestants():
        if "cookie" not in name and name != BARE_GET:
            kept, seconds = at_once(apps[name])
            rows.append([name, str(kept), f"{seconds * 1e3:.0f} ms"])
    parts += [
        "## 64 requests at once on one session",
        f"In {WRITERS} threads of one process; each sets a key of its own and takes 2 ms before it is done.",
        page.table(["", f"keys of {WRITERS} that are there afterwards", "all done after"], rows),
    ]
    page.write("flask-requests.md", "Requests in Flask", "benchmarks/run flask", parts)


def served_page(names: list[str], arguments: argparse.Namespace) -> list[str]:
    if shutil.which("wrk") is None:
        return ["wrk, which sends the requests, is missing on this machine."]
    rounds = max(3, arguments.rounds // 5)
    figures = under_gunicorn(names, arguments.redis, rounds)
    rows = []
    for name in names:
        for path, what in ROUTES.items():
            of = figures[name, path]
            rates, cpu = ([one[key] for one in of] for key in ("rate", "cpu"))
            rows.append(
                [
                    name, what, page.spread(page.quartiles(rates)), page.spread(page.quartiles(cpu), " µs"),
                    f"{median(one['p50'] for one in of) / 1e3:.1f}, {median(one['p99'] for one in of) / 1e3:.1f} ms",
                ]
            )  # fmt: skip
    return [
        f"One worker (`gthread`, {THREADS} threads) on the first core, wrk with {CONNECTIONS} connections and as many sessions of 58 bytes on the second one, {rounds} rounds of one second "
        "for each in turn. Requests per second and the worker's CPU time with quartiles of the rounds; Redis is on the second one too.",
        page.table(["", "", "requests per second", "CPU for a request", "p50, p99"], rows),
    ]


def versions() -> dict[str, str]:
    found = {"CPython": sys.version.split()[0]}
    for package in (
        "flask",
        "flask-session",
        "werkzeug",
        "django",
        "gunicorn",
        "redis",
        "flask-dewar",
    ):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()

"""One session in process: Dewar, the straightforward way, and peers in Python and Node, asked in turn.

    one_session.py ROUNDS PROGRAM...    a program is one argument: its words, separated by spaces

Each program is a process of its own that repeats a task and says what CPU time that took. In a round each task is done
by each who can, one after the other, for some milliseconds; ratios are of one round.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import page

SECONDS = 0.012
FLOOR = "HMAC, base64, serde_json"
SHOWN = ["150 bytes", "1 KB", "16 KB, compressed"]


class Program:
    """A process that has tasks."""

    def __init__(self, command: str) -> None:
        self.process = subprocess.Popen(
            command.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        print(text, file=self.process.stdin, flush=True)

    def hear(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def seconds(self, task: int, times: int) -> float:
        self.say(f"{task} {times}")
        return float(self.hear())

    def times(self, task: int) -> int:
        """How often it is to be done in a round."""
        times = 1
        while (took := self.seconds(task, times)) < SECONDS / 4:
            times *= 4 if took < SECONDS / 20 else 2
        return max(1, round(times * SECONDS / took))


def measure(
    rounds: int, commands: list[str]
) -> tuple[dict[Any, list[float]], dict[str, str], list[str]]:
    """µs of each task in each round, by what, size and who; versions; what is missing."""
    programs = [Program(command) for command in commands]
    hello = programs[0].hear()
    found: dict[str, str] = {}
    missing: list[str] = []
    tasks = [(programs[0], index, *task) for index, task in enumerate(hello["tasks"])]
    for program in programs[1:]:
        program.say(json.dumps(hello["sessions"]))
        said = program.hear()
        found |= said["versions"]
        missing += said["missing"]
        tasks += [(program, index, *task) for index, task in enumerate(said["tasks"])]
    # Those that are compared stand beside one another.
    order = list(dict.fromkeys((what, size) for _, _, what, size, _ in tasks))
    tasks.sort(key=lambda task: order.index(task[2:4]))
    times = [program.times(index) for program, index, *_ in tasks]
    took: dict[Any, list[float]] = {}
    for _ in range(rounds):
        for (program, index, what, size, who), often in zip(tasks, times, strict=True):
            took.setdefault((what, size, who), []).append(
                program.seconds(index, often) / often * 1e6
            )
    # What a task contains that is not the session's.
    for what, size, who in [key for key in took if key[0] != "without"]:
        if floor := took.get(("without", size, who)):
            took[what, size, who] = [
                a - b for a, b in zip(took[what, size, who], floor, strict=True)
            ]
    return {key: values for key, values in took.items() if key[0] != "without"}, found, missing


def compared(took: dict[Any, list[float]], what: str) -> str:
    """A table: a row for each who does it, a column for each size."""
    here = {key[1] for key in took if key[0] == what}
    sizes = sorted(here, key=lambda size: SHOWN.index(size) if size in SHOWN else 0)
    people = list(dict.fromkeys(key[2] for key in took if key[0] == what))
    head = [what.removeprefix("cookie: ").removeprefix("memory: ")]
    for size in sizes:
        head += [size or "µs"] + (["times Dewar"] if len(people) > 1 else [])
    rows = []
    for who in people:
        row = [who]
        for size in sizes:
            values = took.get((what, size, who))
            dewar = took.get((what, size, "Dewar"))
            row.append(page.spread(page.quartiles(values), " µs") if values else "")
            if len(people) > 1:
                ratio = (
                    [a / b for a, b in zip(values, dewar, strict=True)] if values and dewar else []
                )
                row.append(
                    "" if who == "Dewar" or not ratio else page.spread(page.quartiles(ratio))
                )
        rows.append(row)
    return page.table(head, rows)


def main() -> None:
    rounds, commands = int(sys.argv[1]), sys.argv[2:]
    took, found, missing = measure(rounds, commands)
    found |= page.locked(page.ROOT / "benchmarks", ["axum", "rmp-serde", "serde_json"])

    def medians(what: str, size: str) -> list[tuple[str, float]]:
        rows = [
            (key[2], page.quartiles(values)[1])
            for key, values in took.items()
            if key[:2] == (what, size)
        ]
        return sorted(rows, key=lambda row: row[1])

    picture = page.bars(
        "one-session",
        "CPU time of opening and saving one session in process",
        [
            (f"{title}, {size}", "µs", medians(what, size))
            for what, title in [
                ("cookie: open and save", "Signed cookie: open and save"),
                ("cookie: read one value", "Signed cookie: read one value"),
            ]
            for size in SHOWN
        ],
    )
    names = dict.fromkeys(key[0] for key in took)
    codecs = [what for what in names if what.startswith(("tagged JSON: ", "JSON: ", "msgpack: "))]
    requests = {key[0]: None for key in took if key[0].startswith("axum request")}
    rows = [
        [key[0].removeprefix("axum request: "), key[2], page.spread(page.quartiles(values), " µs")]
        for key, values in took.items()
        if key[0] in requests
    ]
    parts = [
        f"One session in one process, without a server or a network: {rounds} rounds, in each of which every task is done by each who can, one after the other. "
        "CPU time of the whole process: the median of the rounds, in brackets the quartiles; the same for the ratio of two in one round.",
        page.versions(found)
        + (f" Missing on this machine: {'; '.join(missing)}." if missing else ""),
        picture,
        "## A session in a signed cookie",
        f"Each checks the signature, decodes, changes one value, encodes and signs; or reads one value. {FLOOR}: the straightforward way with the libraries that Dewar uses "
        "(two keyed HMAC-SHA1, `serde_json` to and from a map), which checks no time, no types and no sizes. Flask and flask-dewar are asked as Flask asks a session interface, "
        "itsdangerous for its URL-safe timed serializer, Django for its `signed_cookies` backend; cookie-session for Express as a middleware. "
        "Where a request and a response have to be made for that, a run that only makes them is subtracted. cookie-session neither compresses nor looks at an age. The session is permanent, so that Flask sends its cookie again with every response, read or written.",
        compared(took, "cookie: open and save"),
        compared(took, "cookie: read one value"),
    ]
    if any(key[0].startswith("memory") for key in took):
        parts += [
            "express-session with its memory store, which is asked the same way, for scale:",
            compared(took, "memory: open and save"),
            compared(took, "memory: read one value"),
        ]
    parts += [
        "## The codecs alone",
        "All values decoded, and a session encoded of which nothing can be copied. To read one value, Dewar validates the whole and decodes that one. "
        "`serde_json` and `rmp-serde` decode to a map of values; for tagged JSON they know no tags.",
        *(compared(took, what) for what in codecs),
        "## An axum request, and the decision alone",
        "A session of 150 bytes. The decision is the pure function that says what to do at the end of a request.",
        page.table(["", "", "whole request"], rows),
        compared(took, "the decision alone (plan)"),
    ]
    page.write("one-session.md", "One session in process", "benchmarks/run one-session", parts)


if __name__ == "__main__":
    main()

"""Stores by the number of sessions that live in them.

populations.py PROGRAM MEMORY-SIZES FILE-SIZES    such as 1000,1000000,10000000 and 1000,1000000
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import page

FLOORS = {
    "memory": "a `HashMap` behind a lock, without versions and expiry",
    "filesystem": "the same on the same files: a read, and a read, a write to a new file and a rename over the old one",
    "SQLite": "prepared statements on a copy of the file, without conditions",
}


def measure(program: str, store: str, sizes: str) -> list[dict[str, Any]]:
    # A process for each, since memory that was given back is not taken anew.
    command = [program, store]
    said = [
        subprocess.run([*command, size], stdout=subprocess.PIPE, text=True, check=True).stdout
        for size in sizes.split(",")
    ]
    return [json.loads(line) for line in said]


def by_population(figures: list[dict[str, Any]]) -> str:
    head = [
        figures[0]["store"],
        "read: p50, p99",
        "times the floor",
        "read and replace: p50, p99",
        "times the floor",
        "created in",
    ]
    rows = []
    for figure in figures:
        row = [f"{figure['sessions']:,}"]
        for what in ("read", "write"):
            times = figure[what]["store"]
            row += [
                f"{page.number(times['p50'])}, {page.number(times['p99'])} µs",
                page.spread(figure[what]["ratio"]),
            ]
        rows.append([*row, f"{page.number(figure['filled'])} s"])
    return page.table(head, rows)


def while_expiring(figures: list[dict[str, Any]]) -> str:
    head = [
        "",
        "removed",
        "took",
        "read: p50, p99, longest",
        "before it",
        "read and replace: p50, p99, longest",
        "before it",
    ]

    def cells(times: dict[str, float]) -> str:
        longest = times["longest"]
        return f"{page.number(times['p50'])}, {page.number(times['p99'])} µs, {page.number(longest / 1e3)} ms"

    rows = []
    for figure in figures:
        cleanup = figure["cleanup"]
        row = [figure["store"], f"{cleanup['removed']:,}", f"{page.number(cleanup['seconds'])} s"]
        for what in ("read", "write"):
            row += [
                cells(cleanup[when][what])
                if cleanup[when][what]["p50"] is not None
                else "none in that time"
                for when in ("busy", "quiet")
            ]
        rows.append(row)
    return page.table(head, rows)


def line(figures: list[dict[str, Any]], *path: str) -> list[tuple[float, float]]:
    points = []
    for figure in figures:
        value: Any = figure
        for name in path:
            value = value[name]
        if value is not None:
            points.append((float(figure["sessions"]), float(value)))
    return points


def main() -> None:
    program, memory_sizes, file_sizes = sys.argv[1:]
    memory = measure(program, "memory", memory_sizes)
    filesystem = measure(program, "filesystem", file_sizes)
    sqlite = measure(program, "sqlite", file_sizes)
    every = (memory, filesystem, sqlite)
    panels = [
        (
            f"{figures[0]['store'].capitalize() if figures is not sqlite else 'SQLite'}: a read, by the number of sessions",
            "µs",
            [
                ("p50", "d", line(figures, "read", "store", "p50")),
                ("p99", "d", line(figures, "read", "store", "p99")),
                (
                    "p99 beside the clean-up",
                    "q",
                    line(figures, "cleanup", "busy", "read", "p99"),
                ),
                ("p50 of the floor", "p", line(figures, "read", "floor", "p50")),
            ],
        )
        for figures in every
    ]
    rows = [
        [
            f"{figure['sessions']:,}",
            page.number(figure["bytes"]["over"]),
            page.number(figure["bytes"]["floor"]),
        ]
        for figure in memory
        # Below that, a page more or less decides.
        if figure["sessions"] >= 100_000
    ]
    parts = [
        "Records of 300 bytes, under keys with ids of 256 bits, in an order that helps no cache. Times of each call, the clock's own in them; in rounds that alternate with the floor, and the ratio "
        "of the means in each round with its quartiles. The floors: "
        + "; ".join(f"{store}: {floor}" for store, floor in FLOORS.items())
        + ".",
        page.lines("populations", "Time to read a session, by the number of sessions", panels),
        "## Reads and writes",
        *(by_population(figures) for figures in every),
        "## Memory",
        "What the process took more after the sessions were made, over the bytes of the records; the key and the store's own tables are in it.",
        page.table(["sessions", "bytes over the record", "the same of the `HashMap`"], rows),
        "## While expired sessions are removed",
        "All but 10,000 sessions expire and are removed by a second thread, a thousand in each call; meanwhile the first one reads sessions that live, and replaces one every fifth time. "
        "Before it: the same traffic, with nothing beside it. Where other programs want the cores, a call now and then takes as long as they are given: see the longest before it.",
        while_expiring([figure for figures in every for figure in figures]),
    ]
    page.write(
        "populations.md", "Stores by the number of sessions", "benchmarks/run populations", parts
    )


if __name__ == "__main__":
    main()

"""Pages and pictures in docs/: what they all say of the machine, tables, bars and lines."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def write(name: str, title: str, command: str, parts: Iterable[str]) -> None:
    text = "\n\n".join([f"# {title}", f"Written by `{command}`. {machine()}", *parts]) + "\n"
    (DOCS / name).write_text(text)
    print(text)
    print(f"docs/{name} is written.")


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[2]
    return f"Machine: {model}, {cores} cores; load over the last quarter of an hour {load:.1f}."


def versions(found: dict[str, str]) -> str:
    return "Versions: " + ", ".join(f"{name} {version}" for name, version in found.items()) + "."


def locked(folder: Path, wanted: Sequence[str]) -> dict[str, str]:
    """The versions in a Cargo.lock."""
    found = {}
    for package in (folder / "Cargo.lock").read_text().split("[[package]]")[1:]:
        fields = dict(line.split(" = ", 1) for line in package.splitlines() if " = " in line)
        name, version = fields["name"].strip('"'), fields["version"].strip('"')
        if name in wanted:
            found[f"{name} {version}"] = version
    return {
        key.split(" ")[0] if len(found) == len({k.split()[0] for k in found}) else key: value
        for key, value in found.items()
    }


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else [*values] * 3
    return low, median, high


def number(value: float) -> str:
    """Three digits at least, and no more decimals than they need."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(values: Sequence[float], unit: str = "") -> str:
    low, median, high = (number(value) for value in values)
    return f"{median}{unit} ({low} to {high})"


STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #24292f } .h { font-weight: 600 } .s { fill: #57606a }
.back { fill: #ffffff } .d { fill: #2f7d57; stroke: #2f7d57 } .p { fill: #9aa4af; stroke: #9aa4af }
.q { fill: #c98a2b; stroke: #c98a2b } .axis { stroke: #d0d7de } .line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .s { fill: #9da7b3 } .back { fill: #0d1117 } .axis { stroke: #30363d }
.d { fill: #4fb583; stroke: #4fb583 } .p { fill: #6e7781; stroke: #6e7781 } .q { fill: #d9a441; stroke: #d9a441 } }
</style>"""


def picture(name: str, label: str, width: float, height: float, body: Sequence[str]) -> str:
    """Writes docs/images/NAME.svg and gives what shows it in a page."""
    text = "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{escape(label)}">',
            STYLE,
            f'<rect class="back" width="{width:.0f}" height="{height:.0f}" stroke="none"/>',
            *body,
            "</svg>\n",
        ]
    )
    (DOCS / "images" / f"{name}.svg").write_text(text)
    return f"![{label}](images/{name}.svg)"


def bars(
    name: str, label: str, groups: Iterable[tuple[str, str, Sequence[tuple[str, float]]]]
) -> str:
    """Groups of a heading, a unit, and bars of a name and a length; those of Dewar stand out."""
    left, longest, y = 250, 430, 14.0
    body = []
    for heading, unit, rows in groups:
        most = max((value for _, value in rows), default=1) or 1
        y += 10
        body.append(f'<text x="10" y="{y:.0f}" class="h">{escape(heading)}</text>')
        y += 8
        for who, value in rows:
            length = max(value / most * longest, 1)
            kind = "d" if "ewar" in who else "p"
            body += [
                f'<text x="{left - 8}" y="{y + 13:.0f}" text-anchor="end">{escape(who)}</text>',
                f'<rect x="{left}" y="{y:.0f}" width="{length:.1f}" height="16" class="{kind}" stroke="none"/>',
                f'<text x="{left + length + 6:.0f}" y="{y + 13:.0f}" class="s">{number(max(value, 0))} {unit}</text>',
            ]
            y += 20
        y += 18
    return picture(name, label, 780, y, body)


def lines(
    name: str,
    label: str,
    panels: Sequence[tuple[str, str, Sequence[tuple[str, str, Sequence[tuple[float, float]]]]]],
) -> str:
    """Panels of a heading, a unit, and lines of a name, a class of colour, and points; both axes are logarithmic."""
    body, y = [], 10.0
    left, width, height = 70, 480, 150
    for heading, unit, series in panels:
        points = [point for _, _, line in series for point in line if point[1] > 0]
        if not points:
            continue
        (x0, x1), (y0, y1) = (
            (
                10 ** math.floor(math.log10(min(axis))),
                10
                ** max(
                    math.ceil(math.log10(max(axis)) - 1e-9), math.floor(math.log10(min(axis))) + 1
                ),
            )
            for axis in zip(*points, strict=True)
        )

        def across(value: float, x0: float = x0, x1: float = x1) -> float:
            return left + math.log10(value / x0) / math.log10(x1 / x0) * width

        top = y + 26

        def up(value: float, y0: float = y0, y1: float = y1, top: float = top) -> float:
            return top + height - math.log10(value / y0) / math.log10(y1 / y0) * height

        body.append(f'<text x="10" y="{y + 14:.0f}" class="h">{escape(heading)}</text>')
        mark = y0
        while mark <= y1 * 1.01:
            body += [
                f'<line class="axis" x1="{left}" x2="{left + width}" y1="{up(mark):.1f}" y2="{up(mark):.1f}"/>',
                f'<text x="{left - 8}" y="{up(mark) + 4:.1f}" text-anchor="end" class="s">{mark:,g} {unit}</text>',
            ]
            mark *= 10
        mark = x0
        while mark <= x1 * 1.01:
            body.append(
                f'<text x="{across(mark):.1f}" y="{top + height + 18:.0f}" text-anchor="middle" class="s">{mark:,.0f}</text>'
            )
            mark *= 10
        labels: list[float] = []
        # The highest first, since a label that finds no room goes down.
        series = sorted((one for one in series if one[2]), key=lambda one: -one[2][-1][1])
        for who, kind, line in series:
            path = " ".join(f"{across(x):.1f},{up(value):.1f}" for x, value in line)
            body.append(f'<polyline class="line {kind}" style="fill:none" points="{path}"/>')
            for x, value in line:
                body.append(
                    f'<circle class="{kind}" cx="{across(x):.1f}" cy="{up(value):.1f}" r="3"/>'
                )
            at = up(line[-1][1]) + 4
            while any(abs(at - other) < 14 for other in labels):
                at += 3
            labels.append(at)
            body.append(
                f'<text x="{across(line[-1][0]) + 9:.1f}" y="{at:.1f}">{escape(who)}</text>'
            )
        y = top + height + 36
    return picture(name, label, 780, y, body)

"""The chart of `benchmarks/scale.py`: time to the best over workers, both on logarithmic scales."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from search.report.page import svg
from search.report.page.svg import Axis

WIDTH, PANEL = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 56, 470, 40, 262
WAYS = {"": ("TPE", "#1f6feb"), "random, ": ("random draws", "#d29922")}
IDEAL, LEAST = "stroke:#57606a;stroke-dasharray:6 4", "stroke:#57606a;stroke-dasharray:1 4"
STYLE = (
    "text{font:12px sans-serif;fill:#57606a}.gridline{stroke:#d0d7de}.axis{stroke:#57606a}"
    "polyline{fill:none;stroke-width:2}polygon{opacity:.15}"
)


def plot(rows: Sequence[Mapping[str, Any]], least: float) -> str:
    """Draw a panel for each width, medians as lines and the range over seeds as areas; `least` in minutes."""
    widths = list(dict.fromkeys(row["width"] for row in rows))
    parts = [f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{PANEL * len(widths)}" fill="#fff"/>']
    for number, width in enumerate(widths):
        mine = [row for row in rows if row["width"] == width]
        panel = "".join(_panel(width, mine, least))
        parts.append(f'<g transform="translate(0,{PANEL * number})">{panel}</g>')
    drawn = svg.drawing(WIDTH, PANEL * len(widths), parts, "Time to the best configuration over workers")
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _panel(width: float, rows: Sequence[Mapping[str, Any]], least: float) -> list[str]:
    workers = [row["workers"] for row in rows]
    most = max(max(row["range"][1], row["random, range"][1]) for row in rows)
    ticks = decade_ticks(least, most)
    x = Axis(math.log2(workers[0]), math.log2(workers[-1]), LEFT, RIGHT)
    y = Axis(math.log2(ticks[0]), math.log2(ticks[-1]), BOTTOM, TOP)
    title = f"minutes until a score is within 1 % of the best; learning rates' width {width:g} decades"
    formats = (lambda v: f"{2**v:.0f}", lambda v: f"{2**v:g}")
    places = ([math.log2(n) for n in workers], [math.log2(tick) for tick in ticks])
    parts = svg.axes(x, y, places, ("workers", title), formats)
    for place, (way, (name, colour)) in enumerate(WAYS.items()):
        parts += _way(x, y, rows, way, colour)
        parts += _key(place, name, f"stroke:{colour}")
    start = rows[0]["minutes"] * workers[0]
    last = min(workers[-1], start / ticks[0])  # where the ideal leaves the panel
    parts.append(_line(x, y, [(workers[0], start / workers[0]), (last, start / last)], IDEAL))
    parts.append(_line(x, y, [(workers[0], least), (workers[-1], least)], LEAST))
    return parts + _key(2, "ideal for TPE", IDEAL) + _key(3, "the best trial alone", LEAST)


def _way(x: Axis, y: Axis, rows: Sequence[Mapping[str, Any]], way: str, colour: str) -> list[str]:
    places = [x.at(math.log2(row["workers"])) for row in rows]
    spans = [[y.at(math.log2(minutes)) for minutes in row[f"{way}range"]] for row in rows]
    area = [(at, span[0]) for at, span in zip(places, spans, strict=True)]
    area += [(at, span[1]) for at, span in zip(reversed(places), reversed(spans), strict=True)]
    line = [(row["workers"], row[f"{way}minutes"]) for row in rows]
    return [
        f'<polygon points="{" ".join(f"{a:g},{b:g}" for a, b in area)}" fill="{colour}"/>',
        _line(x, y, line, f"stroke:{colour}"),
    ]


def _line(x: Axis, y: Axis, points: Sequence[tuple[float, float]], style: str) -> str:
    places = " ".join(f"{x.at(math.log2(n)):g},{y.at(math.log2(minutes)):g}" for n, minutes in points)
    return f'<polyline points="{places}" style="{style}"/>'


def _key(place: int, words: str, style: str) -> list[str]:
    height = TOP + 6 + 20 * place
    line = f'<polyline points="{RIGHT + 16},{height} {RIGHT + 40},{height}" style="{style}"/>'
    return [line, svg.text(RIGHT + 46, height + 4, words, anchor="start")]


def decade_ticks(low: float, high: float) -> list[float]:
    """Return 1 and 3 times the powers of ten from at or below `low` to at or above `high`, both above 0."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    ticks = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 3)]
    return [
        tick
        for place, tick in enumerate(ticks)
        if (place + 1 == len(ticks) or ticks[place + 1] > low) and (place == 0 or ticks[place - 1] < high)
    ]

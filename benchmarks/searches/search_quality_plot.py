"""The chart of `benchmarks/search_quality.py`: the best validation score so far over time, a panel for each set."""

from collections.abc import Mapping, Sequence
from typing import Any

from search.report.page import svg
from search.report.page.svg import Axis

WIDTH, PANEL = 660, 310
LEFT, RIGHT, TOP, BOTTOM = 56, 480, 30, 252
COLOURS = ("#1f6feb", "#d29922", "#8957e5", "#57606a")
STYLE = (
    "text{font:12px sans-serif;fill:#57606a}.gridline{stroke:#d0d7de}.axis{stroke:#57606a}"
    "polyline{fill:none;stroke-width:2}polygon{opacity:.1}"
)


def plot(rows: Sequence[Mapping[str, Any]], minutes: float) -> str:
    """Draw a panel for each set: means over the seeds as lines, from the least to the greatest as areas.

    Args:
        rows: each with `set`, `way` and `curve`, a list of (seconds, mean, least, greatest score).
        minutes: of a cell.
    """
    sets = list(dict.fromkeys(one["set"] for one in rows))
    parts = [f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{PANEL * len(sets)}" fill="#fff"/>']
    for number, place in enumerate(sets):
        mine = [one for one in rows if one["set"] == place]
        parts.append(
            f'<g transform="translate(0,{PANEL * number})">{"".join(_panel(place, mine, minutes))}</g>'
        )
    drawn = svg.drawing(WIDTH, PANEL * len(sets), parts, "Best validation score over time")
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _panel(place: str, rows: Sequence[Mapping[str, Any]], minutes: float) -> list[str]:
    scores = [score for one in rows for _, *three in one["curve"] for score in three]
    ticks_x, ticks_y = svg.nice_ticks(0, minutes, 6), svg.nice_ticks(min(scores), max(scores))
    x, y = Axis(0, ticks_x[-1], LEFT, RIGHT), Axis(ticks_y[0], ticks_y[-1], BOTTOM, TOP)
    labels = ("minutes since the start", f"{place}: best exact match on the validation lines so far")
    parts = svg.axes(x, y, (ticks_x, ticks_y), labels, (lambda v: f"{v:g}", lambda v: f"{100 * v:g} %"))
    for colour, one in zip(COLOURS, rows, strict=False):
        mean, least, greatest = (
            [f"{x.at(point[0] / 60):.1f},{y.at(point[column]):.1f}" for point in one["curve"]]
            for column in (1, 2, 3)
        )
        parts.append(f'<polygon points="{" ".join(least + greatest[::-1])}" fill="{colour}"/>')
        parts.append(f'<polyline points="{" ".join(mean)}" style="stroke:{colour}"/>')
    for number, (colour, one) in enumerate(zip(COLOURS, rows, strict=False)):
        parts.append(f'<rect x="500" y="{40 + 20 * number}" width="14" height="3" fill="{colour}"/>')
        parts.append(svg.text(520, 46 + 20 * number, one["way"], anchor="start"))
    return parts

"""The few SVG pieces that the report's charts are made of; colours come from the page's style sheet."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """A linear scale from values to pixels.

    Attributes:
        low: the value at `start`.
        high: the value at `end`.
        start: px.
        end: px; smaller than `start` on a y axis.
    """

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the place of `value` in px; the middle if the axis has no extent."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + share * (self.end - self.start), 1)


def nice_step(extent: float, count: int) -> float:
    """Return the 1, 2 or 5 times a power of ten that divides `extent` into at most `count` steps."""
    raw = extent / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999999)


def nice_ticks(low: float, high: float, count: int = 5, whole: bool = False) -> list[float]:
    """Return round values from at or below `low` to at or above `high`; whole numbers only if `whole`."""
    step = nice_step(high - low, count)
    if whole:
        step = max(1.0, round(step))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


def text(x: float, y: float, words: str, classes: str = "tick", anchor: str = "middle") -> str:
    """Return escaped `words` at a point; anchor is start, middle or end."""
    return f'<text x="{x:g}" y="{y:g}" class="{classes}" text-anchor="{anchor}">{escape(words)}</text>'


def rule(start: Point, end: Point, classes: str) -> str:
    """Return a straight line."""
    return f'<line x1="{start[0]:g}" y1="{start[1]:g}" x2="{end[0]:g}" y2="{end[1]:g}" class="{classes}"/>'


def path(points: Sequence[Point], classes: str) -> str:
    """Return a line through `points`."""
    places = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline points="{places}" class="{classes}"/>'


def mark(point: Point, shape: str, classes: str) -> str:
    """Return a `dot`, `ring` or `cross` at a point."""
    x, y = point
    if shape == "cross":
        return f'<path d="M{x - 4:g},{y - 4:g}l8,8m0,-8l-8,8" class="mark-cross {classes}"/>'
    return (
        f'<circle cx="{x:g}" cy="{y:g}" r="{4 if shape == "ring" else 3.5}" class="mark-{shape} {classes}"/>'
    )


def disc(point: Point, radius: float, classes: str) -> str:
    """Return a circle whose size says something."""
    return f'<circle cx="{point[0]:g}" cy="{point[1]:g}" r="{radius:.1f}" class="{classes}"/>'


def group(parts: Sequence[str], title: str, classes: str = "") -> str:
    """Return `parts` as one element whose `title` shows when it is pointed at."""
    return f'<g class="{classes}"><title>{escape(title)}</title>{"".join(parts)}</g>'


def drawing(width: int, height: int, parts: Sequence[str], label: str, scrolls: bool = False) -> str:
    """Return the whole picture; `label` is what a screen reader says. One that scrolls keeps its size."""
    style = f' style="min-width:{width * 0.9:.0f}px;max-width:{width * 1.3:.0f}px"' if scrolls else ""
    return f'<svg viewBox="0 0 {width} {height}"{style} role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'


def axes(
    x: Axis,
    y: Axis,
    ticks: tuple[Sequence[float], Sequence[float]],
    labels: tuple[str, str],
    formats: tuple[Callable[[float], str], Callable[[float], str]],
) -> list[str]:
    """Return grid, tick labels and axis titles; each pair is (x, y)."""
    parts = [rule((x.start, y.at(value)), (x.end, y.at(value)), "gridline") for value in ticks[1]]
    parts += [text(x.start - 8, y.at(value) + 4, formats[1](value), anchor="end") for value in ticks[1]]
    parts += [text(x.at(value), y.start + 18, formats[0](value)) for value in ticks[0]]
    parts.append(rule((x.start, y.start), (x.end, y.start), "axis"))
    parts.append(text((x.start + x.end) / 2, y.start + 38, labels[0], "label"))
    parts.append(text(2, y.end - 12, labels[1], "label", "start"))
    return parts

"""Parallel coordinates: one line a trial through the values of its settings to its score."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search.records.result import StudyResult
from search.records.trial import find_varied_settings, rank
from search.report.importance import spans_decades
from search.report.page import svg
from search.report.page.parts import nothing, section
from search.report.page.svg import Axis
from search.report.text import format_scores, format_settings, format_value, is_number, shorten_key

GAP, MARGIN, HEIGHT, TOP, BOTTOM, ABSENT = 108, 64, 330, 64, 268, 300
MOST_AXES = 9
SHADES = 5


@dataclass(frozen=True)
class _Column:
    """One upright axis.

    Attributes:
        words: the values in order, if they are no numbers.
    """

    title: str
    x: float
    axis: Axis
    log: bool
    words: tuple[str, ...]

    def place(self, value: Any) -> float:
        """Return the height of `value`, px; below the axis where a trial has no such setting."""
        if value is None:
            return ABSENT
        if self.words:
            return self.axis.at(self.words.index(format_value(value)))
        return self.axis.at(math.log10(value) if self.log else value)

    def draw(self) -> list[str]:
        """Return the line, its title and the values at its ends, or all of its words."""
        low, high = self.axis.low, self.axis.high
        ends = {v: format_value(float(f"{10**v if self.log else v:.3g}")) for v in (low, high)}
        ticks = dict(enumerate(self.words)) if self.words else ends
        parts = [svg.rule((self.x, TOP), (self.x, BOTTOM), "axis")]
        parts += [
            svg.text(self.x, TOP - 44 + 15 * row, part, "label")
            for row, part in enumerate(self.title.split("."))
        ]
        return parts + [self._tick(self.axis.at(value), words) for value, words in ticks.items()]

    def _tick(self, y: float, words: str) -> str:
        # The end values stand outside the axis, where no line runs through them.
        if y in (TOP, BOTTOM):
            return svg.text(self.x, y - 7 if y == TOP else y + 15, words, "tick halo")
        return svg.text(self.x + 6, y + 4, words, "tick halo", "start")


def draw_parallel_coordinates(result: StudyResult, order: Sequence[str]) -> str:
    """Draw the scored trials; settings named in `order` come first, and only MOST_AXES of them."""
    trials = rank(result.trials)
    settings = find_varied_settings(trials)
    keys = list(dict.fromkeys(key for values in settings.values() for key in values))
    keys = sorted(keys, key=lambda key: order.index(key) if key in order else len(order))[:MOST_AXES]
    if len(trials) < 2 or not keys:
        return ""
    columns = [
        _column(shorten_key(key), MARGIN + i * GAP, [s.get(key) for s in settings.values()])
        for i, key in enumerate(keys)
    ]
    columns.append(
        _column(f"{result.terms.scores[0]} %", MARGIN + len(keys) * GAP, [_share(t.score) for t in trials])
    )
    parts: list[str] = []
    for place, trial in reversed(list(enumerate(trials))):
        values = [*(settings[trial.id].get(key) for key in keys), _share(trial.score)]
        points = [(c.x, c.place(v)) for c, v in zip(columns, values, strict=True)]
        score = format_scores(trial.best.scores) if trial.best else ""
        title = f"trial {trial.id}, {score}: {format_settings(settings[trial.id])}"
        shade = "winner" if trial is result.winner else f"shade{place * SHADES // len(trials)}"
        parts.append(svg.group([svg.path(points, "hit"), svg.path(points, "curve")], title, shade))
    parts += [part for column in columns for part in column.draw()]
    for column, key in zip(columns, keys, strict=False):
        if any(key not in values for values in settings.values()):
            parts.append(svg.text(column.x, ABSENT + 16, "not set"))
    width = 2 * MARGIN + GAP * len(keys)
    return svg.drawing(width, HEIGHT, parts, "Settings and score of every trial", scrolls=True)


def _share(score: float | None) -> float:
    return round(100 * (score or 0), 1)


def _column(title: str, x: float, values: Sequence[Any]) -> _Column:
    present = [value for value in values if value is not None]
    if not all(is_number(value) for value in present):
        words = tuple(sorted({format_value(value) for value in present}))
        return _Column(title, x, Axis(0, len(words) - 1, BOTTOM, TOP), False, words)
    log = spans_decades(present)
    low, high = (math.log10(v) if log else float(v) for v in (min(present), max(present)))
    return _Column(title, x, Axis(low, high, BOTTOM, TOP), log, ())


def show_settings_and_scores(result: StudyResult, order: Sequence[str]) -> str:
    """Return the section; settings named in `order` come first."""
    chart = draw_parallel_coordinates(result, order)
    caption = (
        "One line a trial through its settings to its score: the stronger its colour, the better; the winner's "
        f"is thick. At most {MOST_AXES} settings, the most important first."
    )
    body = f'<div class="scroll">{chart}</div>' if chart else nothing("That takes two trials with a score.")
    return section("Settings and scores", body, caption)

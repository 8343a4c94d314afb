"""What the runs of `benchmarks/portfolio.py` say: pure functions of what was recorded."""

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from benchmarks.common import RESULTS, interval
from train.scoring.texts import score_texts

FILE = RESULTS / "portfolio.jsonl"


class Cell(NamedTuple):
    """What settings are compared on: the same lines, in the same order and guises, for each of them."""

    place: str
    lines: int
    seed: int


class Line(NamedTuple):
    """A line as a network read it; `loss` is the label's, infinite where it cannot be written."""

    label: str
    text: str
    loss: float


@dataclass(frozen=True)
class Judged:
    """What may be said of a network from some lines; each in [0, 1], the larger the better.

    Attributes:
        exact: share of lines read without an error.
        edit: mean edit similarity.
        line: mean probability of the whole label.
        character: mean, over lines, of the label's probability a character (the geometric mean in the line).
    """

    exact: float
    edit: float
    line: float
    character: float


@dataclass(frozen=True)
class Run:
    """A setting trained in a cell.

    Attributes:
        changes: of the recipe, by dotted name.
        seconds: of the processor.
        few: what the first validation lines say of it, after the last epoch.
        val: what all of them say.
        test: what lines say that chose nothing.
        curve: exact match and loss on the first validation lines, after every epoch.
    """

    cell: Cell
    setting: str
    changes: Mapping[str, Any]
    epochs: int
    seconds: float
    few: Judged
    val: Judged
    test: Judged
    curve: Sequence[tuple[float, float]]


def judged(lines: Sequence[Line]) -> Judged:
    """Judge a network by what it read."""
    scores = score_texts([line.text for line in lines], [line.label for line in lines])
    likely = mean(math.exp(-line.loss / len(line.label)) for line in lines)
    found = (scores.exact_match, scores.edit_similarity, mean(math.exp(-line.loss) for line in lines), likely)
    return Judged(*(round(value, 5) for value in found))


def read_runs(path: Path = FILE) -> list[Run]:
    """Return what is recorded; nothing where the file is not there."""
    rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [run_from(json.loads(row)) for row in rows]


def run_from(row: Mapping[str, Any]) -> Run:
    """Return a run from its row."""
    parts = {name: Judged(**row[name]) for name in ("few", "val", "test")}
    return Run(**{**row, **parts, "cell": Cell(*row["cell"])})


def write_run(run: Run, path: Path = FILE) -> None:
    """Append a run."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(run)) + "\n")


Table = Mapping[Cell, Mapping[str, Run]]


def table_of(runs: Iterable[Run]) -> Table:
    """Return the runs by cell and setting."""
    table: dict[Cell, dict[str, Run]] = {}
    for run in runs:
        table.setdefault(run.cell, {})[run.setting] = run
    return table


def met(table: Table, one: str, other: str) -> list[Cell]:
    """Return the cells in which two settings were trained."""
    return [cell for cell, runs in table.items() if {one, other} <= runs.keys()]


def gain_over(table: Table, setting: str, other: str) -> dict[str, Any]:
    """Return how much more exact match a setting has than another in the same cells, and the least without a set."""
    cells = met(table, setting, other)
    pairs = {cell: table[cell][setting].test.exact - table[cell][other].test.exact for cell in cells}
    places = {cell.place for cell in pairs}
    without = [
        mean([gain for cell, gain in pairs.items() if cell.place != place] or [math.nan]) for place in places
    ]
    low, high = interval(list(pairs.values())) or (math.nan, math.nan)
    return {
        "setting": setting,
        "over": other,
        "cells": len(cells),
        "gain": mean(pairs.values()),
        "low": low,
        "high": high,
        "least without a set": min(without),
        "seconds": mean(table[cell][setting].seconds / table[cell][other].seconds for cell in cells),
    }


Judge = Callable[[Run], tuple[float, ...]]
JUDGES: dict[str, Callable[[Judged], tuple[float, ...]]] = {
    "exact, then edit": lambda said: (said.exact, said.edit),
    "exact, then line": lambda said: (said.exact, said.line),
    "exact, then character": lambda said: (said.exact, said.character),
    "edit": lambda said: (said.edit,),
    "line": lambda said: (said.line,),
    "character": lambda said: (said.character,),
}
"""How runs may be ranked by validation lines; the first is the search's."""
PARTS: dict[str, Callable[[Run], Judged]] = {"few": lambda run: run.few, "val": lambda run: run.val}


def by(judge: str, part: str) -> Judge:
    """Return a judge of runs that looks at a part of the validation lines."""
    return lambda run: JUDGES[judge](PARTS[part](run))


def agreement(runs: Sequence[Run], judge: Judge) -> float:
    """Return for how many pairs of runs the judge foretells which reads more unseen lines; a tie of its counts half.

    Pairs that read as many of them do not count; nan where there is no other.
    """
    told = []
    for one, other in combinations(runs, 2):
        ahead = one.test.exact - other.test.exact
        if ahead:
            first, second = judge(one), judge(other)
            told.append(0.5 if first == second else float((first > second) == (ahead > 0)))
    return mean(told) if told else math.nan


def foretold(table: Table, part: str) -> list[dict[str, Any]]:
    """Return how well each judge foretells, over the cells, and against the first one in the same cells.

    A cell whose runs all read as many unseen lines does not count.
    """
    apart = {cell: runs for cell, runs in table.items() if len({run.test.exact for run in runs.values()}) > 1}
    cells = [list(runs.values()) for runs in apart.values()]
    if not cells:
        return []
    tried = {run.setting for runs in cells for run in runs}
    usual, rows = [agreement(runs, by(next(iter(JUDGES)), part)) for runs in cells], []
    for judge in JUDGES:
        found = [agreement(runs, by(judge, part)) for runs in cells]
        more = [mine - its for mine, its in zip(found, usual, strict=True)]
        low, high = interval(more) or (math.nan, math.nan)
        rows.append(
            {
                "lines": part,
                "judge": judge,
                "agreement": mean(found),
                "more": mean(more),
                "low": low,
                "high": high,
            }
            | {"its choice, test": worth(apart, tried, by(judge, part))}
        )
    return rows


def fullest(table: Table) -> Table:
    """Return the cells in which the most settings were trained."""
    most = max((len(runs) for runs in table.values()), default=0)
    return {cell: runs for cell, runs in table.items() if len(runs) == most}


def common(table: Table) -> set[str]:
    """Return the settings that every cell has."""
    return set.intersection(*(set(runs) for runs in table.values()))


def worth(table: Table, settings: Collection[str], judge: Judge) -> float:
    """Return the mean, over cells, of what the setting reads of unseen lines that validation puts first."""
    chosen = (
        max((run for name, run in runs.items() if name in settings), key=judge) for runs in table.values()
    )
    return mean(run.test.exact for run in chosen)


def portfolio(table: Table, judge: Judge, most: int) -> list[tuple[str, float]]:
    """Return the settings that together are worth most, greedily, each with what all up to it are worth.

    Only settings that every cell has count; one that adds nothing ends the list.
    """
    chosen: list[tuple[str, float]] = []
    while len(chosen) < most and (rest := sorted(common(table) - {name for name, _ in chosen})):
        together = {name: worth(table, [*(one for one, _ in chosen), name], judge) for name in rest}
        best = max(rest, key=together.__getitem__)
        if chosen and together[best] <= chosen[-1][1]:
            break
        chosen.append((best, together[best]))
    return chosen


def beside(table: Table, judge: Judge, settings: Sequence[str]) -> list[dict[str, Any]]:
    """Return, for each set, what as many settings chosen on the other sets are worth there, beside the given ones."""
    rows = []
    for place in sorted({cell.place for cell in table}):
        here = {cell: runs for cell, runs in table.items() if cell.place == place}
        others = {cell: runs for cell, runs in table.items() if cell.place != place}
        chosen = [name for name, _ in portfolio(others, judge, len(settings))] if others else []
        if chosen and set(settings) <= common(here):
            found = worth(here, settings, judge), worth(here, chosen, judge)
            rows.append(
                {"set": place, "given": found[0], "chosen elsewhere": found[1], "they": ", ".join(chosen)}
            )
    return rows

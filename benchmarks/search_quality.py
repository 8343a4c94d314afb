"""What a search is worth: in the same wall time, over several seeds, the default search, its rivals and one recipe.

    python benchmarks/search_quality.py [--minutes M] [--seeds S ...] [--sets NAME ...] [--model NAME] [--engine NAME]

A cell is one set, way and seed: a whole `search/run.py`, its start, export and test included. Every way of a seed has
the same lines to train, validate and test with, drawn with that seed from all of the set, and no text stands in two of
these splits. None starts from earlier studies. Finished cells are kept in --cells and not run again, so a long
benchmark can be cut and go on. The test lines are read once, at the end of each cell. The validation scores are those
of trials while the search ran: they flatter. With --own-test the test lines are the set's own val list, and its
hard ones (of vin: `val_hard`) are also scored apart.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path
from statistics import mean
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

import yaml

from benchmarks.common import (
    OWN_CLUSTER,
    REPOSITORY,
    interval,
    machine,
    print_table,
    write_result,
)
from benchmarks.searches.search_quality_lines import drawn, folder_of, hard
from benchmarks.searches.search_quality_plot import plot
from search.storage.journal import read_journal

OURS = "default"
WAYS: dict[str, tuple[str, ...]] = {
    OURS: (),
    "random": ("--sampler", "random", "--confirm", "0"),
    "no-early-stopping": ("--scheduler", "none", "--confirm", "0"),
    "recipe": ("--trials", "1", "--confirm", "0"),
}
"""What each adds to the command; the recipe is the space's first warm start, of the model with the best baseline."""

FROM_NOTHING = ("random", "no-early-stopping")
"""Ways that know no recipe, as usual for random search and TPE: the space without its warm starts."""

POINTS = 24


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/search_quality.py", description=__doc__)
    parse.formatter_class = argparse.RawDescriptionHelpFormatter
    parse.add_argument("--minutes", type=float, default=3.5, metavar="M", help="wall time of a cell (3.5)")
    parse.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="S", help="(0 1 2)")
    parse.add_argument(
        "--sets", nargs="+", default=["vin", "receipts"], metavar="NAME", help="(vin receipts)"
    )
    parse.add_argument(
        "--ways", nargs="+", choices=list(WAYS), default=list(WAYS), metavar="NAME", help=", ".join(WAYS)
    )
    parse.add_argument("--space", default="recognition", help="(recognition)")
    parse.add_argument("--model", action="append", default=[], help="only this model; repeatable")
    parse.add_argument("--engine", default="paddle", help="paddle, torch or auto (paddle)")
    parse.add_argument(
        "--lines",
        type=int,
        nargs=3,
        default=[200, 120, 300],
        metavar="N",
        help="train, val, test (200 120 300)",
    )
    parse.add_argument(
        "--own-test",
        action="store_true",
        help="test on the set's val list; of --lines only the first two count",
    )
    parse.add_argument(
        "--cells", type=Path, default=Path("runs/search-quality"), metavar="DIR", help="of finished cells"
    )
    parse.add_argument("--name", default="search_quality", help="of the result and the plot (search_quality)")
    parse.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves there, as SVG")
    return parse


def main(arguments: Sequence[str]) -> int:
    """Run the cells that are missing, print and write the figures."""
    chosen = parser().parse_args(arguments)
    before = machine()
    cells = [
        cell(chosen, place, way, seed)
        for place in chosen.sets
        for seed in chosen.seeds
        for way in chosen.ways
    ]
    rows = [row(place, way, of(cells, place, way)) for place in chosen.sets for way in chosen.ways]
    print_table([{key: value for key, value in one.items() if key != "curve"} for one in rows])
    ahead = [lead(cells, way) for way in chosen.ways if way != OURS and OURS in chosen.ways]
    if ahead:
        print_table(ahead)
    options = {key: str(value) if isinstance(value, Path) else value for key, value in vars(chosen).items()}
    write_result(
        chosen.name, before, {"options": options, "ways": WAYS, "rows": rows, "lead": ahead, "cells": cells}
    )
    if chosen.plot:
        chosen.plot.write_text(plot(rows, chosen.minutes), encoding="utf-8")
    return 0


def cell(chosen: argparse.Namespace, place: str, way: str, seed: int) -> dict[str, Any]:
    """Return what a cell found, running it if no earlier benchmark has."""
    lines = [*chosen.lines[:2], "own"] if chosen.own_test else chosen.lines
    settings = (place, way, seed, chosen.minutes, chosen.space, chosen.engine, *chosen.model, *lines)
    name = re.sub(r"[^\w.-]+", "-", "_".join(map(str, settings)))
    kept = chosen.cells / f"{name}.json"
    if not kept.exists():
        print(f"{place}, {way}, seed {seed}: {chosen.minutes:g} minutes", flush=True)
        found = searched(chosen, place, way, seed, name)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found, indent=2), encoding="utf-8")
    return dict(json.loads(kept.read_text(encoding="utf-8")))


def searched(chosen: argparse.Namespace, place: str, way: str, seed: int, name: str) -> dict[str, Any]:
    """Search once and return scores, times and the curve."""
    storage = (
        chosen.cells / f"{name}-{time.time():.0f}"
    )  # what was cut is not gone on with: its time has passed
    command = [
        *("python", "search/run.py", *drawn(chosen, place, seed), "--space", space_of(chosen, way)),
        *("--time-budget", f"{60 * chosen.minutes:g}s", "--seed", str(seed), "--no-transfer"),
        *("--storage", str(storage), "--name", "cell", "--engine", chosen.engine),
        *(word for model in chosen.model for word in ("--model", model)),
        *WAYS[way],
    ]
    started = time.time()
    run = subprocess.run(
        [sys.executable, *command[1:]], cwd=REPOSITORY, env=os.environ | OWN_CLUSTER, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    seconds = time.time() - started
    if run.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{run.stdout}\n{run.stderr}")
    summary = json.loads((Path(REPOSITORY, storage) / "cell" / "summary.json").read_text(encoding="utf-8"))
    return {
        "set": place,
        "way": way,
        "seed": seed,
        "seconds": round(seconds, 1),
        "untouched": summary["baseline"]["exact_match"],
        "validation": summary["best"]["exact_match"],
        "validation_interval_95": summary["best"]["interval_95"],
        "selected": summary["best"]["selected_score"],
        "confirmed": summary["best"]["confirmed"],
        "refit": summary["best"]["refit"],
        "test": summary["test"]["best"]["exact_match"],
        "test_edit_similarity": summary["test"]["best"]["edit_similarity"],
        "test_lines": summary["test"]["best"]["n"],
        "test_interval_95": summary["test"]["best"]["interval_95"],
        "test_untouched": summary["test"]["baseline"]["exact_match"],
        "test_hard": hard(folder_of(chosen, place, seed) / "test.txt", Path(REPOSITORY, storage) / "cell"),
        "trials": [
            {key: trial[key] for key in ("state", "score", "epochs", "seconds")}
            for trial in summary["trials"]
        ],
        "curve": curve(Path(REPOSITORY, storage) / "cell", started),
    }


def space_of(chosen: argparse.Namespace, way: str) -> str:
    """Return the space of a way; one without warm starts is written beside the cells."""
    if way not in FROM_NOTHING:
        return str(chosen.space)
    shipped = REPOSITORY / "spaces" / f"{chosen.space}.yaml"
    source = shipped if shipped.exists() else Path(chosen.space)
    document = yaml.safe_load(source.read_text(encoding="utf-8"))
    document.pop("warm_starts", None)
    path = Path(REPOSITORY, chosen.cells) / f"{source.stem}-without-warm-starts.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return str(path)


def curve(study: Path, started: float) -> list[tuple[float, float]]:
    """Return (seconds since the start, best validation score so far) of every report that was a better one."""
    reports = [report for trial in read_journal(study) for report in trial.rows if "exact_match" in report]
    better: list[tuple[float, float]] = []
    for report in sorted(reports, key=lambda one: float(one["timestamp"])):
        if not better or report["exact_match"] > better[-1][1]:
            better.append((round(report["timestamp"] - started, 1), report["exact_match"]))
    return better


def of(cells: Sequence[Mapping[str, Any]], place: str, way: str) -> list[Mapping[str, Any]]:
    """Return the cells of a set and a way, over the seeds."""
    return [one for one in cells if one["set"] == place and one["way"] == way]


def row(place: str, way: str, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the means over the seeds, with Student's 95 % intervals, and the mean curve."""
    longest = max(one["seconds"] for one in cells)
    grid = [longest * (point + 1) / POINTS for point in range(POINTS)]
    return {
        "set": place,
        "way": way,
        "seeds": len(cells),
        "trials": mean(len(one["trials"]) for one in cells),
        "minutes": mean(one["seconds"] for one in cells) / 60,
        "untouched, test": mean(one["test_untouched"] for one in cells),
        "validation": with_interval([one["validation"] for one in cells]),
        "test": with_interval([one["test"] for one in cells]),
        "hard": with_interval(
            [one["test_hard"] for one in cells if one.get("test_hard") is not None] or [nan]
        ),
        "curve": [(round(at, 1), *at_time(cells, at)) for at in grid],
    }


def lead(cells: Sequence[Mapping[str, Any]], way: str) -> dict[str, Any]:
    """Return by how much ours is ahead of another way on the same lines, with Student's 95 % intervals over them."""
    mine, others = (
        {(one["set"], one["seed"]): one for one in cells if one["way"] == name} for name in (OURS, way)
    )
    pairs = [(mine[key], others[key]) for key in mine]
    gains = {
        key: [ours[key] - its[key] for ours, its in pairs]
        for key in ("validation", "test", "test_edit_similarity")
    }
    return {"ahead of": way, "pairs": len(pairs)} | {
        key: with_interval(gained) for key, gained in gains.items()
    }


def with_interval(values: Sequence[float]) -> str:
    """Return '0.861 (0.801 to 0.921)', the interval of the mean; without it for a single one."""
    found = interval(values)
    return f"{mean(values):.3f} ({found[0]:.3f} to {found[1]:.3f})" if found else f"{mean(values):.3f}"


def at_time(cells: Sequence[Mapping[str, Any]], seconds: float) -> tuple[float, float, float]:
    """Return the mean, least and greatest best score so far over the seeds; the baseline's before."""
    scores = []
    for one in cells:
        place = bisect_right([at for at, _ in one["curve"]], seconds)
        scores.append(max(one["untouched"], one["curve"][place - 1][1]) if place else one["untouched"])
    return mean(scores), min(scores), max(scores)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

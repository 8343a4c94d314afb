"""What a search is worth: in the same wall time, over several seeds, the default search, its rivals and one recipe.

    python benchmarks/search_quality.py [--minutes M] [--seeds S ...] [--sets NAME ...] [--ways NAME ...] [--model NAME]

A cell is one set, way and seed: a whole `search/run.py`, its start, export and test included. Every way of a seed has
the same splits, and none starts from earlier studies. Finished cells are kept in --cells and not run again, so a long
benchmark can be cut and go on. The test lines are held back from the training lines and read once, at the end of each
cell; with other seeds they are others. The validation scores are those of trials while the search ran: they flatter.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

import yaml

from benchmarks.common import REPOSITORY, data_folder, machine, print_table, write_result
from search import report_svg as svg
from search.report_svg import Axis

WAYS: dict[str, tuple[str, ...]] = {
    "default": (),
    "random": ("--sampler", "random", "--confirm", "0"),
    "no-early-stopping": ("--scheduler", "none", "--confirm", "0"),
    "recipe": ("--trials", "1", "--confirm", "0"),
}
"""What each adds to the command; the recipe is the space's first warm start, of the model that reads best untouched."""

FROM_NOTHING = ("random", "no-early-stopping")
"""Ways that know no recipe, as usual for random search and TPE: the space without its warm starts."""

OWN_CLUSTER = {"RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled"}
POINTS = 24
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
COLOURS = ("#1f6feb", "#d29922", "#8957e5", "#57606a")
STYLE = (
    "text{font:12px sans-serif;fill:#57606a}.gridline{stroke:#d0d7de}.axis{stroke:#57606a}"
    "polyline{fill:none;stroke-width:2}"
)


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/search_quality.py", description=__doc__)
    parse.formatter_class = argparse.RawDescriptionHelpFormatter
    parse.add_argument("--minutes", type=float, default=20, metavar="M", help="wall time of a cell (20)")
    parse.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="S", help="(0 1 2)")
    parse.add_argument(
        "--sets", nargs="+", default=["vin", "receipts"], metavar="NAME", help="(vin receipts)"
    )
    parse.add_argument(
        "--ways", nargs="+", choices=list(WAYS), default=list(WAYS), metavar="NAME", help=", ".join(WAYS)
    )
    parse.add_argument("--space", default="recognition", help="(recognition)")
    parse.add_argument("--model", action="append", default=[], help="only this model; repeatable")
    parse.add_argument(
        "--test-fraction", type=float, default=0.2, metavar="SHARE", help="of the training lines (0.2)"
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
    options = {key: str(value) if isinstance(value, Path) else value for key, value in vars(chosen).items()}
    write_result(chosen.name, before, {"options": options, "ways": WAYS, "rows": rows, "cells": cells})
    if chosen.plot:
        chosen.plot.write_text(plot(rows, chosen.minutes), encoding="utf-8")
    return 0


def cell(chosen: argparse.Namespace, place: str, way: str, seed: int) -> dict[str, Any]:
    """Return what a cell found, running it if no earlier benchmark has."""
    settings = (place, way, seed, chosen.minutes, chosen.space, *chosen.model, chosen.test_fraction)
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
        *("python", "search/run.py", "--data", str(data_folder() / place), "--space", space_of(chosen, way)),
        *("--time-budget", f"{60 * chosen.minutes:g}s", "--seed", str(seed), "--no-transfer"),
        *("--test-fraction", str(chosen.test_fraction), "--storage", str(storage), "--name", "cell"),
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
        "test": summary["test"]["best"]["exact_match"],
        "test_lines": summary["test"]["best"]["n"],
        "test_interval_95": summary["test"]["best"]["interval_95"],
        "test_untouched": summary["test"]["baseline"]["exact_match"],
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
    document = yaml.safe_load((REPOSITORY / "spaces" / f"{chosen.space}.yaml").read_text(encoding="utf-8"))
    document.pop("warm_starts", None)
    path = Path(REPOSITORY, chosen.cells) / f"{chosen.space}-without-warm-starts.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return str(path)


def curve(study: Path, started: float) -> list[tuple[float, float]]:
    """Return (seconds since the start, best validation score so far) of every report that was a better one."""
    lines = [line for path in study.glob("*/result.json") for line in path.read_text("utf-8").splitlines()]
    reports = [report for report in map(json.loads, lines) if "exact_match" in report]
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
        "curve": [(round(at, 1), *at_time(cells, at)) for at in grid],
    }


def with_interval(values: Sequence[float]) -> str:
    """Return '0.861 (0.80-0.92)', the interval of the mean over seeds; without it for a single one."""
    found = interval(values)
    return f"{mean(values):.3f} ({found[0]:.2f}-{found[1]:.2f})" if found else f"{mean(values):.3f}"


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return Student's 95 % interval of the mean, in [0, 1]; None of one value, or of more than the table has."""
    if len(values) not in T_95:
        return None
    reach = T_95[len(values)] * stdev(values) / math.sqrt(len(values))
    return max(0.0, mean(values) - reach), min(1.0, mean(values) + reach)


def at_time(cells: Sequence[Mapping[str, Any]], seconds: float) -> tuple[float, float, float]:
    """Return the mean, least and greatest best score so far over the seeds; the untouched one's before."""
    scores = []
    for one in cells:
        place = bisect_right([at for at, _ in one["curve"]], seconds)
        scores.append(max(one["untouched"], one["curve"][place - 1][1]) if place else one["untouched"])
    return mean(scores), min(scores), max(scores)


def plot(rows: Sequence[Mapping[str, Any]], minutes: float) -> str:
    """Draw the mean curves of every set below each other, the range over seeds as thin lines."""
    sets = list(dict.fromkeys(one["set"] for one in rows))
    parts = [f"<style>{STYLE}</style>"]
    for number, place in enumerate(sets):
        mine = [one for one in rows if one["set"] == place]
        parts.append(
            f'<g transform="translate(0,{300 * number})">{"".join(_panel(place, mine, minutes))}</g>'
        )
    drawn = svg.drawing(640, 300 * len(sets), parts, "Best validation score over time")
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _panel(place: str, rows: Sequence[Mapping[str, Any]], minutes: float) -> list[str]:
    scores = [score for one in rows for _, *three in one["curve"] for score in three]
    ticks_x, ticks_y = svg.nice_ticks(0, minutes, 6), svg.nice_ticks(min(scores), max(scores))
    x, y = Axis(0, ticks_x[-1], 48, 480), Axis(ticks_y[0], ticks_y[-1], 252, 30)
    labels = ("minutes since the start", f"{place}: best exact match on the validation lines so far")
    parts = svg.axes(x, y, (ticks_x, ticks_y), labels, (lambda v: f"{v:g}", lambda v: f"{100 * v:g} %"))
    for number, one in enumerate(rows):
        colour = COLOURS[number % len(COLOURS)]
        for column, width in ((1, 2), (2, 0.5), (3, 0.5)):
            points = " ".join(f"{x.at(point[0] / 60):g},{y.at(point[column]):g}" for point in one["curve"])
            parts.append(f'<polyline points="{points}" style="stroke:{colour};stroke-width:{width}"/>')
        parts.append(f'<rect x="500" y="{40 + 20 * number}" width="14" height="3" fill="{colour}"/>')
        parts.append(svg.text(520, 46 + 20 * number, one["way"], anchor="start"))
    return parts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

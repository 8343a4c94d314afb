"""What more workers buy a search, and how many of them one Tune driver can serve.

    python benchmarks/scale.py [--workers N ...] [--widths D ...] [--seeds N] [--trials N] [--plot docs/scale.svg]
    python benchmarks/scale.py --record STUDY      # write the learning curves of a study's folder, and nothing else

The first half is a simulation (`scale_simulation.py`): the searcher asks and ASHA stops as in a search, but a trial
replays the curve that a real one recorded (`results/learning_curves.json`): scores and seconds of its epochs, by engine
and technique. How a score falls off beside the recorded learning rate is assumed, for several widths; so is that
workers are equally fast and start at once, that a configuration always scores the same (so ASHA's cutoffs have no
margin), and that LoRA's rank does nothing. No warm starts: they are the recorded trials. The rival draws at random,
with the same ASHA. So the figures say what the search does with more workers, not how well a model reads.

The second half is measured (`scale_driver.py`): Ray Tune as a study runs it, on trials that train nothing.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import RESULTS, machine, print_table, write_result
from benchmarks.searches.scale_driver import DriverCost, limit, measure_driver
from benchmarks.searches.scale_plot import plot
from benchmarks.searches.scale_simulation import (
    NEAR,
    Curve,
    Found,
    least_seconds,
    read_curves,
    record,
    simulate,
)
from search.settings import Sampler

CURVES = RESULTS / "learning_curves.json"
WIDTHS = (0.3, 0.05)  # decades
WORKERS = (1, 4, 16, 64, 500)
OURS: Sampler = "tpe"
RIVAL: Sampler = "random"


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/scale.py", description=__doc__)
    parse.formatter_class = argparse.RawDescriptionHelpFormatter
    parse.add_argument(
        "--workers",
        type=int,
        nargs="+",
        default=list(WORKERS),
        metavar="N",
        help="the first one is compared with",
    )
    parse.add_argument(
        "--widths",
        type=float,
        nargs="+",
        default=list(WIDTHS),
        metavar="D",
        help="assumed, in decades (0.3 0.05)",
    )
    parse.add_argument(
        "--seeds", type=int, default=5, metavar="N", help="simulated searches of each kind (5)"
    )
    parse.add_argument(
        "--trials",
        type=int,
        default=60,
        metavar="N",
        help="short ones of the measured driver (60); 0: do not",
    )
    parse.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves there, as SVG")
    parse.add_argument("--record", type=Path, metavar="STUDY", help="folder of a study that has ended")
    return parse


def main(arguments: Sequence[str]) -> None:
    """Simulate, measure, print and write the figures; or record."""
    chosen = parser().parse_args(arguments)
    if chosen.record:
        CURVES.write_text(json.dumps(record(chosen.record), indent=1) + "\n", encoding="utf-8")
        return
    before, curves = machine(), read_curves(CURVES)
    driver, cost = measure_driver(chosen.trials) if chosen.trials else ([], None)
    if driver:
        print_table(driver)
    rows: list[dict[str, Any]] = []
    limits: dict[str, int] = {}
    for width in chosen.widths:
        found: dict[int, dict[str, list[Found]]] = {}
        for workers in chosen.workers:
            print(f"{workers} workers, width {width:g}", flush=True)
            found[workers] = searches(workers, curves, width, chosen.seeds)
        rows += [row(width, workers, found, cost) for workers in chosen.workers]
        print_table(rows[-len(found) :])
        if cost:
            limits[f"{width:g}"] = limit(
                [(one["workers"], one["driver, share"]) for one in rows[-len(found) :]]
            )
            print(f"the driver is busy all the time with about {limits[f'{width:g}']} workers")
    least = least_seconds(curves) / 60
    print(f"no number of workers takes less than {least:.2f} minutes: the quickest trial that comes so near")
    options = {key: value for key, value in vars(chosen).items() if key not in ("plot", "record")}
    figures = {"near": NEAR, "least, minutes": least, "median epoch, s": median_epoch(curves)}
    told = {
        "driver": driver,
        "driver's processor, ms": cost and {"trial": 1000 * cost.trial, "report": 1000 * cost.report},
    }
    write_result(
        "scale", before, {"options": options} | figures | told | {"limit, workers": limits, "simulated": rows}
    )
    if chosen.plot:
        chosen.plot.write_text(plot(rows, least), encoding="utf-8")


def median_epoch(curves: Sequence[Curve]) -> float:
    """Return the seconds of the recorded epochs' median."""
    return statistics.median(second for curve in curves for second in curve.seconds)


def searches(workers: int, curves: Sequence[Curve], width: float, seeds: int) -> dict[str, list[Found]]:
    """Return what each way of proposing found, by seed."""
    return {
        way: [simulate(workers, curves, width, way, seed) for seed in range(seeds)] for way in (OURS, RIVAL)
    }


def row(
    width: float, workers: int, found: Mapping[int, Mapping[str, Sequence[Found]]], cost: DriverCost | None
) -> dict[str, Any]:
    """Return the medians of a number of workers, and what they say beside those of the first number.

    Args:
        width: assumed.
        workers: of this row.
        found: by workers and way of proposing.
        cost: of the driver; None if it was not measured.
    """
    ours, rival = found[workers][OURS], found[workers][RIVAL]
    first = min(found)
    minutes, rival_minutes = (middle([one.seconds / 60 for one in way]) for way in (ours, rival))
    faster = middle([one.seconds / 60 for one in found[first][OURS]]) / minutes
    return {
        "width": width,
        "workers": workers,
        "minutes": minutes,
        "range": span([one.seconds / 60 for one in ours]),
        "random, minutes": rival_minutes,
        "random, range": span([one.seconds / 60 for one in rival]),
        "random / ours": rival_minutes / minutes,
        "speed-up": faster,
        "of ideal": faster * first / workers,
        "random, of ideal": middle([one.seconds / 60 for one in found[first][RIVAL]])
        / rival_minutes
        * first
        / workers,
        "trials": middle([one.trials for one in ours]),
        "reports/s": middle([one.reports / one.seconds for one in ours]),
        "asking, ms/trial": middle([1000 * one.asking / one.trials for one in ours]),
    } | busy(ours, cost)


def busy(ours: Sequence[Found], cost: DriverCost | None) -> dict[str, float]:
    """Return which share of the time the driver is at work: for asking alone, and in all if that was measured."""
    asking = {"asking, share": middle([one.asking / one.seconds for one in ours])}
    if cost is None:
        return asking
    loads = [cost.load(one.trials, one.reports, one.seconds) + one.asking / one.seconds for one in ours]
    return asking | {"driver, share": middle(loads)}


def middle(values: Sequence[float]) -> float:
    """Return the median as a float."""
    return float(statistics.median(values))


def span(values: Sequence[float]) -> list[float]:
    """Return the least and the greatest."""
    return [round(min(values), 2), round(max(values), 2)]


if __name__ == "__main__":
    main(sys.argv[1:])

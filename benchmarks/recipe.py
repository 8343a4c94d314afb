"""What the settings of the recipe are worth that a search of recognisers begins with: each changed alone.

    python benchmarks/recipe.py [--epochs N] [--seeds S ...] [--sets NAME ...]

The recipe is the first warm start of the space `recognition`. Every run is scored after its last epoch, so that no
score was chosen among epochs. Several runs at a time, one thread each: what is compared are scores, not seconds.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import data_folder, machine, print_table, write_result
from spaces.space import load_space
from train.config import TrialConfig, config_from_mapping
from train.system.dotted import nest

SETS = {"vin": 320, "receipts": 0}
"""Each with the `fit_width` at which the pretrained model reads it best."""

MOST_LINES = 512
"""The first of each list."""

CHANGES: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "frozen batch norms": {"batch_norm": "frozen"},
    "batches of 16": {"batch_size": 16},
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/recipe.py", description=__doc__)
    parse.formatter_class = argparse.RawDescriptionHelpFormatter
    parse.add_argument("--epochs", type=int, default=8, metavar="N", help="of every run (8)")
    parse.add_argument("--seeds", type=int, nargs="+", default=[0, 1], metavar="S", help="(0 1)")
    parse.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS), metavar="NAME")
    return parse


def main(arguments: Sequence[str]) -> int:
    """Train every run, print and write the figures."""
    chosen = parser().parse_args(arguments)
    before = machine()
    os.environ["OMP_NUM_THREADS"] = "1"
    asked = [(place, change) for place in chosen.sets for change in CHANGES]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), max_tasks_per_child=1) as pool:
        runs = {
            (place, change): [
                pool.submit(last_score, place, CHANGES[change], chosen.epochs, seed) for seed in chosen.seeds
            ]
            for place, change in asked
        }
        rows = [row(*key, [run.result() for run in found]) for key, found in runs.items()]
    print_table(rows)
    write_result("recipe", before, {"epochs": chosen.epochs, "seeds": chosen.seeds, "rows": rows})
    return 0


def row(place: str, change: str, scores: Sequence[float]) -> dict[str, Any]:
    """Return what a change came to over the seeds."""
    print(f"{place}, {change}: {scores}", flush=True)
    return {"set": place, "change": change, "exact match, mean": mean(scores), "each seed": list(scores)}


def settings(place: str, changes: dict[str, Any]) -> TrialConfig:
    """Return the recipe for a set, with what is changed."""
    space = load_space("recognition")
    recipe = {**space.fixed, **space.warm_starts[0].settings, "fit_width": SETS[place], **changes}
    return config_from_mapping(nest(recipe), "recipe")


def last_score(place: str, changes: dict[str, Any], epochs: int, seed: int) -> float:
    """Train once; return the exact match on the validation lines after the last epoch."""
    from train.data.dataset import decode_samples
    from train.data.formats.loading import load_file
    from train.loop import TrainingData, train

    paths = (data_folder() / place / f"rec_gt_{split}.txt" for split in ("train", "val"))
    data = TrainingData(*(decode_samples(load_file(path, {})[:MOST_LINES]) for path in paths))
    found: list[float] = []
    train(
        settings(place, changes | {"epochs": epochs, "seed": seed}),
        data,
        lambda metrics, _: found.append(metrics["exact_match"]),
    )
    return round(found[-1], 4)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

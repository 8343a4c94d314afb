"""Epochs of a frozen backbone on cached features against the same epochs on images.

    python benchmarks/feature_cache.py [--model NAME ...] [--engine NAME ...] [--lines N] [--epochs N] [--cores N]

Both are `train.loop.train` as a trial runs it, validation included, on the first lines of `vin`; the second has no
memory for a cache. They take turns. The first epoch on features computes them.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import data_folder, machine, print_table, use_cores, write_result
from train.config import TrialConfig, config_from_mapping
from train.data.dataset import Dataset, decode_samples
from train.data.formats.loading import load_file
from train.engines import ENGINES
from train.system.machine import memory

RUN = 12  # epochs, of which the speed-up of a whole run is told


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/feature_cache.py", description=__doc__)
    parse.add_argument("--model", nargs="+", default=["pp-ocrv6-tiny", "pp-ocrv6-small"])
    parse.add_argument("--engine", nargs="+", default=ENGINES.names())
    parse.add_argument("--lines", type=int, default=192, metavar="N", help="training lines (192)")
    parse.add_argument("--epochs", type=int, default=3, metavar="N", help="of each run, at least 2 (3)")
    parse.add_argument("--rounds", type=int, default=2, metavar="N", help="runs of each side (2)")
    parse.add_argument("--cores", type=int, default=1, metavar="N", help="a search's trial has 1 (default)")
    return parse


def main(arguments: Sequence[str]) -> int:
    """Measure every model in every engine, print and write the figures."""
    chosen = parser().parse_args(arguments)
    use_cores(chosen.cores)
    before = machine()
    train, val = lines("train", chosen.lines), lines("val", chosen.lines // 4)
    rows = []
    for model in chosen.model:
        for engine in chosen.engine:
            settings = {"model": model, "engine": engine, "epochs": chosen.epochs}
            rows.append(measure(configuration(settings), train, val, chosen.rounds))
    print_table(rows)
    write_result("feature_cache", before, {"runs": rows, "options": vars(chosen), "validation": len(val)})
    return 0


def lines(split: str, count: int) -> Dataset:
    """Return the first lines of a split of `vin`."""
    return decode_samples(load_file(data_folder() / "vin" / f"rec_gt_{split}.txt")[:count])


def configuration(settings: dict[str, Any]) -> TrialConfig:
    """Return a configuration that leaves pixels and backbone as they are."""
    still = {"technique": {"name": "frozen"}, "augmentation": {"probability": 0.0}, "batch_size": 16}
    return config_from_mapping(still | settings, "benchmark")


def measure(config: TrialConfig, train: Dataset, val: Dataset, rounds: int) -> dict[str, Any]:
    """Return the seconds of epochs with and without a cache, and their ratio."""
    allowance = memory.trial_allowance
    first, later, plain, losses = [], [], [], []
    for _ in range(rounds):
        epochs = run(config, train, val)
        first.append(epochs[0]["epoch_seconds"])
        later += [epoch["epoch_seconds"] for epoch in epochs[1:]]
        memory.trial_allowance = lambda: 0
        without = run(config, train, val)
        memory.trial_allowance = allowance
        plain += [epoch["epoch_seconds"] for epoch in without]
        losses.append(abs(epochs[-1]["loss"] / without[-1]["loss"] - 1))
        assert [epoch["features_cached"] for epoch in (epochs[-1], without[-1])] == [1, 0]
    one, other, filling = (statistics.median(seconds) for seconds in (plain, later, first))
    return {
        "model": config.model,
        "engine": config.engine,
        "images, s/epoch": one,
        "features, s/epoch": other,
        "ratio": one / other,
        "first epoch on features, s": filling,
        f"ratio of {RUN} epochs": RUN * one / (filling + (RUN - 1) * other),
        "features, MB": epochs[0]["features_mb"],
        "losses apart by": max(losses),
    }


def run(config: TrialConfig, train_lines: Dataset, val_lines: Dataset) -> list[dict[str, float]]:
    """Train and return every epoch's metrics."""
    from train.loop import TrainingData, train
    from train.steps.report import MakeCheckpoint, Metrics

    found: list[dict[str, float]] = []

    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        found.append(dict(metrics))

    train(config, TrainingData(train_lines, val_lines), report)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Which settings are worth trying first: many, each trained alike on small sets of several kinds.

    python benchmarks/portfolio.py [--minutes M] [--waves N] [--places NAME ...] [--lines N ...] [--report]

A run is one setting in one cell (a set, a number of lines, a seed): tiny, as many epochs as every other setting of the
cell, no early end, one thread. What it read is appended to `results/portfolio.jsonl` as soon as it is known; runs that
stand there are not trained again, so the benchmark can be cut and extended. A run is scored on lines that chose
nothing, by the network of its last epoch. Wave 6 also reads means of its settings' networks. `--report` prints what the
runs say, and trains nothing.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import print_table, use_cores
from benchmarks.searches.portfolio_choice import (
    JUDGES,
    PARTS,
    Cell,
    Line,
    Run,
    Table,
    beside,
    by,
    foretold,
    fullest,
    gain_over,
    judged,
    met,
    portfolio,
    read_runs,
    table_of,
    write_run,
)
from benchmarks.searches.portfolio_means import (
    BATCH_8,
    BATCH_16,
    MEANS,
    RECIPE,
    Trained,
    runs_of_means,
)
from benchmarks.searches.portfolio_sets import FEW, FIT_WIDTH, PHOTOS, PLACES, lines_of
from spaces.space import load_space
from train.checkpoint import Checkpoint
from train.config import TrialConfig, config_from_mapping
from train.data.batching.mixture import Mixture
from train.data.dataset import Dataset
from train.engine import Engine
from train.loop import TrainingData, assemble, train
from train.steps.report import MakeCheckpoint, Metrics
from train.steps.validation import read
from train.system.dotted import nest
from train.tasks import Task

Changes = Mapping[str, Any]

SMALL, ALL = "small", "validation too"
"""The latter trains on the validation lines, too, as many fewer epochs as there are more lines."""
RATE, PROBABILITY = "optimiser.learning_rate", "augmentation.probability"
LORA: Changes = {
    "technique.name": "lora", "technique.options.rank": 8, "technique.options.alpha": 16.0,
    "technique.options.groups": 5, RATE: 1e-3, PROBABILITY: 0.5, "batch_norm": "frozen",
}  # fmt: skip
WAVES: tuple[dict[str, Changes], ...] = (
    {
        RECIPE: {},
        BATCH_8: {"batch_size": 8},
    },
    {
        BATCH_16: {"batch_size": 16},
        "wsd": {"schedule.name": "wsd"},
        "rate 4e-4": {RATE: 4e-4},
        "no augmentation": {PROBABILITY: 0.0},
        "wide augmentation": {"augmentation.variety": "wide"},
        "rate, average": {RATE: 4e-4, PROBABILITY: 0.4, "optimiser.ema": 0.99},
        "lora": LORA,
    },
    {
        "rate 8e-4": {RATE: 8e-4},
        "batch 16, rate 4e-4": {"batch_size": 16, RATE: 4e-4},
        "batch 16, wsd": {"batch_size": 16, "schedule.name": "wsd"},
        "augmentation 0.5": {PROBABILITY: 0.5},
        "frozen norms": {"batch_norm": "frozen"},
        "layer decay": {RATE: 6e-4, "optimiser.layer_decay": 0.85},
        "frozen": {"technique.name": "frozen", RATE: 1e-3, PROBABILITY: 0.5, "batch_norm": "frozen"},
        "joined lines": {"augmentation.concat": 0.3},
    },
    {
        SMALL: {"model": "pp-ocrv6-small", RATE: 1e-4},
        "small, rate 2e-4": {"model": "pp-ocrv6-small", RATE: 2e-4},
        "small, rate 4e-4": {"model": "pp-ocrv6-small", RATE: 4e-4},
        "small, batch 16": {"model": "pp-ocrv6-small", RATE: 1e-4, "batch_size": 16},
    },
    {
        ALL: {"batch_size": 8},
    },
    {
        RECIPE: {},
        BATCH_16: {"batch_size": 16},
        BATCH_8: {"batch_size": 8},
    },
)
"""What each changes of the recipe, the first warm start of the space `recognition`; the most telling ones first."""
OF_MEANS = len(WAVES)
"""The wave whose networks are averaged, too: a cell of it is trained as a whole."""

RIVALS = dict.fromkeys(WAVES[3], SMALL) | {
    ALL: BATCH_8,
    "batch 8, late mean": BATCH_8,
    "all three, three quarters": "all three",
}
"""What a setting is compared with, if not with the recipe."""
SETTINGS = {name: changes for wave in WAVES for name, changes in wave.items()}
EPOCHS = {50: 24, 60: 40, 150: 12, 200: 16, 500: 6}
CELLS = tuple(Cell(place, lines, seed) for seed in (0, 1) for lines in (50, 150, 500) for place in PLACES)
CELLS_OF_MEANS = tuple(
    Cell(place, lines, seed) for seed in range(2, 10) for lines in (200, 60) for place in PHOTOS
)
MOST = 8
"""Settings of a portfolio."""
TODAY = (RECIPE, "batch 16", "rate, average", "lora")
"""The space's warm starts of tiny, for up to 500 lines."""


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/portfolio.py", description=__doc__)
    parse.formatter_class = argparse.RawDescriptionHelpFormatter
    parse.add_argument(
        "--minutes", type=float, default=360, metavar="M", help="no run begins after so many (360)"
    )
    parse.add_argument(
        "--waves",
        type=int,
        nargs="+",
        default=[1, 2, 3],
        metavar="N",
        help="of settings (1 2 3); 4: of small; 5: with the validation lines; 6: batch sizes and their means",
    )
    parse.add_argument("--cells", type=int, default=len(CELLS), metavar="N", help="the first so many (all)")
    parse.add_argument("--places", nargs="+", choices=PLACES, default=PLACES, metavar="NAME", help="(all)")
    parse.add_argument(
        "--lines",
        type=int,
        nargs="+",
        choices=EPOCHS,
        default=list(EPOCHS),
        metavar="N",
        help="of a cell (all)",
    )
    parse.add_argument("--report", action="store_true", help="train nothing")
    return parse


def main(arguments: Sequence[str]) -> int:
    """Train what is missing, as long as there is time; print what all runs say."""
    chosen = parser().parse_args(arguments)
    if not chosen.report:
        use_cores(1)
        train_missing(chosen, time.monotonic() + 60 * chosen.minutes)
    if runs := [run for run in read_runs() if run.cell.lines in chosen.lines]:
        report(runs)
    return 0


def train_missing(chosen: argparse.Namespace, until: float) -> None:
    """Train the runs that are not recorded, in the order of the waves."""
    done = {(run.cell, run.setting) for run in read_runs()}
    for cell, names, make in planned(chosen):
        if {(cell, name) for name in names} <= done:
            continue
        if time.monotonic() > until:
            return
        for run in make():
            write_run(run)
            place = f"{cell.place} {cell.lines} (seed {cell.seed})"
            print(f"{place}, {run.setting}: {run.test.exact:.3f} ({run.seconds:.0f} s)", flush=True)


def planned(chosen: argparse.Namespace) -> Iterator[tuple[Cell, Sequence[str], Callable[[], Sequence[Run]]]]:
    """Yield what is to be trained, wave by wave, cell by cell: the names of its runs, and what makes them."""
    for number in chosen.waves:
        wave = WAVES[number - 1]
        for cell in (CELLS_OF_MEANS if number == OF_MEANS else CELLS)[: chosen.cells]:
            if cell.place not in chosen.places or cell.lines not in chosen.lines:
                continue
            if number == OF_MEANS:
                yield cell, [*wave, *MEANS], partial(with_means, cell, list(wave))
            else:
                yield from ((cell, [setting], partial(alone, cell, setting)) for setting in wave)


def alone(cell: Cell, setting: str) -> list[Run]:
    """Train a setting in a cell."""
    return [trained(cell, setting).run]


def with_means(cell: Cell, settings: Sequence[str]) -> list[Run]:
    """Train settings in a cell; average their networks."""
    found = {setting: trained(cell, setting) for setting in settings}
    lines = lines_of(cell)
    network = engine, task = assemble(config_of(cell, {}), lines.train)

    def read_with(weights: Mapping[str, Any], data: Dataset) -> list[Line]:
        engine.load({"weights": weights})
        return read_lines(engine, task, data)

    runs = [one.run for one in found.values()]
    return runs + runs_of_means(cell, lines, found, network, read_with)


def config_of(cell: Cell, changes: Changes) -> TrialConfig:
    """Return the recipe for a cell, with what is changed."""
    space = load_space("recognition")
    fixed = {"engine": "torch", "fit_width": FIT_WIDTH.get(cell.place, 0), "patience": 0, "seed": cell.seed}
    length = {"epochs": EPOCHS[cell.lines]}
    recipe = {**space.fixed, **space.warm_starts[0].settings, **fixed, **length}
    return config_from_mapping(nest({**recipe, **changes}), "portfolio")


def trained(cell: Cell, setting: str) -> Trained:
    """Train a setting in a cell; return what its last epoch's network reads, and its later weights."""
    lines, config = lines_of(cell), config_of(cell, SETTINGS[setting])
    learnt: Dataset = lines.train
    if setting == ALL:
        learnt = Mixture([lines.train, lines.val])
        config = config.model_copy(update={"epochs": round(config.epochs * len(lines.train) / len(learnt))})
    curve: list[tuple[float, float]] = []
    late: list[Checkpoint] = []

    def keep(metrics: Metrics, checkpoint: MakeCheckpoint) -> None:
        curve.append((round(metrics["exact_match"], 4), round(metrics["val_loss"], 3)))
        if metrics["epoch"] > config.epochs // 2:
            late.append(checkpoint())

    started = time.process_time()
    train(config, TrainingData(learnt, lines.few), keep)
    seconds = time.process_time() - started
    reader = assemble(config, learnt, late[-1])
    val, test = (read_lines(*reader, part) for part in (lines.val, lines.test))
    run = Run(
        cell,
        setting,
        dict(SETTINGS[setting]),
        config.epochs,
        round(seconds, 1),
        judged(val[:FEW]),
        judged(val),
        judged(test),
        curve,
    )
    return Trained(run, [checkpoint.weights for checkpoint in late])


def read_lines(engine: Engine, task: Task, data: Dataset) -> list[Line]:
    """Return each line's label, what is read and the label's loss."""
    predictions, losses = read(engine, task, data)
    return [
        Line(label, text, loss)
        for label, (text, _), loss in zip(data.texts, predictions, losses, strict=True)
    ]


def report(runs: Sequence[Run]) -> None:
    """Print what every setting gains, which to try first, and which judge foretells best."""
    usual, tiny = by(next(iter(JUDGES)), "val"), trained_tiny(runs)
    whole = fullest(tiny)
    rivals = {name: RIVALS.get(name, RECIPE) for name in (*SETTINGS, *MEANS) if name not in (RECIPE, SMALL)}
    table = table_of(runs)
    print_table([gain_over(table, name, rival) for name, rival in rivals.items() if met(table, name, rival)])
    if len(whole) > 1:  # what is best in one cell says nothing
        print_table([{"first": name, "together": value} for name, value in portfolio(whole, usual, MOST)])
        print_table(beside(whole, usual, TODAY))
    print_table([row for part in PARTS for row in foretold(tiny, part)])


def trained_tiny(runs: Sequence[Run]) -> Table:
    """Return what settings of tiny read that learned the training lines alone, without means."""
    return table_of(run for run in runs if run.setting not in (*WAVES[3], ALL, *MEANS))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

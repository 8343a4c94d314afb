"""Means of networks that one cell's settings led to, for `benchmarks/portfolio.py`: what they read more than each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.searches.portfolio_choice import Cell, Line, Run, judged
from benchmarks.searches.portfolio_sets import FEW, Lines
from search.selection.caution import mix
from search.selection.soup import Weights, average, renew_statistics
from train.data.dataset import Dataset
from train.engine import Engine
from train.loop import TrainingData
from train.tasks import Task

RECIPE, BATCH_8, BATCH_16, UNTRAINED = "recipe", "batch 8", "batch 16", "untrained"


@dataclass(frozen=True)
class Mean:
    """What is averaged.

    Attributes:
        of: settings.
        late: whether the weights after each epoch of their second half are, in place of the last one's.
        share: how far from the pretrained weights to the mean the network lies, in [0, 1].
    """

    of: tuple[str, ...]
    late: bool = False
    share: float = 1.0


MEANS = {
    UNTRAINED: Mean((RECIPE,), share=0.0),
    "recipe, late mean": Mean((RECIPE,), late=True),
    "batch 8, late mean": Mean((BATCH_8,), late=True),
    "recipe + batch 16": Mean((RECIPE, BATCH_16)),
    "recipe + batch 8": Mean((RECIPE, BATCH_8)),
    "batch 16 + batch 8": Mean((BATCH_16, BATCH_8)),
    "all three": Mean((RECIPE, BATCH_16, BATCH_8)),
    "recipe, three quarters": Mean((RECIPE,), share=0.75),
    "all three, three quarters": Mean((RECIPE, BATCH_16, BATCH_8), share=0.75),
}


@dataclass(frozen=True)
class Trained:
    """A setting trained in a cell.

    Attributes:
        run: what its last network reads.
        late: its weights after each epoch of the second half, the last one's last.
    """

    run: Run
    late: Sequence[Weights]


Read = Callable[[Weights, Dataset], list[Line]]
"""Weights and lines -> these as a network with those reads them."""


def mean_of(mean: Mean, trained: Mapping[str, Trained], start: Weights) -> Weights:
    """Return the weights of a mean; `start` are the pretrained ones."""
    parts = [weights for name in mean.of for weights in trained[name].late[0 if mean.late else -1 :]]
    return mix(start, average(parts), mean.share)


def runs_of_means(
    cell: Cell, lines: Lines, trained: Mapping[str, Trained], network: tuple[Engine, Task], read: Read
) -> list[Run]:
    """Return what each of MEANS reads, with batch norms' statistics as they are or renewed: as validation lines say.

    Args:
        cell: what was trained in.
        lines: its lines.
        trained: all settings that are averaged.
        network: as it was before any training, with live batch norms.
        read: what weights read of lines.
    """
    engine, task = network
    start, data, runs = engine.weights(), TrainingData(lines.train, lines.few), []
    for name, mean in MEANS.items():
        options = [mean_of(mean, trained, start)]
        if mean.share:
            options.append(renew_statistics(options[0], engine, task, data))
        readings = [read(weights, lines.val) for weights in options]
        ranks = [(said.exact, said.line) for said in map(judged, readings)]
        best = ranks.index(max(ranks))
        parts = [trained[one].run for one in mean.of]
        runs.append(
            Run(
                cell,
                name,
                {"mean of": list(mean.of), "late": mean.late, "share": mean.share},
                parts[0].epochs if mean.share else 0,
                round(sum(run.seconds for run in parts), 1) if mean.share else 0.0,
                judged(readings[best][:FEW]),
                judged(readings[best]),
                judged(read(options[best], lines.test)),
                [],
            )
        )
    return runs

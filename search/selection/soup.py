"""A model soup: the average of several trials' weights (Wortsman et al., Model soups, 2022).

Trials of one model start from the same weights, so their fine-tuned weights lie in one basin and their average
reads new images better than most of them. The best trial's score was the best of many, so it flatters, and an average
that had to beat it on the same few samples would seldom be taken: trials whose own scores lie within the 95 % interval
of the best one are averaged as long as the average's does, too. It costs a few readings of the validation split and
nothing when the model serves.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from search.records.ranking import Forgetting, Forgotten, rank_key
from search.records.result import PRETRAINED
from train.checkpoint import Checkpoint
from train.engine import Engine
from train.errors import CheckpointError
from train.loop import TrainingData, assemble_run
from train.models import MODELS
from train.scoring.scores import Scores
from train.steps.validation import GENERAL, evaluate
from train.tasks import TASKS, Task
from train.techniques import build_technique

INGREDIENTS = 6


@dataclass(frozen=True)
class Soup:
    """The winner's weights.

    Attributes:
        trials: whose weights were averaged, the best first, PRETRAINED for the start's; one where no average
            read well enough.
        scores: on the validation split.
    """

    checkpoint: Checkpoint
    trials: tuple[str, ...]
    scores: Scores


@dataclass(frozen=True)
class Blend:
    """What weights read.

    Attributes:
        general: on the general samples; None without any.
        excess: of what is forgotten there over the limit.
    """

    scores: Scores
    general: Scores | None
    excess: float

    @property
    def rank(self) -> tuple[float, float, float]:
        """Sort key: see search/records/ranking.py."""
        return rank_key(*self.scores.rank, self.excess)

    @property
    def metrics(self) -> dict[str, float]:
        """As a checkpoint has them."""
        return self.scores.metrics() | (self.general.metrics(GENERAL) if self.general else {})

    @property
    def low(self) -> float:
        """The low end of the 95 % interval of the first score; infinite without one."""
        return self.scores.interval.low if self.scores.interval is not None else math.inf

    def as_good_as(self, best: "Blend") -> bool:
        """Whether it forgets no more than the best one, and scores within the 95 % interval of its score."""
        return self.excess <= best.excess and self.scores.primary >= best.low


@dataclass(frozen=True)
class Ingredient:
    """Weights that may be averaged in.

    Attributes:
        good: whether they score within the 95 % interval of the best trial's score by themselves.
    """

    name: str
    weights: dict[str, Any]
    good: bool


def average(weights: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of each array over several networks of one shape."""
    return {name: np.mean([part[name] for part in weights], axis=0, dtype=np.float64).astype(np.float32)
            for name in weights[0]}  # fmt: skip


def same_start(a: Checkpoint, b: Checkpoint) -> bool:
    """Whether two checkpoints were trained from the same weights, adapters included.

    With another seed, a batch norm that was fused away begins with the statistics of other training images: a function
    as good as the same.
    """
    keys = ("engine", "model", "weights", "fit_width")
    adapters = [build_technique(one.config.technique).adapters for one in (a, b)]
    return (
        a.charset == b.charset
        and adapters[0] == adapters[1]
        and all(getattr(a.config, key) == getattr(b.config, key) for key in keys)
        and (a.config.seed == b.config.seed or not (adapters[0] or _draws_weights(a)))
    )


def _draws_weights(checkpoint: Checkpoint) -> bool:
    """Whether some weights were drawn with the seed when training began: all, or of characters new to the model."""
    weights = Path(checkpoint.config.weights) if checkpoint.config.weights else None
    known = MODELS.get(checkpoint.config.model).charset(weights).characters
    return not _starts_from_weights(checkpoint) or not set(checkpoint.charset.characters) <= set(known)


def _starts_from_weights(checkpoint: Checkpoint) -> bool:
    """Whether training began with weights, and not with random ones, which are no ingredient."""
    config = checkpoint.config
    return MODELS.get(config.model).pretrained(Path(config.weights) if config.weights else None)


def greedy_soup(
    ranked: Sequence[tuple[str, Callable[[], Checkpoint]]],
    data: TrainingData,
    deadline: float | None,
    forgetting: Forgetting | None = None,
) -> Soup:
    """Start from the best weights; average in what is good as long as that reads well, the rest if it reads better.

    The weights that training started from are an ingredient, too: averaged in, they give back what training on few
    images took away (Wortsman et al., Robust fine-tuning of zero-shot models, 2022).

    Args:
        ranked: names of trials, or of runs, and what loads their best checkpoints, best first.
        data: the average is judged on its validation split.
        deadline: Unix time after which no further one is tried.
        forgetting: what an average may lose on the general samples; None without any.
    """
    first = ranked[0][1]()
    engine, task = assemble_run(first.config, data)
    task = task.at_best
    untouched = engine.state()["weights"]
    forgotten = partial(forgetting.measure, first.config.model) if forgetting else None

    def read(weights: dict[str, Any]) -> Blend:
        engine.load({"weights": weights})
        return _blend(engine, task, data, forgotten)

    pot = [(ranked[0][0], first.weights)]
    now, soup = read(first.weights), first.weights
    pretrained = _starts_from_weights(first)
    if pretrained and (start := read(untouched)).rank > now.rank:
        now, soup, pot = start, untouched, [(PRETRAINED, untouched)]
    best = now
    for one in _ingredients(first, untouched if pretrained else None, ranked, pot[0][0], best.low):
        if deadline is not None and time.time() > deadline:
            break
        mixed = average([*(kept for _, kept in pot), one.weights])
        blend = read(mixed)
        if blend.rank > now.rank or (one.good and blend.as_good_as(best)):
            pot.append((one.name, one.weights))
            now, soup, best = blend, mixed, max(best, blend, key=lambda found: found.rank)
    checkpoint = replace(first, metrics=first.metrics | now.metrics, state={"weights": soup})
    return Soup(checkpoint, tuple(name for name, _ in pot), now.scores)


def _blend(
    engine: Engine, task: Task, data: TrainingData, forgot: Callable[[float], Forgotten] | None
) -> Blend:
    """Return what the engine's weights read, and by how much too much of the general samples they forgot."""
    general = evaluate(engine, task, data.general)[0] if data.general is not None else None
    excess = forgot(general.primary).excess if forgot is not None and general is not None else 0.0
    return Blend(evaluate(engine, task, data.val)[0], general, excess)


def _ingredients(
    first: Checkpoint,
    untouched: dict[str, Any] | None,
    ranked: Sequence[tuple[str, Callable[[], Checkpoint]]],
    start: str,
    least: float,
) -> Iterator[Ingredient]:
    """Yield what may be averaged with `start`: good is what scored `least` by itself, nothing beside the untouched."""
    if untouched is not None:
        name, weights = (ranked[0][0], first.weights) if start == PRETRAINED else (PRETRAINED, untouched)
        yield Ingredient(name, weights, good=False)
    primary = TASKS.get(first.config.task).scores.names[0]
    for name, load in ranked[1:INGREDIENTS]:
        try:
            candidate = load()
        except CheckpointError as error:  # the winner stands without it
            print(f"trial {name} cannot be averaged in: {error.value}", flush=True)
            continue
        if same_start(first, candidate):
            good = start != PRETRAINED and candidate.metrics[primary] >= least
            yield Ingredient(name, candidate.weights, good)

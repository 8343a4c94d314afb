"""A model soup: the average of several trials' weights (Wortsman et al., Model soups, 2022).

Trials of one model start from the same weights, so their fine-tuned weights lie in one basin and their average
reads new images better than most of them. It need not beat the best trial: that score was the best of many, so it
flatters, and an average would seldom reach it on the same few samples. So trials within the 95 % interval of the best
score are averaged as long as the average lies no more than a standard error behind the best reading, line by line. This
costs a few readings of the validation split, and nothing when the model serves.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from search.records.ranking import Forgetting, Forgotten, rank_key
from search.records.result import PRETRAINED
from search.selection.one_form import have_same_start, in_one_form, starts_from_weights, without_adapters
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.engine import Engine
from train.errors import CheckpointError
from train.loop import TrainingData, assemble_run
from train.scoring.intervals import paired_gain_interval
from train.scoring.scores import Scores
from train.steps.validation import GENERAL, evaluate, evaluate_with_loss
from train.tasks import TASKS, SampleStats, Task
from train.trained.loaded import Loaded

Weights = dict[str, Any]

INGREDIENTS = 6
PASSES = 4
"""Batches of training images that give an average its batch norms' statistics."""


@dataclass(frozen=True)
class Soup:
    """The winner's weights, in a network.

    Attributes:
        trials: whose weights were averaged, the best first, PRETRAINED for those that training started from; one
            where no average read well enough.
        scores: on the validation split, as epochs are judged (`Task.at_best`).
    """

    network: Loaded
    trials: tuple[str, ...]
    scores: Scores

    @property
    def checkpoint(self) -> Checkpoint:
        """What the network was loaded from."""
        return self.network.checkpoint


@dataclass(frozen=True)
class Result:
    """How well weights read.

    Attributes:
        general: on the general samples; None without any.
        excess: of what is forgotten there over the limit.
        stats: how each validation sample is done (`Task.per_sample`).
        loss: of the validation labels; None where none has one.
    """

    scores: Scores
    general: Scores | None
    excess: float
    stats: SampleStats
    loss: float | None = None

    @property
    def rank(self) -> tuple[float, float, float]:
        """Sort key: see search/records/ranking.py."""
        return rank_key(*self.scores.rank_with(self.loss), self.excess)

    @property
    def metrics(self) -> dict[str, float]:
        """As a checkpoint has them."""
        return self.scores.metrics() | (self.general.metrics(GENERAL) if self.general else {})

    @property
    def low(self) -> float:
        """The low end of the 95 % interval of the first score; infinite without one."""
        return self.scores.interval.low if self.scores.interval is not None else math.inf

    def as_good_as(self, best: "Result", primary: Callable[[SampleStats], float]) -> bool:
        """Whether it forgets no more than the best one, and reads the same samples worse by a standard error at most.

        This is the one-standard-error rule (Breiman et al., Classification and Regression Trees, 1984), in pairs.
        """
        gain = paired_gain_interval(best.stats, self.stats, primary, seed=0)
        return self.excess <= best.excess and gain.difference >= -gain.standard_error


@dataclass(frozen=True)
class Ingredient:
    """Weights that may be averaged in.

    Attributes:
        good: whether they score within the 95 % interval of the best trial's score by themselves.
        live: whether their batch norms moved while they were trained.
    """

    name: str
    weights: Weights
    good: bool
    live: bool = False


def average(weights: Sequence[Weights]) -> Weights:
    """Return the mean of each array over several networks of one shape."""
    return {name: np.mean([part[name] for part in weights], axis=0, dtype=np.float64).astype(np.float32)
            for name in weights[0]}  # fmt: skip


def make_soup(
    ranked: Sequence[tuple[str, Callable[[], Checkpoint]]],
    data: TrainingData,
    deadline: float | None,
    forgetting: Forgetting | None = None,
    later_readings: float = 0.0,
) -> Soup:
    """Start from the best weights and average others in, one after the other, by two rules.

    A trial within the 95 % interval of the best score stays in as long as the average is as good as the best reading
    (`Result.as_good_as`). Any other weights stay in only where the average scores better with them. Among these are the
    weights that training started from: averaged in, they give back what training on few images took away (Wortsman et
    al., Robust fine-tuning of zero-shot models, 2022).

    Args:
        ranked: names of trials, or of runs, and what loads their best checkpoints, best first.
        data: the average is judged on its validation split.
        deadline: Unix time at which it has to end, and all that is read after it; None without one.
        forgetting: what an average may lose on the general samples; None without any.
        later_readings: how many readings of the validation split follow. They take as long as the first one here: what
            was measured before the search may be another machine's time by now.
    """
    first = ranked[0][1]()
    engine, task = assemble_run(without_adapters(first.config), data)
    begun = engine.weights()
    form = partial(in_one_form, data=data, start=begun)
    start, best = begun if starts_from_weights(first) else None, form(first)
    measure = partial(forgetting.measure, first.config.model) if forgetting else None
    read = partial(read_weights, engine, task.at_best, data, measure)
    began = time.time()
    soup = _Average.of([(ranked[0][0], best)], read, live=_is_live(first))
    latest = deadline and deadline - (1 + later_readings) * (time.time() - began)
    if start is not None and not _is_late(latest):
        soup = max(soup, _Average.of([(PRETRAINED, start)], read), key=lambda one: one.result.rank)
    ingredients = _ingredients(first, start, ranked, form, soup.names[0], soup.result.low)
    soup = _average_in(soup, ingredients, read, task.at_best.primary, latest)
    if len(soup.parts) > 1 and soup.live and not _is_late(latest):
        moves = engine if _is_live(first) else assemble_run(with_live_norms(first.config), data)[0]
        soup = _renew_statistics(soup, read, moves, task, data)
    checkpoint = replace(first, metrics=first.metrics | soup.result.metrics, state={"weights": soup.weights})
    engine.load(checkpoint.state)
    return Soup(Loaded(engine, task, checkpoint=checkpoint), soup.names, soup.result.scores)


@dataclass(frozen=True)
class _Average:
    """Weights averaged so far.

    Attributes:
        parts: (name, weights), the first ones first.
        weights: their mean.
        result: how well that reads.
        live: whether some of them have batch norms that moved, so that the mean's statistics are stale.
    """

    parts: Sequence[tuple[str, Weights]]
    weights: Weights
    result: Result
    live: bool = False

    @classmethod
    def of(
        cls, parts: Sequence[tuple[str, Weights]], read: Callable[[Weights], Result], live: bool = False
    ) -> "_Average":
        """Return the mean of the parts, read."""
        mean = average([weights for _, weights in parts]) if len(parts) > 1 else parts[0][1]
        return cls(parts, mean, read(mean), live)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parts."""
        return tuple(name for name, _ in self.parts)


def _average_in(
    soup: _Average,
    ingredients: Iterable[Ingredient],
    read: Callable[[Weights], Result],
    primary: Callable[[SampleStats], float],
    latest: float | None,
) -> _Average:
    """Return the average with the ingredients that the rules of `make_soup` keep; none is tried after `latest`."""
    best = soup.result
    for one in ingredients:
        if _is_late(latest):
            print("the time is short: no further weights are averaged in", flush=True)
            break
        mixed = _Average.of([*soup.parts, (one.name, one.weights)], read, soup.live or one.live)
        if mixed.result.rank > soup.result.rank or (one.good and mixed.result.as_good_as(best, primary)):
            soup, best = mixed, max(best, mixed.result, key=lambda result: result.rank)
    return soup


def _renew_statistics(
    soup: _Average, read: Callable[[Weights], Result], engine: Engine, task: Task, data: TrainingData
) -> _Average:
    """Return the average with the batch norms' statistics measured anew on training images, where that reads better."""
    renewed = renew_statistics(soup.weights, engine, task, data)
    return max(soup, replace(soup, weights=renewed, result=read(renewed)), key=lambda one: one.result.rank)


def renew_statistics(weights: Weights, engine: Engine, task: Task, data: TrainingData) -> Weights:
    """Return weights with the batch norms' statistics measured anew on training images: those of a mean are stale."""
    engine.load({"weights": weights})
    engine.renew_statistics(task.calibration_batch(data.train, seed) for seed in range(PASSES))
    return engine.weights()


def with_live_norms(config: TrialConfig) -> TrialConfig:
    """Return a configuration whose network has the batch norms of a whole one that are live."""
    return without_adapters(config).model_copy(update={"batch_norm": "live"})


def _is_live(checkpoint: Checkpoint) -> bool:
    return checkpoint.config.batch_norm == "live"


def _is_late(latest: float | None) -> bool:
    return latest is not None and time.time() > latest


def read_weights(
    engine: Engine,
    task: Task,
    data: TrainingData,
    measure: Callable[[float], Forgotten] | None,
    weights: Weights,
) -> Result:
    """Give the engine these weights; return how well they read, and by how much they exceed the limit on forgetting."""
    engine.load({"weights": weights})
    general = evaluate(engine, task, data.general)[0] if data.general is not None else None
    excess = measure(general.primary).excess if measure is not None and general is not None else 0.0
    scores, predictions, loss = evaluate_with_loss(engine, task, data.val)
    return Result(scores, general, excess, task.per_sample(predictions, data.val), loss)


def _ingredients(
    first: Checkpoint,
    start: Weights | None,
    ranked: Sequence[tuple[str, Callable[[], Checkpoint]]],
    form: Callable[[Checkpoint], Weights],
    taken: str,
    least: float,
) -> Iterator[Ingredient]:
    """Yield what may be averaged with the weights `taken`, at most INGREDIENTS together with these.

    Trials that started from other weights are passed over. Where the pretrained weights were taken first, no trial is
    `good`: each has to make the average better.

    Args:
        first: the best checkpoint.
        start: the weights that training started from; None for random ones.
        ranked: as for `make_soup`.
        form: brings weights into one form.
        taken: the name of the weights to begin with.
        least: the score of a good one.
    """
    if start is not None:
        name, weights = (ranked[0][0], form(first)) if taken == PRETRAINED else (PRETRAINED, start)
        yield Ingredient(name, weights, good=False, live=name != PRETRAINED and _is_live(first))
    primary = TASKS.get(first.config.task).scores.names[0]
    found = 1
    for name, load in ranked[1:]:
        if found == INGREDIENTS:
            return
        try:
            other = load()
        except CheckpointError as error:  # the winner stands without it
            print(f"trial {name} cannot be averaged in: {error.value}", flush=True)
            continue
        if have_same_start(first, other):
            found += 1
            good = taken != PRETRAINED and other.metrics[primary] >= least
            yield Ingredient(name, form(other), good, _is_live(other))

"""A model soup: the average of several trials' weights, taken only where it reads better (Wortsman et al., 2022).

Trials of one model start from the same weights, so their fine-tuned weights lie in one basin and their average
is often better than each. It costs a few readings of the validation split and nothing when the model serves.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from train.checkpoint import Checkpoint
from train.loop import TrainingData, assemble, evaluate
from train.metrics import Scores

INGREDIENTS = 6


@dataclass(frozen=True)
class Soup:
    """The winner's weights.

    Attributes:
        trials: whose weights were averaged, the best trial first; one where no average read better.
        scores: on the validation split.
    """

    checkpoint: Checkpoint
    trials: tuple[str, ...]
    scores: Scores


def average(weights: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the mean of each array over several networks of one shape."""
    return {name: np.mean([part[name] for part in weights], axis=0, dtype=np.float64).astype(np.float32)
            for name in weights[0]}  # fmt: skip


def same_network(a: Checkpoint, b: Checkpoint) -> bool:
    """Whether two checkpoints are of one architecture with one charset and one start."""
    return (
        (a.config.engine, a.config.model, a.config.weights)
        == (b.config.engine, b.config.model, b.config.weights)
        and a.charset == b.charset
        and a.config.seed == b.config.seed
    )


def greedy_soup(
    ranked: Sequence[tuple[str, Callable[[], Checkpoint]]], data: TrainingData, deadline: float | None
) -> Soup:
    """Start from the best checkpoint and keep every further one that improves the average's validation score.

    Args:
        ranked: trial ids and what loads their best checkpoints, best first.
        data: the average is judged on its validation split.
        deadline: Unix time after which no further one is tried.
    """
    names, first = [ranked[0][0]], ranked[0][1]()
    engine, task = assemble(first.config, data.train, first)
    best, _ = evaluate(engine, task, data.val)
    kept, soup = [first.state["weights"]], first.state["weights"]
    for name, load in ranked[1:INGREDIENTS]:
        if deadline is not None and time.time() > deadline:
            break
        candidate = load()
        if not same_network(first, candidate):
            continue
        blend = average([*kept, candidate.state["weights"]])
        engine.load({"weights": blend})
        scores, _ = evaluate(engine, task, data.val)
        if scores.rank > best.rank:
            best, soup, kept = scores, blend, [*kept, candidate.state["weights"]]
            names.append(name)
    metrics = first.metrics | {
        "exact_match": best.exact_match,
        "edit_similarity": best.edit_similarity,
        "cer": best.cer,
    }
    return Soup(replace(first, metrics=metrics, state={"weights": soup}), tuple(names), best)

"""What every candidate model reads before any training, and what training it costs here."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.budget import Cost
from search.results import Baseline
from train.config import TechniqueConfig, TrialConfig
from train.engines.base import Engine
from train.loop import TrainingData, assemble, evaluate
from train.tasks import Task
from train.techniques import build_technique

PROBE_LINES = 16


@dataclass(frozen=True)
class Probe:
    """One model untouched, with both charsets, and its costs.

    Attributes:
        readings: by charset, the texts read on the validation split.
    """

    model: str
    baselines: tuple[Baseline, ...]
    readings: dict[str, tuple[str, ...]]
    cost: Cost


def probe_model(model: str, fixed: TrialConfig, data: TrainingData) -> Probe:
    """Score a model as published and cut to the domain's charset, and time its training steps."""
    baselines, readings = [], {}
    for charset in ("keep", "domain"):
        config = fixed.model_copy(update={"model": model, "charset": charset})
        engine, task = assemble(config, data.train)
        started = time.monotonic()
        scores, predictions = evaluate(engine, task, data.val)
        read_seconds = time.monotonic() - started
        baselines.append(Baseline(model=model, charset=charset, scores=scores))
        readings[charset] = tuple(text for text, _ in predictions)
    cost = Cost(
        full=_step_seconds(engine, task, data, "full"),
        frozen=_step_seconds(engine, task, data, "frozen"),
        evaluate=read_seconds / len(data.val),
    )
    return Probe(model, tuple(baselines), readings, cost)


def _step_seconds(engine: Engine, task: Task, data: TrainingData, technique: str) -> float:
    """Return the seconds per line of a training step on lines of median width, the second of two."""
    middle = np.argsort(data.train.widths)[len(data.train) // 2 :][:PROBE_LINES]
    engine.apply_plan(build_technique(TechniqueConfig(name=technique)).plan(0.0))
    seconds = 0.0
    for _ in range(2):
        started = time.monotonic()
        engine.train_step(task.batch(data.train, middle, epoch=1), learning_rate=0.0, update=False)
        seconds = time.monotonic() - started
    return seconds / len(middle)


def affordable_models(probes: Sequence[Probe], trials: float) -> list[str]:
    """Return the models worth searching, best untouched score first.

    Each model needs about two full-length trials before the search can tell anything about it; with time for
    fewer, only the best readers stay.

    Args:
        probes: of all candidates.
        trials: full-length trials that the time budget allows.
    """
    ranked = sorted(probes, key=lambda p: max(b.scores.rank for b in p.baselines), reverse=True)
    return [probe.model for probe in ranked[: max(1, int(trials // 2))]]

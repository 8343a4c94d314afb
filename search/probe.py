"""What every candidate model reads before any training, and what training it costs here."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search.budget import Cost
from search.results import Baseline
from train.config import TechniqueConfig, TrialConfig
from train.engines.base import Engine
from train.loop import TrainingData, assemble
from train.metrics import Scores
from train.models import MODELS
from train.tasks import Task
from train.techniques import build_technique, uniform
from train.validation import evaluate

PROBE_LINES = 16
EVERYTHING = uniform(1.0)
HEAD_ONLY = uniform(0.0) | {"neck": 1.0, "head": 1.0}


@dataclass(frozen=True)
class Probe:
    """One model untouched, and what training it costs.

    Attributes:
        baselines: as published, with the domain's charset, and that at every other width of the space; of a
            model without published weights, what its random ones read.
        readings: for each baseline, the texts that it reads on the validation split.
        general: the texts that the model as published reads on the general lines; empty without any.
    """

    model: str
    baselines: tuple[Baseline, ...]
    readings: tuple[tuple[str, ...], ...]
    cost: Cost
    general: tuple[str, ...] = ()

    @property
    def best(self) -> Baseline:
        """The best of the baselines."""
        return max(self.baselines, key=lambda baseline: baseline.scores.rank)

    @property
    def published(self) -> Baseline:
        """The model with its whole dictionary, lines as wide as they are; without weights, its random ones."""
        return self.baselines[0]

    @property
    def fit_width(self) -> int | None:
        """The width at which the model reads best with the domain's charset; None for one that cannot read yet."""
        if self.best.untrained:
            return None
        domain = [b for b in self.baselines if b.charset == "domain"]
        return max(domain, key=lambda baseline: baseline.scores.rank).fit_width


def probe_model(model: str, fixed: TrialConfig, fit_widths: Sequence[int], data: TrainingData) -> Probe:
    """Score a model as published and cut to the domain's charset, and time its training steps.

    Args:
        model: a registered one.
        fixed: settings that every trial has.
        fit_widths: widths in pixels to read lines at, besides 0, their own.
        data: decoded lines.
    """
    untrained = not MODELS.get(model).pretrained(Path(fixed.weights) if fixed.weights else None)
    starts = [("keep", 0), ("domain", 0), *(("domain", width) for width in fit_widths if width)]
    starts = starts[1:2] if untrained else starts
    baselines, readings, general, costs, whole = [], [], [], [], 0.0
    if build_technique(fixed.technique).distillation:  # a teacher's time is its own (`Clock`)
        fixed = fixed.model_copy(update={"technique": TechniqueConfig()})
    for charset, width in starts:
        config = fixed.model_copy(update={"model": model, "charset": charset, "fit_width": width})
        engine, task = assemble(config, data.train)
        started = time.monotonic()
        scores, predictions = evaluate(engine, task, data.val)
        costs.append((time.monotonic() - started) / len(data.val))
        known, texts = _general(engine, task, data)
        start = {"model": model, "charset": charset, "fit_width": width, "untrained": untrained}
        baselines.append(Baseline(**start, scores=scores, general=known))
        general.append(texts)
        readings.append(tuple(text for text, _ in predictions))
        if charset == "keep":
            whole = _step_seconds(engine, task, data, EVERYTHING)
    full, frozen = (_step_seconds(engine, task, data, plan) for plan in (EVERYTHING, HEAD_ONLY))
    evaluation = max(costs[1:] or costs)
    cost = Cost(full=full, frozen=frozen, evaluate=evaluation, keep=max(1.0, whole / full))
    return Probe(model, tuple(baselines), tuple(readings), cost, general[0])


def _general(engine: Engine, task: Task, data: TrainingData) -> tuple[Scores | None, tuple[str, ...]]:
    """Return how the general lines are read; None and nothing without any."""
    if data.general is None:
        return None, ()
    scores, predictions = evaluate(engine, task, data.general)
    return scores, tuple(text for text, _ in predictions)


def _step_seconds(engine: Engine, task: Task, data: TrainingData, plan: dict[str, float]) -> float:
    """Return the seconds per line of a training step on lines of median width, the second of two."""
    middle = np.argsort(data.train.widths)[len(data.train) // 2 :][:PROBE_LINES]
    engine.apply_plan(plan)
    seconds = 0.0
    for _ in range(2):
        started = time.monotonic()
        engine.train_step(task.batch(data.train, middle, epoch=1), learning_rate=0.0, update=False)
        seconds = time.monotonic() - started
    return seconds / len(middle)


def agreed_width(probes: Sequence[Probe]) -> int | None:
    """Return the width that every model reads best at; None if they differ or one cannot read yet."""
    widths = {probe.fit_width for probe in probes}
    return widths.pop() if len(widths) == 1 else None


def affordable_models(probes: Sequence[Probe], trials: float) -> list[str]:
    """Return the models worth searching, best untouched score first.

    Each model needs about two full-length trials before the search can tell anything about it; with time for
    fewer, only the best readers stay.

    Args:
        probes: of all candidates.
        trials: full-length trials that the time budget allows.
    """
    ranked = sorted(probes, key=lambda probe: probe.best.scores.rank, reverse=True)
    return [probe.model for probe in ranked[: max(1, int(trials // 2))]]

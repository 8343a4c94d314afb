"""What every candidate model reads before any training, and what training it costs here."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from search.budget import Cost
from search.packing import Footprint
from search.results import Baseline
from train import memory
from train.config import TechniqueConfig, TrialConfig
from train.engines.base import Engine
from train.intervals import paired_gain_interval
from train.loop import TrainingData, assemble
from train.models import MODELS
from train.scores import Scores
from train.tasks import TASKS, Rows, Task
from train.techniques import build_technique, uniform
from train.tuning import chosen
from train.validation import evaluate

PROBE_IMAGES = 16
EVERYTHING = uniform(1.0)
HEAD_ONLY = uniform(0.0) | {"neck": 1.0, "head": 1.0}


@dataclass(frozen=True)
class Probe:
    """One model untouched, and what training it costs.

    Attributes:
        baselines: as published, with the domain's charset, and that at every other width of the space; of a
            model without published weights, what its random ones read; each with thresholds chosen on the validation
            split, too, where there are some.
        rows: for each baseline, how it does on every validation sample (`Task.per_sample`).
        primary: sums of rows -> the score (`Task.primary`).
        general: how the model as published does on every general sample; None without any.
        configs: for each baseline, how it is run.
        footprint: the memory that training it takes.
    """

    model: str
    baselines: tuple[Baseline, ...]
    rows: tuple[Rows, ...]
    cost: Cost
    primary: Callable[[Rows], float]
    general: Rows | None = None
    configs: tuple[TrialConfig, ...] = ()
    footprint: Footprint = field(default_factory=Footprint)

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
        """The width at which the model reads best with the domain's charset; None for one that cannot read (yet)."""
        if self.best.untrained:
            return None
        domain = [b for b in self.baselines if b.charset == "domain"]
        return max(domain, key=lambda baseline: baseline.scores.rank).fit_width if domain else None

    @property
    def needs_dictionary(self) -> bool:
        """Whether the model reads better with its whole dictionary than with the domain's characters."""
        return max(self.baselines, key=lambda b: (b.scores.rank, b.charset == "domain")).charset != "domain"


def probe_model(model: str, fixed: TrialConfig, fit_widths: Sequence[int], data: TrainingData) -> Probe:
    """Score a model in every way in which it can start, and time its training steps.

    Args:
        model: a registered one.
        fixed: settings that every trial has.
        fit_widths: widths in pixels to read lines at, besides 0, their own.
        data: decoded images.
    """
    untrained = not MODELS.get(model).pretrained(Path(fixed.weights) if fixed.weights else None)
    starts = TASKS.get(fixed.task).starts(untrained, fit_widths)
    if build_technique(fixed.technique).distillation:  # a teacher's time is its own (`Clock`)
        fixed = fixed.model_copy(update={"technique": TechniqueConfig()})
    found: list[_Measured] = []
    reading, typical, whole, base = [], [], 0.0, 0
    for place, start in enumerate(starts):
        changes = {"model": model, "charset": start.charset, "fit_width": start.fit_width}
        config = fixed.model_copy(update=changes)
        engine, task = assemble(config, data.train)
        found.append(_measured(engine, config, data, untrained))
        reading.append(found[-1].seconds / len(data.val))
        if task.tunes:
            found.append(_measured(engine, chosen(engine, task, data.val), data, untrained, tuned=True))
        typical.append(_pixels(task, data, _median_images(data)))
        if place == 0:
            base = memory.own_bytes()
            memory.reset_peak()
        if place == 0 < len(starts) - 1:  # with the model's whole dictionary
            whole = _step_seconds(engine, task, data, EVERYTHING) / typical[0]
    full, frozen = (_step_seconds(engine, task, data, plan) for plan in (EVERYTHING, HEAD_ONLY))
    step, largest = max(0, memory.peak_bytes() - base), _largest(config, engine, fit_widths, data)
    cost = Cost(
        full=full,
        frozen=frozen,
        evaluate=max(reading[1:] or reading),
        keep=max(1.0, whole * typical[-1] / full),
        work=TASKS.get(fixed.task).work(fixed),
    )
    return _probe(found, cost, task.primary, Footprint(base, step, max(typical), largest))


@dataclass(frozen=True)
class _Measured:
    config: TrialConfig
    baseline: Baseline
    rows: Rows
    general_rows: Rows | None
    seconds: float


def _measured(
    engine: Engine, config: TrialConfig, data: TrainingData, untrained: bool, tuned: bool = False
) -> _Measured:
    """Score an untouched network, run as a configuration says, in `seconds` on the validation split."""
    task = TASKS.get(config.task)(config, engine.charset)
    started = time.monotonic()
    scores, predictions = evaluate(engine, task, data.val)
    seconds = time.monotonic() - started
    general, general_rows = _general(engine, task.at_best, data)
    baseline = Baseline(
        model=config.model,
        charset=config.charset,
        fit_width=config.fit_width,
        untrained=untrained,
        tuned=tuned,
        general=general,
        scores=scores,
    )
    return _Measured(config, baseline, task.per_sample(predictions, data.val), general_rows, seconds)


def _probe(
    found: Sequence[_Measured], cost: Cost, primary: Callable[[Rows], float], footprint: Footprint
) -> Probe:
    """Return what was found of a model, as published first."""
    return Probe(
        model=found[0].config.model,
        baselines=tuple(one.baseline for one in found),
        rows=tuple(one.rows for one in found),
        cost=cost,
        primary=primary,
        general=found[0].general_rows,
        configs=tuple(one.config for one in found),
        footprint=footprint,
    )


def _general(engine: Engine, task: Task, data: TrainingData) -> tuple[Scores | None, Rows | None]:
    """Return how well the general samples are done, together and each; None without any."""
    if data.general is None:
        return None, None
    scores, predictions = evaluate(engine, task, data.general)
    return scores, task.per_sample(predictions, data.general)


def _pixels(task: Task, data: TrainingData, indices: npt.NDArray[np.int64]) -> int:
    """Return how many pixels a training batch of these images has, padding included."""
    images = task.batch(data.train, indices, epoch=1).images
    assert isinstance(images, np.ndarray)
    return int(images.size // images.shape[1])


def _largest(
    config: TrialConfig, engine: Engine, fit_widths: Sequence[int], data: TrainingData
) -> dict[int, int]:
    """Return the pixels of the largest training image as a batch holds it, for each width of lines and their own."""
    widest = np.argsort(data.train.widths)[-PROBE_IMAGES:]
    configs = [config.model_copy(update={"fit_width": width}) for width in {0, *fit_widths}]
    tasks = [TASKS.get(config.task)(one, engine.charset) for one in configs]
    return {
        one.fit_width: _pixels(task, data, widest) // len(widest)
        for one, task in zip(configs, tasks, strict=True)
    }


def _median_images(data: TrainingData) -> npt.NDArray[np.int64]:
    return np.argsort(data.train.widths)[len(data.train) // 2 :][:PROBE_IMAGES]


def _step_seconds(engine: Engine, task: Task, data: TrainingData, plan: dict[str, float]) -> float:
    """Return the seconds per sample of a training step on images of median width: the faster one after the first."""
    middle = _median_images(data)
    engine.apply_plan(plan)
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        engine.train_step(task.batch(data.train, middle, epoch=1), learning_rate=0.0, update=False)
        seconds.append(time.monotonic() - started)
    return min(seconds[1:]) / len(middle)


def agreed_width(probes: Sequence[Probe]) -> int | None:
    """Return the width that every model reads best at; None if they differ or one cannot read yet."""
    widths = {probe.fit_width for probe in probes}
    return widths.pop() if len(widths) == 1 else None


def affordable_models(probes: Sequence[Probe], trials: float) -> list[str]:
    """Return the models worth searching: those that read best untouched, of equals the fastest to train, come first.

    Each model needs about two full-length trials before the search can tell anything about it; with time for
    fewer, only the first stay.

    Args:
        probes: of all candidates.
        trials: full-length trials that the time budget allows.
    """
    best = max(probes, key=lambda probe: probe.best.scores.rank)
    equal = {probe.model: not surely_better(best, probe) for probe in probes}

    def order(probe: Probe) -> tuple[float, ...]:
        return (0.0, probe.cost.full) if equal[probe.model] else (1.0, *(-s for s in probe.best.scores.rank))

    return [probe.model for probe in sorted(probes, key=order)[: max(1, int(trials // 2))]]


def surely_better(one: Probe, other: Probe) -> bool:
    """Return whether the validation samples tell one untouched model's best score from another's (95 %)."""
    before, after = (probe.rows[probe.baselines.index(probe.best)] for probe in (other, one))
    return paired_gain_interval(before, after, one.primary, seed=0).interval.low > 0

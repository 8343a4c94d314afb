"""What every candidate model reads before any training, and what training it costs here."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ray

from search.preflight.cost import Cost, Footprint
from search.preflight.space import candidates
from search.records.result import Baseline
from spaces.space import SearchSpace
from train import memory
from train.config import TechniqueConfig, TrialConfig, config_from_mapping, nested
from train.engine import Engine
from train.loop import TrainingData, assemble
from train.models import MODELS
from train.scoring.scores import Scores
from train.steps.validation import evaluate
from train.tasks import TASKS, SampleStats, Task, Terms
from train.techniques import build_technique, uniform
from train.tuning import chosen

PROBE_IMAGES = 16
EVERYTHING = uniform(1.0)
HEAD_ONLY = uniform(0.0) | {"neck": 1.0, "head": 1.0}


@dataclass(frozen=True)
class Probe:
    """One model before any training, and what training it costs.

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
    rows: tuple[SampleStats, ...]
    cost: Cost
    primary: Callable[[SampleStats], float]
    general: SampleStats | None = None
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
    rows: SampleStats
    general_rows: SampleStats | None
    seconds: float


def _measured(
    engine: Engine, config: TrialConfig, data: TrainingData, untrained: bool, tuned: bool = False
) -> _Measured:
    """Score a network before any training, run as a configuration says, in `seconds` on the validation split."""
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
    found: Sequence[_Measured], cost: Cost, primary: Callable[[SampleStats], float], footprint: Footprint
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


def _general(engine: Engine, task: Task, data: TrainingData) -> tuple[Scores | None, SampleStats | None]:
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


def baseline_line(baseline: Baseline, terms: Terms) -> str:
    """Say what a model reads before any training, '... exact 0.458 (95 %: 0.37-0.55)  similarity 0.916'."""
    first, second = terms.short
    told = [f"{first} {_fraction(baseline.scores)}", f"{second} {baseline.scores.tie:.3f}"]
    told += [f"general {_fraction(baseline.general)}"] if baseline.general else []
    return f"baseline: {baseline!s:<52} {'  '.join(told)}"


def _fraction(scores: Scores) -> str:
    """Format the first score with its interval, where that is known."""
    within = scores.interval
    return f"{scores.primary:.3f}" + (f" (95 %: {within.low:.2f}-{within.high:.2f})" if within else "")


def probe_models(space: SearchSpace, shared: Any, terms: Terms, share: dict[str, float]) -> list[Probe]:
    """Score every candidate model before any training, in parallel, and print the scores to beat."""
    fixed = config_from_mapping(nested(dict(space.fixed) | {"model": candidates(space)[0]}), "space")
    # On what a trial gets, as its time is measured.
    remote = ray.remote(num_cpus=share["CPU"], num_gpus=share["GPU"])(probe_model)
    widths = [int(str(width)) for width in space.choices("fit_width")]
    probes: list[Probe] = ray.get(
        [remote.remote(model, fixed, widths, shared) for model in candidates(space)]
    )
    for probe in probes:
        for baseline in probe.baselines:
            print(baseline_line(baseline, terms), flush=True)
    return probes

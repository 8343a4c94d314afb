"""What every model reads before any training, and what training it costs here."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import ray

from search.preflight.cost import Cost, Footprint, Measured, cost_of, footprint_of
from search.preflight.narrowing import list_models
from search.preflight.probing.timing import list_timed_plans, measure_steps
from search.preflight.probing.widths import choose_widths
from search.records.result import Baseline
from spaces.space import SearchSpace
from train.config import TechniqueConfig, TrialConfig, config_from_mapping
from train.data.checks.evidence import MIN_UNITS
from train.data.dataset import Dataset
from train.engine import Engine
from train.loop import TrainingData, assemble
from train.models import MODELS
from train.scoring.intervals import paired_gain_interval
from train.scoring.scores import Scores
from train.steps.validation import evaluate
from train.system.dotted import nest
from train.system.machine import memory
from train.tasks import TASKS, SampleStats, Task, Terms
from train.techniques import build_technique
from train.trained.loaded import Assembled
from train.trained.tuning import choose_settings


@dataclass(frozen=True)
class Probe:
    """One model before any training, and what training it costs.

    Attributes:
        baselines: as published, with the domain's charset, and that at the best other width of the space; of a
            model without published weights, what its random ones read; each with thresholds chosen on the validation
            split, too, where there are some and they are significantly better.
        rows: for each baseline, how it does on every validation sample (`Task.per_sample`).
        primary: sums of rows -> the score (`Task.primary`).
        general: how the model as published does on every general sample; None without any.
        configs: for each baseline, how it is run.
        footprint: the memory that training it takes.
        choosing_s: seconds to choose what needs no training on the validation split, and to read that with it.
    """

    model: str
    baselines: tuple[Baseline, ...]
    rows: tuple[SampleStats, ...]
    cost: Cost
    primary: Callable[[SampleStats], float]
    general: SampleStats | None = None
    configs: tuple[TrialConfig, ...] = ()
    footprint: Footprint = field(default_factory=Footprint)
    choosing_s: float = 0.0

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

    The process has other work later, and keeps what it frees (`train/system/machine/memory.py`) unless told to give it
    back.

    Args:
        model: a registered one.
        fixed: settings that every trial has.
        fit_widths: widths in pixels to read lines at, besides 0, their own; of several, the best on a sample.
        data: decoded images.
    """
    try:
        return _probe(model, fixed, fit_widths, data)
    finally:
        memory.give_back()


def _probe(model: str, fixed: TrialConfig, fit_widths: Sequence[int], data: TrainingData) -> Probe:
    if build_technique(fixed.technique).distillation:  # a teacher's time is its own (`TimeBudget`)
        fixed = fixed.model_copy(update={"technique": TechniqueConfig()})
    untrained = not MODELS.get(model).pretrained(Path(fixed.weights) if fixed.weights else None)
    at_own_width = fixed.model_copy(update={"model": model, "fit_width": 0})
    starts = TASKS.get(fixed.task).starts(untrained, choose_widths(at_own_width, data, fit_widths, untrained))
    readings: list[ProbeReading] = []
    measured: list[Measured] = []
    choosing_s = 0.0
    for start, plans in zip(starts, list_timed_plans(len(starts)), strict=True):
        changes = {"model": model, "charset": start.charset, "fit_width": start.fit_width}
        config = fixed.model_copy(update=changes)
        engine, task = assemble(config, data.train, dictionary=data.dictionary)
        found = read_start(engine, task, config, data, untrained)
        choosing_s = max(choosing_s, *(reading.seconds for reading in found if reading.baseline.tuned), 0.0)
        readings += drop_chance(found, task.primary)
        measured.append(
            measure_steps(engine, config, data, found[0].seconds / len(data.val), plans, fit_widths)
        )
    return Probe(
        model=model,
        baselines=tuple(reading.baseline for reading in readings),
        rows=tuple(reading.rows for reading in readings),
        cost=cost_of(measured, work=TASKS.get(fixed.task).work(fixed)),
        primary=task.primary,
        general=readings[0].general_rows,
        configs=tuple(reading.config for reading in readings),
        footprint=footprint_of(measured),
        choosing_s=choosing_s,
    )


@dataclass(frozen=True)
class ProbeReading:
    """How a network reads before any training, run as `config` says.

    Attributes:
        seconds: on the validation split; with what was chosen on it, of choosing, too, its outputs given.
    """

    config: TrialConfig
    baseline: Baseline
    rows: SampleStats
    general_rows: SampleStats | None
    seconds: float


def read_start(
    engine: Engine, task: Task, config: TrialConfig, data: TrainingData, untrained: bool
) -> list[ProbeReading]:
    """Score a network as it starts and, where its task tunes settings, with those; its outputs are computed once."""
    network = Assembled(engine, task)
    readings = [read(network, config, data, untrained)]
    if task.tunes:
        started = time.monotonic()
        better = choose_settings(network, data.val)
        chosen_s = time.monotonic() - started
        tuned_task = TASKS.get(better.task)(better, engine.charset)
        tuned = Assembled(engine, tuned_task).with_outputs_of(network)
        found = read(tuned, better, data, untrained, tuned=True)
        readings.append(replace(found, seconds=chosen_s + found.seconds))
    return readings


def drop_chance(found: Sequence[ProbeReading], primary: Callable[[SampleStats], float]) -> list[ProbeReading]:
    """Return the readings of a start without those whose settings are not shown to be better than the published ones.

    The best of many settings is better on the samples that chose it; on others, the fewer these were, the worse.

    Args:
        found: as published first.
        primary: sums of rows -> the score (`Task.primary`).
    """
    published, *chosen = found
    gains = [paired_gain_interval(published.rows, one.rows, primary, seed=0) for one in chosen]
    return [published, *(one for one, gain in zip(chosen, gains, strict=True) if gain.interval.low > 0)]


def read(
    network: Assembled, config: TrialConfig, data: TrainingData, untrained: bool, tuned: bool = False
) -> ProbeReading:
    """Score a network on the validation split and the general samples."""
    engine, task = network.engine, network.task
    started = time.monotonic()
    scores, rows = _score(network, data.val)
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
    return ProbeReading(config, baseline, rows, general_rows, seconds)


def _score(network: Assembled, data: Dataset) -> tuple[Scores, SampleStats]:
    """Return scores and rows of a split; what a network says of it is kept only for a task that tunes something."""
    if network.task.tunes:
        reading = network.read(data)
        return reading.scores, reading.stats
    scores, predictions = evaluate(network.engine, network.task, data)
    return scores, network.task.per_sample(predictions, data)


def _general(engine: Engine, task: Task, data: TrainingData) -> tuple[Scores | None, SampleStats | None]:
    """Return how well the general samples are done, together and each; None without any."""
    if data.general is None:
        return None, None
    scores, predictions = evaluate(engine, task, data.general)
    return scores, task.per_sample(predictions, data.general)


def describe_baseline(baseline: Baseline, terms: Terms) -> str:
    """Say what a model reads before any training, '... exact 0.458 (95 %: 0.37-0.55)  similarity 0.916'."""
    first, second = terms.short
    scores = [f"{first} {_fraction(baseline.scores)}", f"{second} {baseline.scores.tie:.3f}"]
    scores += [f"general {_fraction(baseline.general)}"] if baseline.general else []
    return f"baseline: {baseline!s:<52} {'  '.join(scores)}"


def _fraction(scores: Scores) -> str:
    """Format the first score with its interval, where that is known."""
    within = scores.interval
    return f"{scores.primary:.3f}" + (f" (95 %: {within.low:.2f}-{within.high:.2f})" if within else "")


def describe_ease(probes: Sequence[Probe], terms: Terms) -> str | None:
    """Warn of samples that are too easy to learn from: so few are wrong that no gain could be shown; None if not."""
    best = max(
        (baseline for probe in probes for baseline in probe.baselines), key=lambda one: one.scores.rank
    )
    n, wrong = best.scores.n, round((1 - best.scores.primary) * best.scores.n)
    if best.scores.steps != n or best.untrained or wrong >= MIN_UNITS:
        return None
    return (
        f"warning: too easy to learn from: {best} gets only {wrong} of {n} {terms.samples} wrong, and to show a gain "
        f"takes {MIN_UNITS} that differ; label {terms.samples} that it gets wrong"
    )


Wait = Callable[[Mapping[str, ray.ObjectRef]], list[Probe]]


def probe_models(
    space: SearchSpace, shared: Any, terms: Terms, amounts: Mapping[str, float], wait: Wait
) -> tuple[Probe, ...]:
    """Score every model before any training, in parallel, and print the scores to beat.

    Args:
        space: which models, at which widths of lines.
        shared: reference to the study's TrainingData.
        terms: of its task.
        amounts: CPUs and GPUs of a trial: its time is measured on them.
        wait: returns the results of Ray tasks, each given under its model's name.
    """
    models = list_models(space)
    fixed = config_from_mapping(nest(dict(space.fixed) | {"model": models[0]}), "space")
    remote = ray.remote(num_cpus=amounts["CPU"], num_gpus=amounts["GPU"])(probe_model)
    widths = [int(str(width)) for width in space.choices("fit_width")]
    probes = wait({model: remote.remote(model, fixed, widths, shared) for model in models})
    for probe in probes:
        for baseline in probe.baselines:
            print(describe_baseline(baseline, terms), flush=True)
    if warning := describe_ease(probes, terms):
        print(warning, flush=True)
    return tuple(probes)

"""The winner against untouched models, on the same samples: validation, the test split once, and the general ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from search.preflight.data import StudyData
from search.preflight.probe import Probe
from search.records.result import Baseline, Comparison, Misreading
from search.records.sample_rows import SplitRows, split_rows
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.dataset import Dataset
from train.data.images import Image
from train.engine import Engine
from train.loop import assemble
from train.scoring.intervals import paired_gain_interval
from train.scoring.scores import Scores
from train.steps.validation import evaluate
from train.tasks import Mistake, SampleStats, Task


@dataclass(frozen=True)
class Judgement:
    """What the winner is worth.

    Attributes:
        picture: index in the validation split -> (h, w, 3) uint8 BGR, as the winner's predictions stand there.
        rows: split -> how the winner does on its every sample.
        predictions: the winner's of the validation split.
    """

    comparisons: tuple[Comparison, ...]
    misreadings: tuple[Misreading, ...]
    picture: Callable[[int], Image]
    rows: Mapping[str, SplitRows]
    predictions: list[Any]


class Untouched(NamedTuple):
    """An untouched model: what it is, how it does on every validation sample, and how it is run."""

    baseline: Baseline
    rows: SampleStats
    config: TrialConfig


def best_baseline(probes: Sequence[Probe]) -> Untouched:
    """Return the best untouched model."""
    all_of_them = [
        Untouched(*parts)
        for probe in probes
        for parts in zip(probe.baselines, probe.rows, probe.configs, strict=True)
    ]
    return max(all_of_them, key=lambda untouched: untouched.baseline.scores.rank)


def judge(checkpoint: Checkpoint, data: StudyData, best: Untouched, seed: int) -> Judgement:
    """Compare the winner with the best untouched model on validation and, this once, on the test split.

    Args:
        checkpoint: the winner.
        data: the study's.
        best: the best untouched model.
        seed: of the resampling.
    """
    val = data.training.val
    engine, task = assemble(checkpoint.config, data.training.train, checkpoint)
    scores, predictions = evaluate(engine, task, val)
    before, rows = best.baseline, best.rows
    if len(rows) != len(val):  # it was read on the samples of all folds
        old, rows = _rows(*assemble(best.config, data.training.train), val)
        before = before.model_copy(update={"scores": old})
    read, found = {"validation": val}, {"validation": task.per_sample(predictions, val)}
    gain = paired_gain_interval(rows, found["validation"], task.primary, seed)
    comparisons = [Comparison(split="validation", baseline=before, winner=scores, gain=gain)]
    if data.test is not None:
        untouched = assemble(best.config, data.training.train)
        old, old_rows = _rows(*untouched, data.test)
        read["test"] = data.test
        new, found["test"] = _rows(engine, task, data.test)
        gain = paired_gain_interval(old_rows, found["test"], task.primary, seed)
        tested = best.baseline.model_copy(update={"scores": old})
        comparisons.append(Comparison(split="test", baseline=tested, winner=new, gain=gain))
    return Judgement(
        tuple(comparisons),
        tuple(misreading(mistake, val) for mistake in task.mistakes(predictions, val)),
        lambda index: task.picture(val, index, predictions[index]),
        {split: split_rows(read[split], rows) for split, rows in found.items()},
        predictions,
    )


def misreading(mistake: Mistake, data: Dataset) -> Misreading:
    """Return a mistake of a dataset for the report."""
    return Misreading(
        index=mistake.index,
        source=data.sources[mistake.index],
        text=mistake.label,
        reading=mistake.reading,
        confidence=mistake.confidence,
        faults=mistake.faults,
    )


def _rows(engine: Engine, task: Task, data: Dataset) -> tuple[Scores, SampleStats]:
    """Return how well a split is done, as a whole and sample by sample."""
    scores, predictions = evaluate(engine, task, data)
    return scores, task.per_sample(predictions, data)


def kept_general(checkpoint: Checkpoint, data: StudyData, probe: Probe, seed: int) -> tuple[Comparison, ...]:
    """Compare the winner with its own model as published on the general samples; nothing without any."""
    general, before = data.training.general, probe.published
    if general is None or before.general is None or probe.general is None:
        return ()
    engine, task = assemble(checkpoint.config, data.training.train, checkpoint)
    after, rows = _rows(engine, task, general)
    gain = paired_gain_interval(probe.general, rows, task.primary, seed)
    known = before.model_copy(update={"scores": before.general})
    return (Comparison(split="general", baseline=known, winner=after, gain=gain),)

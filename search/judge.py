"""The winner against untouched models, on the same lines: validation, the test split once, and the general lines."""

from typing import Any

import numpy as np

from search.data import StudyData
from search.probe import Probe
from search.results import Baseline, Comparison, Misreading
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.dataset import Dataset
from train.intervals import paired_gain_interval
from train.loop import assemble
from train.validation import evaluate


def best_baseline(probes: list[Probe]) -> tuple[Baseline, tuple[str, ...]]:
    """Return the best untouched model and what it reads on the validation split."""
    pairs = [pair for probe in probes for pair in zip(probe.baselines, probe.readings, strict=True)]
    return max(pairs, key=lambda pair: pair[0].scores.rank)


def judge(
    checkpoint: Checkpoint, data: StudyData, baseline: Baseline, readings: tuple[str, ...], seed: int
) -> tuple[tuple[Comparison, ...], tuple[Misreading, ...]]:
    """Compare the winner with the best untouched model on validation and, this once, on the test split."""
    val = data.training.val
    engine, task = assemble(checkpoint.config, data.training.train, checkpoint)
    scores, predictions = evaluate(engine, task, val)
    gain = paired_gain_interval(right(readings, val), right([text for text, _ in predictions], val), seed)
    comparisons = [Comparison(split="validation", baseline=baseline, winner=scores, gain=gain)]
    if data.test is not None:
        untouched, untouched_task = assemble(
            untouched_config(checkpoint.config, baseline), data.training.train
        )
        before, old = evaluate(untouched, untouched_task, data.test)
        after, new = evaluate(engine, task, data.test)
        texts = [[text for text, _ in lines] for lines in (old, new)]
        gain = paired_gain_interval(right(texts[0], data.test), right(texts[1], data.test), seed)
        tested = baseline.model_copy(update={"scores": before})
        comparisons.append(Comparison(split="test", baseline=tested, winner=after, gain=gain))
    return tuple(comparisons), misread(predictions, val)


def kept_general(checkpoint: Checkpoint, data: StudyData, probe: Probe, seed: int) -> tuple[Comparison, ...]:
    """Compare the winner with its own model as published on the general lines; nothing without any."""
    lines, before = data.training.general, probe.published
    if lines is None or before.general is None:
        return ()
    after, predictions = evaluate(*assemble(checkpoint.config, data.training.train, checkpoint), lines)
    gain = paired_gain_interval(
        right(probe.general, lines), right([text for text, _ in predictions], lines), seed
    )
    known = before.model_copy(update={"scores": before.general})
    return (Comparison(split="general", baseline=known, winner=after, gain=gain),)


def untouched_config(config: TrialConfig, baseline: Baseline) -> TrialConfig:
    """Return the configuration of an untouched model."""
    weights = config.weights if config.model == baseline.model else None
    start = {"model": baseline.model, "charset": baseline.charset, "fit_width": baseline.fit_width}
    return config.model_copy(update=start | {"weights": weights})


def right(readings: Any, data: Dataset) -> Any:
    """Return (N,) bool: which lines are read right."""
    return np.array([reading == text for reading, text in zip(readings, data.texts, strict=True)])


def misread(predictions: list[tuple[str, float]], data: Dataset) -> tuple[Misreading, ...]:
    """Return the lines that are read wrongly."""
    return tuple(
        Misreading(
            index=i,
            source=data.sources[i],
            text=data.texts[i],
            reading=reading,
            confidence=min(confidence, 1),
        )
        for i, (reading, confidence) in enumerate(predictions)
        if reading != data.texts[i]
    )

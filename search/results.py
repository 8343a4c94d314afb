"""What a search found: trials, their ranking, the comparison with the untouched models, summary.json."""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from spaces.reading import flatten
from train.config import Frozen, TrialConfig
from train.intervals import Gain, wilson_interval
from train.metrics import Scores

State = Literal["finished", "stopped", "failed", "diverged"]
SCORED: tuple[State, ...] = ("finished", "stopped")


class Measure(Frozen):
    """One report of a trial: the validation scores after an epoch.

    Attributes:
        loss: mean training loss of the epoch.
        seconds: since the trial began.
    """

    epoch: int
    exact_match: float
    edit_similarity: float
    cer: float
    loss: float
    seconds: float

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key: exact match, ties by edit similarity."""
        return self.exact_match, self.edit_similarity


class TrialRecord(Frozen):
    """One trial, whatever became of it.

    Attributes:
        state: `stopped` by the scheduler or the time budget; `failed` and `diverged` are never scored.
        history: its reports, oldest first.
        started: seconds from the start of the study.
        seconds: how long it ran.
        reason: why it ended, in words; empty if it just finished.
    """

    id: str
    state: State
    config: TrialConfig
    history: tuple[Measure, ...] = ()
    started: float = 0.0
    seconds: float = 0.0
    reason: str = ""

    @property
    def best(self) -> Measure | None:
        """The report of its best checkpoint (the earliest of equals); None without a score."""
        if self.state not in SCORED or not self.history:
            return None
        return max(self.history, key=lambda measure: measure.rank)

    @property
    def score(self) -> float | None:
        """Exact match of its best checkpoint on the validation split."""
        return self.best.exact_match if self.best else None

    @property
    def epochs(self) -> int:
        """The last epoch it reported."""
        return self.history[-1].epoch if self.history else 0


class Baseline(Frozen):
    """A model measured before any training.

    Attributes:
        charset: its full dictionary, or the domain's characters.
        fit_width: pixels that every line is resampled to; 0 for its own width.
        untrained: the weights are random: nobody publishes some of this model.
    """

    model: str
    charset: Literal["keep", "domain"]
    fit_width: int = 0
    untrained: bool = False
    scores: Scores

    def __str__(self) -> str:
        start = "as published" if self.charset == "keep" else "domain charset"
        start = "random weights" if self.untrained else start
        return f"{self.model}, {start}{f', lines {self.fit_width} px wide' if self.fit_width else ''}"


class Comparison(Frozen):
    """The winner against an untouched model on the same samples of one split."""

    split: Literal["validation", "test"]
    baseline: Baseline
    winner: Scores
    gain: Gain


class Misreading(Frozen):
    """A validation line that the winner reads wrongly.

    Attributes:
        index: of the line in the validation dataset.
        source: path of the image.
        confidence: the model's, in [0, 1].
    """

    index: int
    source: str
    text: str
    reading: str
    confidence: float


class BadSample(Frozen):
    """A labelled image that was left out, and why."""

    source: str
    reason: str


class DataSummary(Frozen):
    """What the study learnt from.

    Attributes:
        path: what --data said.
        samples: number of lines in each split.
        origins: where each split came from, e.g. `val_list.txt` or `made: grouped by text, seed 0`.
        left_out: the bad samples.
    """

    path: str
    samples: dict[str, int]
    origins: dict[str, str]
    left_out: tuple[BadSample, ...] = ()


class StudyResult(Frozen):
    """Everything that the table, summary.json and the report are made of.

    Attributes:
        baselines: every candidate model untouched, on the validation split: the scores to beat.
        averaged: trials whose weights the winner is the average of, the best first, or `untouched`; one if it
            stands alone.
        comparisons: the winner against the best baseline, on validation and, once, on the held-back test.
        misreadings: of the winner on the validation split.
        max_epochs: the longest that a trial could run.
        seeds: by what they seed (`search`, `split`, ...).
        commands: purpose -> exact command; the first is the next one to type.
    """

    name: str
    space: str
    data: DataSummary
    baselines: tuple[Baseline, ...]
    trials: tuple[TrialRecord, ...]
    averaged: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...]
    misreadings: tuple[Misreading, ...]
    max_epochs: int
    wall_seconds: float
    versions: dict[str, str]
    seeds: dict[str, int]
    commands: dict[str, str]

    @property
    def baseline(self) -> Baseline | None:
        """The best of the untouched models."""
        return max(self.baselines, key=lambda baseline: baseline.scores.rank, default=None)

    @property
    def winner(self) -> TrialRecord | None:
        """The best trial; None if no trial has a score."""
        return next(iter(rank(self.trials)), None)

    def comparison(self, split: str) -> Comparison | None:
        """Return the comparison on `split` if it was made."""
        return next((c for c in self.comparisons if c.split == split), None)

    @property
    def validation_lines(self) -> int:
        """How many lines the validation scores are means over."""
        return self.baselines[0].scores.n if self.baselines else self.data.samples.get("val", 0)


def rank(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the scored trials, best first: by exact match, ties by edit similarity, then the faster one."""
    scored = [(trial.best.rank, -trial.seconds, trial) for trial in trials if trial.best]
    return [trial for *_, trial in sorted(scored, key=lambda entry: entry[:2], reverse=True)]


def varied_settings(trials: Sequence[TrialRecord]) -> dict[str, dict[str, Any]]:
    """Return {trial id: {dotted key: value}} of the settings in which the trials differ."""
    flat = {trial.id: flatten(trial.config.model_dump(mode="json")) for trial in trials}
    keys = dict.fromkeys(key for settings in flat.values() for key in settings)
    varied = [key for key in keys if len({repr(settings.get(key)) for settings in flat.values()}) > 1]
    return {trial: {key: s[key] for key in varied if key in s} for trial, s in flat.items()}


def _scores(scores: Scores) -> dict[str, Any]:
    interval = wilson_interval(scores.exact_match * scores.n, scores.n)
    return {**scores.as_dict(), "interval_95": [interval.low, interval.high]}


def _baseline(baseline: Baseline | None) -> dict[str, Any] | None:
    if baseline is None:
        return None
    return {
        "model": baseline.model,
        "charset": baseline.charset,
        "fit_width": baseline.fit_width,
        "untrained": baseline.untrained,
        **_scores(baseline.scores),
    }


def _comparison(comparison: Comparison | None) -> dict[str, Any] | None:
    if comparison is None:
        return None
    return {
        "baseline": _baseline(comparison.baseline),
        "best": _scores(comparison.winner),
        "gain": comparison.gain.difference,
        "gain_interval_95": [comparison.gain.interval.low, comparison.gain.interval.high],
    }


def _best(result: StudyResult) -> dict[str, Any] | None:
    trial = result.winner
    if trial is None or trial.best is None:
        return None
    measured = result.comparison("validation")
    best, n = trial.best, result.validation_lines
    scores = measured.winner if measured else Scores(n, best.exact_match, best.edit_similarity, best.cer)
    return {
        "trial": trial.id,
        "epoch": best.epoch,
        "averaged_trials": list(result.averaged),
        **_scores(scores),
        "gain": measured and measured.gain.difference,
        "gain_interval_95": measured and [measured.gain.interval.low, measured.gain.interval.high],
        "config": trial.config.model_dump(mode="json"),
    }


def _trial(trial: TrialRecord) -> dict[str, Any]:
    return {
        "id": trial.id,
        "state": trial.state,
        "config": trial.config.model_dump(mode="json"),
        "score": trial.score,
        "epochs": trial.epochs,
        "seconds": trial.seconds,
        "reason": trial.reason,
    }


def summary(result: StudyResult) -> dict[str, Any]:
    """Return what summary.json holds; shares are in [0, 1], intervals are [low, high] at 95 %."""
    return {
        "name": result.name,
        "space": result.space,
        "baseline": _baseline(result.baseline),
        "baselines": [_baseline(baseline) for baseline in result.baselines],
        "best": _best(result),
        "test": _comparison(result.comparison("test")),
        "trials": [_trial(trial) for trial in result.trials],
        "versions": result.versions,
        "seeds": result.seeds,
        "wall_seconds": result.wall_seconds,
        "data": result.data.model_dump(mode="json"),
        "commands": result.commands,
    }


def write_text_atomically(path: Path, text: str) -> None:
    """Write `text` so that a reader, or a kill, sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def write_summary(result: StudyResult, path: Path) -> None:
    """Write summary.json."""
    text = json.dumps(summary(result), indent=2, ensure_ascii=False, allow_nan=False)
    write_text_atomically(path, text + "\n")

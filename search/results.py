"""What a search found: trials, their ranking, the comparison with the untouched models.

`python search/results.py --help`: look at finished, interrupted and running studies (search/results_commands.py).
"""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from search.doubts import LabelCheck
from search.facts import DataSummary, DiskUse, GeneralSummary
from search.latency import Latency
from search.provenance import Evidence, Stage
from search.ranking import rank_key
from search.share import TrialShare
from spaces.reading import flatten
from train.config import Frozen, TrialConfig
from train.intervals import Gain
from train.scores import Scores
from train.tasks import TASKS, Words

State = Literal["finished", "stopped", "failed", "diverged"]
SCORED: tuple[State, ...] = ("finished", "stopped")


class Measure(Frozen):
    """One report of a trial: the validation scores after an epoch.

    Attributes:
        loss: mean training loss of the epoch.
        seconds: since the trial began.
        general: scores on the general samples; None without any, as the next one.
        forgetting: by how much the first of those is less than the model's as published; negative for a gain.
        fold: that it was made after, of all the folds so far; 0 where a trial has none, and reports epochs.
        excess: of forgetting over the limit; 0 within it, or without one.
    """

    epoch: int
    scores: Scores
    loss: float
    seconds: float
    general: Scores | None = None
    forgetting: float | None = None
    excess: float = 0.0
    fold: int = 0

    @property
    def rank(self) -> tuple[float, float, float]:
        """Sort key: see search/ranking.py."""
        return rank_key(*self.scores.rank, self.excess)


class TrialRecord(Frozen):
    """One trial, whatever became of it.

    Attributes:
        state: `stopped` by the scheduler or the time budget; `failed` and `diverged` are never scored.
        history: its reports, oldest first.
        started: seconds from the start of the study.
        seconds: how long it ran.
        reason: why it ended, in words; empty if it just finished.
        parts: in which every batch was computed, for want of memory; 1 for whole.
        notes: what it got over: crashed attempts, damaged checkpoints, too little memory.
        latency: of its architecture; None where that was not asked for.
        stages: of a population's trial: how the weights of its best epoch were trained; `config` is that epoch's.
    """

    id: str
    state: State
    config: TrialConfig
    history: tuple[Measure, ...] = ()
    started: float = 0.0
    seconds: float = 0.0
    reason: str = ""
    latency: Latency | None = None
    stages: tuple[Stage, ...] = ()
    parts: int = 1
    notes: tuple[str, ...] = ()

    @property
    def remarks(self) -> str:
        """The reason, the notes and the stages in one line; empty if there is nothing to say."""
        stages = [f"trained in stages: {stage}" for stage in self.stages] if len(self.stages) > 1 else []
        return "; ".join(filter(None, (self.reason, *self.notes, *stages)))

    @property
    def best(self) -> Measure | None:
        """The report of its best checkpoint (the earliest of equals), or of all its folds; None without a score."""
        if self.state not in SCORED or not self.history:
            return None
        if self.history[-1].fold:
            return self.history[-1]
        return max(self.history, key=lambda measure: measure.rank)

    @property
    def score(self) -> float | None:
        """The first score of its best checkpoint on the validation split, whatever that has forgotten."""
        return self.best.scores.primary if self.best else None

    @property
    def eligible(self) -> bool:
        """Whether it can win: it has a score, of a checkpoint that did not forget too much."""
        return self.best is not None and not self.best.excess

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
        tuned: with the settings that need no training chosen on the validation split (`train.tuning`).
        general: scores on the general samples; None without any.
    """

    model: str
    charset: Literal["keep", "domain"]
    fit_width: int = 0
    untrained: bool = False
    tuned: bool = False
    scores: Scores
    general: Scores | None = None

    def __str__(self) -> str:
        start = "as published" if self.charset == "keep" else "domain charset"
        start = "random weights" if self.untrained else start
        start += ", thresholds tuned" if self.tuned else ""
        return f"{self.model}, {start}{f', lines {self.fit_width} px wide' if self.fit_width else ''}"


class Comparison(Frozen):
    """The winner against an untouched model on the same samples of one split, or of the general lines.

    On the general lines the untouched one is the winner's own model as published.
    """

    split: Literal["validation", "test", "general"]
    baseline: Baseline
    winner: Scores
    gain: Gain


class Misreading(Frozen):
    """A validation sample that the winner gets wrong.

    Attributes:
        index: of the sample in the validation dataset.
        source: path of the image.
        confidence: the model's, in [0, 1].
        faults: how much is wrong, where the words do not show it.
    """

    index: int
    source: str
    text: str
    reading: str
    confidence: float
    faults: int = 0


class StudyResult(Frozen):
    """Everything that the table, summary.json and the report are made of.

    Attributes:
        task: what was trained.
        baselines: every candidate model untouched, on the validation split: the scores to beat.
        averaged: trials, or their runs with other seeds, whose weights the winner is the average of, the best
            first, or `untouched`; one if it stands alone.
        comparisons: the winner against the best baseline, on validation and, once, on the held-back test.
        misreadings: of the winner on the validation split.
        evidence: what the scores rest on, and what was chosen for more than its score.
        general: None without general samples.
        labels: labels that are likely wrong; None where nobody looked.
        share: what of the cluster each trial had.
        max_epochs: the longest that a trial could run.
        seeds: by what they seed (`search`, `split`, ...).
        commands: purpose -> exact command; the first is the next one to type.
        disk: what it takes; None where that was not looked at.
    """

    name: str
    task: str = "recognition"
    space: str
    data: DataSummary
    baselines: tuple[Baseline, ...]
    trials: tuple[TrialRecord, ...]
    averaged: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...]
    misreadings: tuple[Misreading, ...]
    evidence: Evidence = Evidence()
    general: GeneralSummary | None = None
    labels: LabelCheck | None = None
    share: TrialShare = TrialShare()
    max_epochs: int
    wall_seconds: float
    versions: dict[str, str]
    seeds: dict[str, int]
    commands: dict[str, str]
    disk: DiskUse | None = None

    @property
    def words(self) -> Words:
        """What the task's things are called."""
        return TASKS.get(self.task).words

    @property
    def baseline(self) -> Baseline | None:
        """The best of the untouched models."""
        return max(self.baselines, key=lambda baseline: baseline.scores.rank, default=None)

    @property
    def winner(self) -> TrialRecord | None:
        """The best trial; None if no trial has a score, or all have forgotten too much."""
        return next((trial for trial in self.ranked if trial.eligible), None)

    @property
    def ranked(self) -> list[TrialRecord]:
        """The scored trials, the chosen one first."""
        return first(rank(self.trials), self.evidence.chosen)

    @property
    def limit(self) -> float | None:
        """What a winner may forget; None for anything."""
        return self.general.max_forgetting if self.general else None

    def comparison(self, split: str) -> Comparison | None:
        """Return the comparison on `split` if it was made."""
        return next((c for c in self.comparisons if c.split == split), None)

    @property
    def validation_samples(self) -> int:
        """How many samples the validation scores are of."""
        return self.baselines[0].scores.n if self.baselines else self.data.samples.get("val", 0)


def rank(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the scored trials, best first: those that can win, over more folds, by `Measure.rank`, the faster one."""
    scored = [((not t.best.excess, t.best.fold, t.best.rank), -t.seconds, t) for t in trials if t.best]
    return [trial for *_, trial in sorted(scored, key=lambda entry: entry[:2], reverse=True)]


def first(ranked: Iterable[TrialRecord], chosen: str | None) -> list[TrialRecord]:
    """Return the trials with the chosen one in front; as they are without one."""
    return sorted(ranked, key=lambda trial: trial.id != chosen) if chosen else list(ranked)


def varied_settings(trials: Sequence[TrialRecord]) -> dict[str, dict[str, Any]]:
    """Return {trial id: {dotted key: value}} of the settings in which trials differ, or a single one from the usual."""
    flat = {trial.id: flatten(trial.config.model_dump(mode="json")) for trial in trials}
    usual = [flatten(TrialConfig().model_dump(mode="json"))] if len(flat) == 1 else []
    compared = [*flat.values(), *usual]
    keys = dict.fromkeys(key for settings in compared for key in settings)
    varied = [key for key in keys if len({repr(settings.get(key)) for settings in compared}) > 1]
    return {trial: {key: s[key] for key in varied if key in s} for trial, s in flat.items()}


def write_text_atomically(path: Path, text: str) -> None:
    """Write `text` so that a reader, or a kill, sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


if __name__ == "__main__":
    from search.results_commands import main
    from train.cli import main_guard

    main_guard(main)

"""A trial: what became of it, its scores after every epoch, and how trials are ranked."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from search.records.evidence import Latencies, Latency, Stage, find_architecture
from search.records.ranking import rank_key
from search.records.scores import KeptScores
from train.config import Frozen, TrialConfig
from train.system.dotted import flatten

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
        val_loss: of the validation labels; None where none has one, over folds, and in studies of earlier versions.
    """

    epoch: int
    scores: KeptScores
    loss: float
    seconds: float
    general: KeptScores | None = None
    forgetting: float | None = None
    excess: float = 0.0
    fold: int = 0
    val_loss: float | None = None

    @property
    def rank(self) -> tuple[float, float, float]:
        """Sort key: see search/records/ranking.py."""
        return rank_key(*self.scores.rank_with(self.val_loss), self.excess)


class TrialRecord(Frozen):
    """One trial, whatever became of it.

    Attributes:
        state: `stopped` by the scheduler or the time budget; `failed` and `diverged` are never scored.
        history: its reports, oldest first.
        started: seconds from the start of the study.
        seconds: how long it ran.
        reason: why it ended, in words; empty if it just finished.
        micro_batches: in which its largest batches were computed, to keep to its memory; 1 for whole ones.
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
    micro_batches: int = 1
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


def rank(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the scored trials, best first: those that can win, over more folds, by `Measure.rank`, the faster one."""
    scored = [((not t.best.excess, t.best.fold, t.best.rank), -t.seconds, t) for t in trials if t.best]
    return [trial for *_, trial in sorted(scored, key=lambda entry: entry[:2], reverse=True)]


def put_first(ranked: Iterable[TrialRecord], chosen: str | None) -> list[TrialRecord]:
    """Return the trials with the chosen one in front; as they are without one."""
    return sorted(ranked, key=lambda trial: trial.id != chosen) if chosen else list(ranked)


def find_varied_settings(trials: Sequence[TrialRecord]) -> dict[str, dict[str, Any]]:
    """Return {trial id: {dotted key: value}} of the settings in which trials differ, or a single one from the usual.

    The share of the samples that an epoch sees is none of them: time decides it, as it does the length.
    """
    flat = {trial.id: flatten(trial.config.model_dump(mode="json")) for trial in trials}
    usual = [flatten(TrialConfig().model_dump(mode="json"))] if len(flat) == 1 else []
    compared = [*flat.values(), *usual]
    keys = dict.fromkeys(key for settings in compared for key in settings if key != "epoch_share")
    varied = [key for key in keys if len({repr(settings.get(key)) for settings in compared}) > 1]
    return {trial: {key: s[key] for key in varied if key in s} for trial, s in flat.items()}


def add_latency(trial: TrialRecord, latencies: Latencies) -> TrialRecord:
    """Return the trial with its architecture's latency, where that was measured."""
    found = latencies.get(find_architecture(trial.config)) if latencies else None
    return trial.model_copy(update={"latency": found}) if found else trial

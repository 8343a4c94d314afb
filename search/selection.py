"""Which trial wins: the best score, unless a second objective or other seeds say another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.confirm import Again, Run, confirm
from search.folds import differences, rows_of
from search.latency import architecture
from search.pareto import candidates, choose
from search.provenance import Confirmation, FrontTrial
from search.results import TrialRecord, first, rank
from train.checkpoint import Checkpoint
from train.intervals import Gain
from train.loop import TrainingData, assemble
from train.tasks import Rows, primary_of
from train.validation import evaluate


@dataclass(frozen=True)
class Selection:
    """What wins.

    Attributes:
        ranked: the scored trials, the winner first, if it can win.
        chosen: the trial that was chosen for more than its score; None for the best score.
        confirmations: of candidates that were trained again, the best one first.
        runs: of those, by trial.
        front: accurate and fast trials, the fastest first; empty with one objective.
    """

    ranked: list[TrialRecord]
    chosen: str | None
    confirmations: tuple[Confirmation, ...]
    runs: Mapping[str, tuple[Run, ...]]
    front: tuple[FrontTrial, ...]


def select(
    trials: Sequence[TrialRecord],
    load: Callable[[TrialRecord], Checkpoint],
    data: TrainingData,
    again: Again | None,
    seed: int,
) -> Selection:
    """Choose the architecture first, where latency counts; of its trials, the best mean over other seeds.

    Args:
        trials: all of the study.
        load: returns a trial's best checkpoint.
        data: the study's.
        again: how candidates are trained again; None for not.
        seed: of the resampling.
    """
    front = _front(candidates(trials), load, data, seed)
    chosen = next((one.trial for one in front if one.chosen), None)
    pool = list(trials)
    if chosen is not None:
        kind = architecture(next(trial.config for trial in trials if trial.id == chosen))
        pool = [trial for trial in trials if architecture(trial.config) == kind]
    candidates_again = confirm(pool, again, seed) if again else ()
    confirmed = tuple(one.confirmation for one in candidates_again)
    runs = {one.confirmation.trial: one.runs for one in candidates_again}
    chosen = next((one.trial for one in confirmed if one.mean is not None), chosen)
    return Selection(first(rank(trials), chosen), chosen, confirmed, runs, front)


def _front(
    found: list[TrialRecord], load: Callable[[TrialRecord], Checkpoint], data: TrainingData, seed: int
) -> tuple[FrontTrial, ...]:
    if not found:
        return ()

    def rows_of(trial: TrialRecord) -> Rows:
        checkpoint = load(trial)
        engine, task = assemble(checkpoint.config, data.train, checkpoint)
        return task.at_best.per_sample(evaluate(engine, task.at_best, data.val)[1], data.val)

    return choose(found, rows_of, primary_of(found[0].config), seed)


def against_first(
    ranked: Sequence[TrialRecord], reports: Mapping[str, Sequence[Mapping[str, Any]]], seed: int
) -> dict[str, Gain]:
    """Return what the trials behind the winner gain over it on the samples of all folds; nothing without any.

    Args:
        ranked: the winner first.
        reports: of every trial.
        seed: of the resampling.
    """
    found = {name: rows_of(rows) for name, rows in reports.items()}
    rows = {name: one for name, one in found.items() if one is not None}
    names = [trial.id for trial in ranked if trial.id in rows]
    if not names:
        return {}
    return differences(names, rows, primary_of(ranked[0].config), seed)

"""Which trial wins: the best score, unless a second objective or other seeds say another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.records.evidence import Confirmation, FrontTrial, architecture
from search.records.trial import TrialRecord, first, rank
from search.records.trial_report import TrialReport, join_rows
from search.selection.confirm import Again, Run, confirm
from train.checkpoint import Checkpoint
from train.loop import TrainingData, assemble
from train.scoring.intervals import Gain, paired_gain_interval
from train.steps.validation import evaluate
from train.tasks import SampleStats, primary_of


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

    def rows_of(trial: TrialRecord) -> SampleStats:
        checkpoint = load(trial)
        engine, task = assemble(checkpoint.config, data.train, checkpoint)
        return task.at_best.per_sample(evaluate(engine, task.at_best, data.val)[1], data.val)

    return choose(found, rows_of, primary_of(found[0].config), seed)


def against_first(
    ranked: Sequence[TrialRecord], reports: Mapping[str, Sequence[TrialReport]], seed: int
) -> dict[str, Gain]:
    """Return what the trials behind the winner gain over it on the samples of all folds; nothing without any.

    Args:
        ranked: the winner first.
        reports: of every trial.
        seed: of the resampling.
    """
    found = {name: join_rows(own) for name, own in reports.items()}
    rows = {name: one for name, one in found.items() if one is not None}
    names = [trial.id for trial in ranked if trial.id in rows]
    if not names:
        return {}
    return differences(names, rows, primary_of(ranked[0].config), seed)


def candidates(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the best trial of each architecture that is on the Pareto front, the fastest first."""
    best: dict[tuple[str, ...], TrialRecord] = {}
    for trial in rank(trials):
        if trial.eligible and trial.latency is not None:
            best.setdefault(architecture(trial.config), trial)
    points = [(trial.best.rank, -_ms(trial)) for trial in best.values() if trial.best]
    front = [
        trial for trial, point in zip(best.values(), points, strict=True) if not _dominated(point, points)
    ]
    return sorted(front, key=_ms)


def _dominated(point: tuple[Any, float], others: Sequence[tuple[Any, float]]) -> bool:
    return any(o != point and o[0] >= point[0] and o[1] >= point[1] for o in others)


def _ms(trial: TrialRecord) -> float:
    return trial.latency.ms if trial.latency else float("inf")


def choose(
    front: Sequence[TrialRecord],
    rows_of: Callable[[TrialRecord], SampleStats],
    primary: Callable[[SampleStats], float],
    seed: int,
) -> tuple[FrontTrial, ...]:
    """Return the front with each trial's difference to the most accurate one, and which is chosen.

    Args:
        front: the fastest first, so that the last is the most accurate.
        rows_of: how a trial does on every validation sample (`Task.per_sample`).
        primary: (k,) sums of them -> the score.
        seed: of the resampling.
    """
    if not front:
        return ()
    best = rows_of(front[-1])
    found: list[FrontTrial] = []
    for trial in front:
        rows = best if trial is front[-1] else rows_of(trial)
        gain = paired_gain_interval(best, rows, primary, seed)
        chosen = gain.interval.high >= 0 and not any(one.chosen for one in found)
        assert trial.latency is not None, "candidates have one"
        found.append(FrontTrial(trial=trial.id, latency=trial.latency, against_best=gain, chosen=chosen))
    return tuple(found)


COMPARED = 4


def differences(
    ranked: Sequence[str], rows: Mapping[str, SampleStats], primary: Any, seed: int
) -> dict[str, Gain]:
    """Return what the next trials gain over the first one, on the samples of all folds that both were scored on.

    Args:
        ranked: trials, the first one first.
        rows: how each did on every sample (`Task.per_sample`).
        primary: (k,) sums of rows -> the score.
        seed: of the resampling.
    """
    first, *others = ranked
    same = [name for name in others if len(rows[name]) == len(rows[first])]
    return {name: paired_gain_interval(rows[first], rows[name], primary, seed) for name in same[:COMPARED]}

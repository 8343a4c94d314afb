"""Which trial wins: the best score, unless a second objective or other seeds say another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.records.evidence import Confirmation, FrontTrial, find_architecture
from search.records.trial import TrialRecord, put_first, rank
from search.records.trial_report import TrialReport, join_rows
from search.selection.confirm import Retraining, Run, confirm
from train.checkpoint import Checkpoint
from train.loop import TrainingData
from train.scoring.intervals import Gain, Interval, paired_gain_interval
from train.tasks import SampleStats, primary_of
from train.trained.loaded import load_network

COMPARED = 4


@dataclass(frozen=True)
class Selection:
    """Which trial wins, and why.

    Attributes:
        ranked: the scored trials, the winner first, if it can win.
        chosen: the trial that was chosen for more than its score; None for the best score.
        confirmations: of finalists, trials that were trained again, the best one first.
        runs: of those, by trial.
        front: accurate and fast trials, the fastest first; empty with one objective.
    """

    ranked: list[TrialRecord]
    chosen: str | None
    confirmations: tuple[Confirmation, ...]
    runs: Mapping[str, tuple[Run, ...]]
    front: tuple[FrontTrial, ...]


def select_winner(
    trials: Sequence[TrialRecord],
    load: Callable[[TrialRecord], Checkpoint],
    data: TrainingData,
    retraining: Retraining | None,
    seed: int,
) -> Selection:
    """Choose the architecture first, where latency counts; of its trials, the best mean over other seeds.

    Args:
        trials: all of the study.
        load: returns a trial's best checkpoint.
        data: the study's.
        retraining: how finalists are trained again; None for not.
        seed: of the resampling.
    """

    def measure(trial: TrialRecord) -> SampleStats:
        return load_network(load(trial), data.train).at_best.read(data.val).stats

    front = choose_on_front(find_front(trials), measure, seed)
    chosen = next((one.trial for one in front if one.chosen), None)
    pool = list(trials)
    if chosen is not None:
        kind = find_architecture(next(trial.config for trial in trials if trial.id == chosen))
        pool = [trial for trial in trials if find_architecture(trial.config) == kind]
    finalists = confirm(pool, retraining, seed) if retraining else ()
    confirmations = tuple(one.confirmation for one in finalists)
    runs = {one.confirmation.trial: one.runs for one in finalists}
    chosen = next((one.trial for one in confirmations if one.mean is not None), chosen)
    return Selection(put_first(rank(trials), chosen), chosen, confirmations, runs, front)


def find_front(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the best trial of each architecture that is on the Pareto front, the fastest first."""
    best: dict[tuple[str, ...], TrialRecord] = {}
    for trial in rank(trials):
        if trial.eligible and trial.latency is not None:
            best.setdefault(find_architecture(trial.config), trial)
    # By what is read: how sure a network is of it is no reason to wait for it.
    points = [(trial.best.scores.rank, -_latency_ms(trial)) for trial in best.values() if trial.best]
    front = [
        trial for trial, point in zip(best.values(), points, strict=True) if not _is_dominated(point, points)
    ]
    return sorted(front, key=_latency_ms)


def _is_dominated(point: tuple[Any, float], others: Sequence[tuple[Any, float]]) -> bool:
    return any(o != point and o[0] >= point[0] and o[1] >= point[1] for o in others)


def _latency_ms(trial: TrialRecord) -> float:
    return trial.latency.ms if trial.latency else float("inf")


def choose_on_front(
    front: Sequence[TrialRecord], measure: Callable[[TrialRecord], SampleStats], seed: int
) -> tuple[FrontTrial, ...]:
    """Return the front with each trial's difference to the most accurate one, and which is chosen.

    Args:
        front: the fastest first, so that the last is the most accurate.
        measure: returns how a trial does on every validation sample (`Task.per_sample`).
        seed: of the resampling.
    """
    if not front:
        return ()
    primary = primary_of(front[0].config)
    best = measure(front[-1])
    members: list[FrontTrial] = []
    for trial in front:
        if trial is front[-1]:
            gain = Gain(difference=0, interval=Interval(low=0, high=0))
        else:
            gain = paired_gain_interval(best, measure(trial), primary, seed)
        chosen = gain.interval.high >= 0 and not any(one.chosen for one in members)
        assert trial.latency is not None, "a trial on the front has one"
        members.append(FrontTrial(trial=trial.id, latency=trial.latency, against_best=gain, chosen=chosen))
    return tuple(members)


def compare_trials(
    ranked: Sequence[TrialRecord], reports: Mapping[str, Sequence[TrialReport]], seed: int
) -> dict[str, Gain]:
    """Return what the next COMPARED trials gain over the winner, on the samples of all folds that both were scored on.

    Args:
        ranked: the winner first.
        reports: of every trial; without folds they hold no samples, and nothing is compared.
        seed: of the resampling.
    """
    measured = [(trial, join_rows(reports[trial.id])) for trial in ranked]
    stats = {trial.id: rows for trial, rows in measured if rows is not None}
    if not stats:
        return {}
    best, *others = stats
    same = [name for name in others if len(stats[name]) == len(stats[best])]
    primary = primary_of(ranked[0].config)
    return {name: paired_gain_interval(stats[best], stats[name], primary, seed) for name in same[:COMPARED]}

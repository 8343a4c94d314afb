"""summary.json: a study's result for programs."""

import json
from pathlib import Path
from typing import Any

from search.records.evidence import Confirmation
from search.records.result import Comparison, StudyResult, baseline_to_json
from search.records.scores import interval_ends, scores_to_json
from search.records.trial import TrialRecord
from search.report.advice import advise
from search.report.techniques import compare_techniques
from train.system.files import write_whole


def _general(result: StudyResult) -> dict[str, Any] | None:
    """Return what was asked of the general samples, and how the winner reads them."""
    if result.general is None:
        return None
    return {**result.general.model_dump(), "comparison": _comparison(result.comparison("general"))}


def _kept(trial: TrialRecord) -> dict[str, Any] | None:
    """Return what a trial's best checkpoint has kept of its general skill."""
    best = trial.best
    if best is None or best.general is None:
        return None
    return {
        **dict(zip(best.general.names, best.general.rank, strict=False)),
        "interval_95": interval_ends(best.general.interval),
        "forgetting": best.forgetting,
        "eligible": trial.eligible,
    }


def _comparison(comparison: Comparison | None) -> dict[str, Any] | None:
    if comparison is None:
        return None
    return {
        "baseline": baseline_to_json(comparison.baseline),
        "best": scores_to_json(comparison.winner),
        "gain": comparison.gain.difference,
        "gain_interval_95": interval_ends(comparison.gain.interval),
        "documents": comparison.gain.documents,
    }


def _best(result: StudyResult) -> dict[str, Any] | None:
    trial = result.winner
    if trial is None or trial.best is None:
        return None
    measured = result.comparison("validation")
    best = trial.best
    scores = measured.winner if measured else best.scores
    return {
        "trial": trial.id,
        "epoch": best.epoch,
        "averaged_trials": list(result.averaged),
        "caution": result.caution and result.caution.model_dump(),
        "refit": result.refit and result.refit.model_dump(),
        **scores_to_json(scores),
        "selected_score": trial.score,
        "selected_interval_95": interval_ends(best.scores.interval),
        "confirmed": _confirmed(result.evidence.confirmed),
        "gain": measured and measured.gain.difference,
        "gain_interval_95": interval_ends(measured.gain.interval) if measured else None,
        "general": _kept(trial),
        "config": trial.config.model_dump(mode="json"),
    }


def _confirmed(one: Confirmation | None) -> dict[str, Any] | None:
    """Return the mean of the winner's runs with other seeds, which it was not chosen for by luck; None without any."""
    if one is None or one.interval is None:
        return None
    return {
        "mean": one.mean,
        "interval_95": interval_ends(one.interval),
        "seeds": one.seeds,
        "scores": one.scores,
    }


def _trial(trial: TrialRecord) -> dict[str, Any]:
    return {
        "id": trial.id,
        "state": trial.state,
        "config": trial.config.model_dump(mode="json"),
        "score": trial.score,
        "interval_95": interval_ends(trial.best.scores.interval) if trial.best else None,
        "general": _kept(trial),
        "epochs": trial.epochs,
        "seconds": trial.seconds,
        "reason": trial.reason,
        "parts": trial.micro_batches,
        "notes": list(trial.notes),
        **({"latency": trial.latency.model_dump()} if trial.latency else {}),
        **({"stages": [stage.model_dump() for stage in trial.stages]} if trial.stages else {}),
    }


def summary(result: StudyResult) -> dict[str, Any]:
    """Return what summary.json holds; shares are in [0, 1], intervals are [low, high] at 95 %."""
    cost = result.reservation.seconds(sum(trial.seconds for trial in result.trials))
    return {
        "name": result.name,
        "task": result.task,
        "space": result.space,
        "baseline": baseline_to_json(result.baseline),
        "baselines": [baseline_to_json(baseline) for baseline in result.baselines],
        "best": _best(result),
        "confirmations": [one.model_dump(exclude={"rank"}) for one in result.evidence.confirmations],
        "folds": result.evidence.folds,
        "differences": {name: gain.model_dump() for name, gain in result.evidence.differences.items()},
        "earlier": [one.model_dump() for one in result.evidence.earlier],
        "front": [one.model_dump() for one in result.evidence.front],
        "test": _comparison(result.comparison("test")),
        "general": _general(result),
        "text_model": {split: one.model_dump() for split, one in result.decoded.items()} or None,
        "int8": result.int8 and result.int8.model_dump(),
        "label_mistakes": result.labels and result.labels.model_dump(),
        "techniques": [technique.model_dump() for technique in compare_techniques(result.trials)],
        "trials": [_trial(trial) for trial in result.trials],
        "versions": result.versions,
        "seeds": result.seeds,
        "wall_seconds": result.wall_seconds,
        "trial_share": result.reservation.model_dump(),
        "cost": dict(zip(("cpu_seconds", "gpu_seconds"), cost, strict=False)),
        "advice": advise(result),
        "data": result.data.model_dump(mode="json"),
        "commands": result.commands,
        "disk": result.disk and result.disk.model_dump(),
    }


def write_summary(result: StudyResult, path: Path) -> None:
    """Write summary.json."""
    text = json.dumps(summary(result), indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, text + "\n", durable=True)

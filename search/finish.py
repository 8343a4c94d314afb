"""From Tune's results to the study's: records, the winner's bundle, its one test, summary and report."""

import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.train.constants import CHECKPOINT_DIR_NAME

from search.confirm import Again
from search.data import EMBEDDED_FOLDER, StudyData
from search.folds import FOLD, OF, SAMPLES, is_fold
from search.general import general_summary
from search.judge import best_baseline, judge, kept_general
from search.latency import Latencies
from search.lineage import stages_text, with_stages
from search.pareto import with_latency
from search.population import population
from search.probe import Probe
from search.provenance import Earlier, Evidence
from search.ranking import Forgetting
from search.report import write_report
from search.results import (
    Comparison,
    DataSummary,
    Measure,
    Misreading,
    State,
    StudyResult,
    TrialRecord,
)
from search.searcher import Clock
from search.selection import against_first, select
from search.settings import StudySettings
from search.soup import greedy_soup
from search.summary import write_summary
from search.transfer import remember
from search.workers import CHECKPOINT_FOLDER
from train.checkpoint import Checkpoint, load_checkpoint
from train.config import TrialConfig, config_from_mapping, save_config
from train.data.images import Image
from train.errors import ModelError
from train.export import export_checkpoint
from train.patience import Best
from train.scores import Scores
from train.tasks import TASKS
from train.tuning import tuned
from train.validation import GENERAL
from train.versions import installed_versions

EXPORT_S = 20.0
FORGOTTEN = ("forgetting", "excess")
PACKAGES = (
    "ray", "optuna", "paddlepaddle", "paddleocr", "paddle2onnx", "torch", "transformers", "onnxruntime", "numpy"
)  # fmt: skip


@dataclass(frozen=True)
class Finished:
    """A search that has ended: all that its result is made of."""

    settings: StudySettings
    clock: Clock
    data: StudyData
    probes: list[Probe]
    results: tune.ResultGrid
    started: float
    known: Forgetting | None = None
    again: Again | None = None
    latencies: Latencies = field(default_factory=dict)
    earlier: tuple[Earlier, ...] = ()

    @property
    def soup_deadline(self) -> float | None:
        """When averaging has to end, so that export and test still fit the budget; None without one."""
        budget = self.settings.time_budget_s
        return None if budget is None else self.started + budget - EXPORT_S


def finish(search: Finished) -> StudyResult:
    """Export and test the winner, and write everything that the study leaves behind."""
    settings, data = search.settings, search.data
    folder = settings.local_folder
    samples = len(data.training.val)
    trials = tuple(record(result, search.started, samples) for result in search.results)
    if population(settings) is not None:
        trials = with_stages(trials, {trial_id(one): all_reports(one) for one in search.results})
    trials = tuple(with_latency(trial, search.latencies) for trial in trials)
    load = partial(best_checkpoint, search.results)
    selected = select(trials, load, data.training, search.again, settings.seed)
    winner = publish_winner(search, selected.ranked, folder)
    folds = settings.folds or 1
    reports = {trial_id(one): reports_of(one) for one in search.results}
    result = StudyResult(
        name=settings.name,
        task=settings.task_name,
        space=settings.space,
        data=data.summary,
        baselines=tuple(b for probe in search.probes for b in probe.baselines),
        trials=trials,
        averaged=winner.averaged,
        comparisons=winner.comparisons,
        misreadings=winner.misreadings,
        evidence=Evidence(
            folds=folds,
            differences=against_first(selected.ranked, reports, settings.seed),
            front=selected.front,
            confirmations=selected.confirmations,
            chosen=selected.chosen,
            earlier=search.earlier,
        ),
        general=general_summary(settings, data),
        max_epochs=folds if folds > 1 else search.clock.max_epochs,
        wall_seconds=time.time() - search.started,
        versions=versions(),
        seeds={"search": settings.seed, "split": settings.seed, "train": settings.seed},
        commands=commands(settings, data.summary, folder, bool(winner.averaged)),
    )
    write_summary(result, folder / "summary.json")
    write_report(result, winner.picture or data.training.val.image, folder / "report.html")
    remember(settings, result)
    if "://" in settings.storage:
        upload(folder, f"{settings.storage}/{settings.name}")
    return result


def upload(folder: Path, uri: str) -> None:
    """Copy the study's own files to where Tune wrote, if that is no local folder."""
    from pyarrow import fs

    target, path = fs.FileSystem.from_uri(uri)
    fs.copy_files(str(folder), path, destination_filesystem=target)


@dataclass(frozen=True)
class Published:
    """What the winner's judgement found; empty if no trial can win (see `judge.Judgement`)."""

    averaged: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    misreadings: tuple[Misreading, ...] = ()
    picture: Callable[[int], Image] | None = None


def publish_winner(search: Finished, ranked: list[TrialRecord], folder: Path) -> Published:
    """Average what improves the first of the ranked, write its configuration and bundle, and judge it."""
    if not ranked or not ranked[0].eligible:
        return Published()
    loaders = [(trial.id, partial(best_checkpoint, search.results, trial)) for trial in ranked]
    if (search.settings.folds or 1) > 1:  # its own split is too small to choose weights by
        best = loaders[0][1]()
        averaged: tuple[str, ...] = (ranked[0].id,)
    else:
        soup = greedy_soup(loaders, search.data.training, search.soup_deadline, search.known)
        best, averaged = soup.checkpoint, soup.trials
    checkpoint = tuned(best, search.data.training.val)
    save_config(checkpoint.config, folder / "best.yaml", stages_text(ranked[0].stages))
    export_checkpoint(checkpoint, search.data.training.val, folder / "best")
    judged = judge(checkpoint, search.data, best_baseline(search.probes), search.settings.seed)
    probe = next(probe for probe in search.probes if probe.model == checkpoint.config.model)
    kept = kept_general(checkpoint, search.data, probe, search.settings.seed)
    return Published(averaged, judged.comparisons + kept, judged.misreadings, judged.picture)


def record(result: Any, started: float, samples: int) -> TrialRecord:
    """Return what became of one Tune trial; a crashed or diverged one has no score.

    Args:
        result: Tune's.
        started: Unix time at which the study began.
        samples: in the validation split.
    """
    reports = reports_of(result)
    last = reports[-1] if reports else {}
    config = config_from_mapping(result.config, "trial") if result.config else TrialConfig()
    state, reason = state_of(result, last, config)
    kind = TASKS.get(config.task).scores
    history = tuple(measure(report, kind, samples) for report in reports if not report.get("diverged"))
    return TrialRecord(
        id=trial_id(result),
        state=state,
        config=config,
        history=history,
        started=max(0.0, float(reports[0]["timestamp"]) - reports[0]["time_this_iter_s"] - started)
        if reports
        else 0.0,
        seconds=float(last.get("time_total_s", 0.0)),
        reason=reason,
    )


def trial_id(result: Any) -> str:
    """Return a trial's id, which names its folder."""
    return Path(result.path).name


def reports_of(result: Any) -> list[dict[str, Any]]:
    """Return a trial's reports, oldest first, an epoch that was repeated after a restart once."""
    rows: dict[int, dict[str, Any]] = {int(row["epoch"]): row for row in all_reports(result)}
    return [rows[epoch] for epoch in sorted(rows)]


def all_reports(result: Any) -> list[dict[str, Any]]:
    """Return a trial's reports in the order in which they came."""
    frame = result.metrics_dataframe
    return [] if frame is None or "epoch" not in frame else list(frame.to_dict("records"))


def measure(report: dict[str, Any], kind: type[Scores], samples: int) -> Measure:
    """Return one report's scores over so many validation samples."""
    lost = {name: float(report[name]) for name in FORGOTTEN if name in report}
    samples = int(report[SAMPLES]) if is_fold(report) else samples
    return Measure(
        fold=int(report[FOLD]) if is_fold(report) else 0,
        epoch=int(report["epoch"]),
        seconds=float(report["time_total_s"]),
        loss=float(report["loss"]),
        scores=kind.kept_in(report, samples),
        general=kind.kept_in(report, 0, GENERAL) if kind.are_in(report, GENERAL) else None,
        **lost,
    )


def state_of(result: Any, last: dict[str, Any], config: TrialConfig) -> tuple[State, str]:
    """Return how a trial ended, and why."""
    if result.error is not None:
        return "failed", str(result.error).strip().splitlines()[-1]
    if (result.metrics or {}).get("diverged"):
        return "diverged", str(result.metrics["reason"])
    if not last:
        return "stopped", "the time was over before its first epoch"
    epoch, best = int(last["epoch"]), Best(TASKS.get(config.task).scores.names[:2]).kept_in(last)
    whole = int(last[OF]) if is_fold(last) else config.epochs
    if epoch == whole:
        return "finished", ""
    if best.out_of_patience(epoch, config.patience):
        return "finished", f"no better epoch in {config.patience} after epoch {best.epoch}"
    unit = "fold" if is_fold(last) else "epoch"
    return "stopped", f"stopped after {unit} {epoch} of {whole} (scheduler or time budget)"


def best_checkpoint(results: tune.ResultGrid, winner: TrialRecord) -> Checkpoint:
    """Return the checkpoint with the winner's best score.

    It lies where the report says: Tune's own list lacks the last one of a trial that the deadline ended.
    """
    result = next(r for r in results if trial_id(r) == winner.id)
    saved = [report for report in reports_of(result) if isinstance(report.get(CHECKPOINT_DIR_NAME), str)]
    if not saved:
        raise ModelError(
            "the winner must have a checkpoint", winner.id, "look into its folder for what went wrong"
        )
    name = max(saved, key=lambda report: report["score"])[CHECKPOINT_DIR_NAME]
    with tune.Checkpoint(f"{result.path}/{name}", result.filesystem).as_directory() as folder:
        return load_checkpoint(Path(folder) / CHECKPOINT_FOLDER)


def versions() -> dict[str, str]:
    """Return the versions that a score depends on."""
    return {"python": sys.version.split()[0]} | installed_versions(PACKAGES)


def commands(
    settings: StudySettings, data: DataSummary, folder: Path, exported: bool = True
) -> dict[str, str]:
    """Return the exact commands that follow from a study, the next one to type first."""
    again = {"repeat the search": shlex.join(["python", *sys.argv])}
    if not exported:
        return again
    root = settings.data or str(folder.parent / EMBEDDED_FOLDER)
    named = Path(root) / data.origins.get("val", "")
    labels = settings.labels.get("val") or (str(named) if named.is_file() else "LABELS")
    evaluate_bundle = ["python", "train/evaluate.py", "--bundle", str(folder / "best"), "--labels", labels]
    train_again = ["python", "train/run.py", "--data", root, "--config", str(folder / "best.yaml")]
    same_splits = ["--seed", str(settings.seed), "--test-fraction", f"{settings.test_fraction:g}"]
    if settings.general_labels:
        same_splits += ["--general-labels", settings.general_labels]
        same_splits += [f"--general-option={key}={value}" for key, value in settings.general_options.items()]
    if settings.synthetic_labels:
        same_splits += ["--synthetic-labels", settings.synthetic_labels]
    return {
        "evaluate": shlex.join(evaluate_bundle),
        # train/run.py reads a folder, not a label file for each split
        **({} if settings.labels else {"train the winner again": shlex.join(train_again + same_splits)}),
        **again,
    }

"""Learning from earlier studies: every finished one is kept, and a new one of the same task starts from their winners.

    STORAGE/studies.db    an Optuna storage: a copy of each finished study, its winner in the user attributes

Scores of different data cannot be compared, so none is carried over: what a winner is worth here, its own trial tells.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from pydantic import TypeAdapter
from sqlalchemy.exc import SQLAlchemyError

from search.records.evidence import EarlierStudy
from search.records.result import StudyResult
from search.records.trial_report import latest_reports
from search.settings import StudySettings
from search.storage.database import sqlite_url
from search.storage.files import DATABASE, EARLIER, STUDIES
from search.storage.journal import read_journal
from search.storage.location import fetch_study
from spaces.space import SearchSpace
from train.config import TrialConfig, config_from_mapping
from train.errors import UsageError
from train.system.dotted import flatten
from train.system.files import locked, read_valid, replace_file, write_whole

MOST_WINNERS = 3
ATTRIBUTES = ("task", "data", "samples", "ended", "winner")
REMEDY = "delete it: the winners are chosen anew"
_EARLIER = TypeAdapter(tuple[EarlierStudy, ...])


def winners_file(settings: StudySettings) -> Path:
    """Return where finished studies are kept, beside the study's own folder."""
    return settings.local_folder.parent / STUDIES


def remember(settings: StudySettings, result: StudyResult) -> None:
    """Keep a finished study for later ones, if its winner can be a start for them.

    It cannot where there is none, where it was trained in stages, or where it was not shown to be better than the
    pretrained baseline, so that this is the bundle. If the file of finished studies cannot be read, that is printed:
    the study itself is whole.
    """
    winner = result.winner
    database = settings.local_folder / DATABASE
    if winner is None or len(winner.stages) > 1 or not database.is_file():
        return
    if result.caution and result.caution.share == 0:
        return
    ended = time.time()
    attributes = {
        "task": settings.task_name,
        "data": result.data.path,
        "samples": result.data.samples.get("train", 0),
        "ended": ended,
        "winner": winner.config.model_dump_json(),
    }
    try:
        with _readable(winners_file(settings)):
            _add_study(settings, f"{settings.name} {ended:.3f}", attributes)
    except UsageError as error:
        print(f"not kept for later studies: {error}", flush=True)


def _add_study(settings: StudySettings, name: str, attributes: Mapping[str, Any]) -> None:
    database = settings.local_folder / DATABASE
    with _replace_database(winners_file(settings)) as url:
        optuna.copy_study(
            from_study_name="ocrtune", from_storage=sqlite_url(database), to_storage=url, to_study_name=name
        )
        study = optuna.load_study(study_name=name, storage=url)
        for key, value in attributes.items():
            study.set_user_attr(key, value)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise UsageError for a file that is no database, or one of another Optuna."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
        raise UsageError(
            "the file of finished studies must be one that this Optuna reads",
            f"{path}: {str(error).splitlines()[0]}",
            "restore it, or move it elsewhere; --no-transfer begins without it",
        ) from error


@contextmanager
def _replace_database(path: Path) -> Iterator[str]:
    """Yield the URL of a copy of a database that takes its place at the end; one process at a time."""
    with locked(path.parent), replace_file(path) as draft:
        if path.exists():
            shutil.copyfile(path, draft)
        yield sqlite_url(draft)


def read_winners(path: Path, task: str, data: str | None) -> list[EarlierStudy]:
    """Return the winners of a task's finished studies, those on the same data first, then the latest."""
    if not path.is_file():
        return []
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    earlier = []
    with _readable(path):
        summaries = optuna.get_all_study_summaries(sqlite_url(path), include_best_trial=False)
    for summary in summaries:
        attributes: dict[str, Any] = summary.user_attrs
        if attributes.get("task") == task and all(key in attributes for key in ATTRIBUTES):
            facts = {key: attributes[key] for key in ("data", "samples", "ended")}
            config = json.loads(attributes["winner"])
            earlier.append(EarlierStudy(study=summary.study_name.rsplit(" ", 1)[0], config=config, **facts))
    return sorted(earlier, key=lambda one: (one.data == data, one.ended), reverse=True)


def fit_winners(
    earlier: Sequence[EarlierStudy], space: SearchSpace
) -> tuple[list[dict[str, Any]], tuple[EarlierStudy, ...]]:
    """Return the settings of at most MOST_WINNERS winners as points of `space`, and those winners.

    Left out are winners that do not lie in the space: one of its ranges lacks their value, or it fixes another one.
    Length and seed do not count, as these are the study's own.
    """
    points: list[dict[str, Any]] = []
    used: list[EarlierStudy] = []
    for one in earlier:
        values = flatten(one.config)
        try:
            config = TrialConfig.model_validate(one.config)
        except ValueError:  # of a version with other settings
            continue
        point, faults = space.complete(space.flat(config))
        if faults or not _agrees(space, values) or point in points:
            continue
        points.append(point)
        used.append(one)
        if len(points) == MOST_WINNERS:
            break
    return points, tuple(used)


def _agrees(space: SearchSpace, values: dict[str, Any]) -> bool:
    """Return whether what a space fixes decides the same network and technique as a winner's settings do."""
    kinds = ("model", "technique.name", "charset", "fit_width", "optimiser.name")
    fixed = {key: value for key, value in space.fixed.items() if key in kinds}
    return all(values.get(key) == value for key, value in fixed.items())


def add_earlier(
    settings: StudySettings, space: SearchSpace, points: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], tuple[EarlierStudy, ...]]:
    """Return what to try first: winners on the same data, the space's own warm starts, winners on other data.

    What was chosen once is kept in the study's folder: a resumed study says, and without a trial does, what it
    began with.
    """
    file = settings.local_folder / EARLIER
    if not settings.transfer:
        return points, ()
    data, begun = settings.data, file.is_file()
    kept = read_valid(file, REMEDY, _EARLIER) if begun else ()
    known = kept if begun else read_winners(winners_file(settings), settings.task_name, data)
    theirs, used = fit_winners(known, space)
    if not begun:
        write_whole(file, _EARLIER.dump_json(used).decode(), durable=True)
    for one in () if begun else used:
        print(
            f"starts also from the winner of {one.study} ({one.data}, {one.samples} to train on)", flush=True
        )
    same = [point for point, one in zip(theirs, used, strict=True) if one.data == data]
    others = [point for point in theirs if point not in same]
    ordered = [*same, *points, *others]
    return [point for place, point in enumerate(ordered) if point not in ordered[:place]], kept or used


MOST_FORKED = 5


def read_best_configs(folder: Path) -> list[TrialConfig]:
    """Return the configurations of a study's MOST_FORKED best trials, the best first; UsageError if there are none.

    One that failed or diverged has no score. A population's trial has changed settings: those of its best epoch count.
    """
    scored = []
    for trial in read_journal(folder):
        reports = latest_reports(trial.rows)
        if trial.error or not trial.config or not reports or any(report.diverged for report in reports):
            continue
        # Over folds, the last report is the mean of all: more of them come first (`search.records.trial.rank`).
        folds = reports[-1].fold.number if reports[-1].fold else 0
        best = max(reports[-1:] if folds else reports, key=lambda report: report.score)
        scored.append((folds, best.score, trial.id, best.origin, trial.config))
    if not scored:
        raise UsageError("--fork needs a study whose trials have scores", folder, "name another one")
    ranked = sorted(scored, key=lambda entry: entry[:3], reverse=True)
    return [
        origin.config if origin else config_from_mapping(params, f"trial {trial}")
        for _, _, trial, origin, params in ranked[:MOST_FORKED]
    ]


def read_fork(settings: StudySettings) -> tuple[TrialConfig, ...]:
    """Return the best configurations of the study that this one is forked from; none without."""
    if settings.fork is None:
        return ()
    old = settings.model_copy(update={"name": settings.fork})
    fetch_study(old)
    return tuple(read_best_configs(old.local_folder))


def fit_configs(configs: Sequence[TrialConfig], space: SearchSpace) -> list[dict[str, Any]]:
    """Return those of the configurations that lie in a space, as points that its sampler is to try first.

    What the space fixes replaces theirs. A configuration with any other value outside of the space is left out.
    """
    points: list[dict[str, Any]] = []
    for config in configs:
        point, faults = space.complete(space.flat(config))
        if not faults and point not in points:
            points.append(point)
    return points

"""Detector and reader of photos in one command: two studies under one name, then both measured together.

STORAGE/NAME/detection/      the study of the detector; its bundle is detection/best
STORAGE/NAME/recognition/    that of the reader, on the lines that this detector finds; recognition/best
STORAGE/NAME/summary.json    both end to end, with intervals
STORAGE/NAME/report.html     the photos, the worst first, and whether finding or reading failed
STORAGE/NAME/published/      a published model that reads better than the trained one, if one does
"""

import json
import math
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from search.planning.pair import FOLDS_S, SMALLEST_ALONE_S, PairTime
from search.preflight.data import source_of
from search.preflight.fingerprint import FREE, list_other_settings
from search.preflight.lines import find_cut
from search.records.result import require_winner
from search.settings import ASKED, PHOTOS, StudySettings, read_settings_file
from search.storage.beginning import has_begun
from search.storage.files import SUMMARY_FILE
from search.storage.location import load_settings
from search.storage.lock import sole_search
from search.studies.pair import REPORT, measure
from search.study import run_study, settle_method
from search.trials.folds import choose_folds
from spaces.space import load_space
from train.bundle import MANIFEST
from train.config import DetectionConfig, TrialConfig
from train.data.checks.evidence import MIN_UNITS
from train.data.photos.lines import is_line
from train.data.photos.regions import regions_of
from train.data.sample import Sample
from train.data.split import Splits
from train.end_to_end.finder import ModelFinder, PhotoFiles
from train.end_to_end.pair import load_reader
from train.errors import DataError, UsageError
from train.models import MODELS
from train.sets.read import check_others, read_photo_splits
from train.system.cli import INTERRUPTED
from train.system.files import write_whole

DETECTION, RECOGNITION = "detection", "recognition"
READER_ALONE = (
    "dictionary",
    "reading",
    "texts",
    "general_labels",
    "general_format",
    "max_forgetting",
    "synthetic_labels",
)
"""Settings that a detector has no use for."""


def search_photos(asked: StudySettings, resume: bool) -> int:
    """Do what `run_photos` does, and return the command's exit status."""
    try:
        with sole_search(asked.local_folder):
            run_photos(asked, resume)
    except KeyboardInterrupt:
        begun = (asked.local_folder / ASKED).exists()
        again = f"go on with: {asked.resume_command}" if begun else "the same command begins again"
        print(f"interrupted; {again}", file=sys.stderr)
        return INTERRUPTED
    return 0


def run_photos(asked: StudySettings, resume: bool) -> None:
    """Train a detector, then a reader on what it finds, and measure both; `resume` goes on where it was interrupted.

    Raises:
        UsageError, DataError: before any work, for settings or photos that cannot be used.
    """
    started, folder = time.time(), asked.local_folder
    asked = _begin(asked, resume)
    pair = pair_time(asked)
    detector = asked.detection or _run(detection_settings(asked, pair))
    reader = _run(recognition_settings(asked, detector, pair, time.time() - started))
    source = source_of(_reader(asked))
    found = measure(
        source, asked.name, detector, reader, folder, searched=not asked.detection, samples=asked.samples
    )
    for name, one in found.splits.items():
        print(f"{name}: {one.scores}{one.faults and f'; texts: {one.faults}'}", flush=True)
    summary = {
        "task": PHOTOS,
        "name": asked.name,
        "detector": found.detector,
        "reader": found.reader,
        "cut": load_reader(Path(found.reader)).config.cut.model_dump(),
        **{name: one.as_dict() for name, one in found.splits.items()},
        "pairs": found.choice and found.choice.as_dict(),
        "wall_seconds": time.time() - started,
        "commands": {"serve": serve_command(found.detector, found.reader)},
    }
    write_whole(folder / SUMMARY_FILE, json.dumps(summary, indent=1, ensure_ascii=False))
    print(f"report: {folder / REPORT}\nserve: {serve_command(found.detector, found.reader)}")


def _begin(asked: StudySettings, resume: bool) -> StudySettings:
    """Return the settings of the two studies, checked and written down; those of one that is resumed are read."""
    path = asked.local_folder / ASKED
    studies = (asked.local_folder, *(asked.local_folder / name for name in (DETECTION, RECOGNITION)))
    if (path.exists() if resume else any(map(_is_taken, studies))) != resume:
        rule = "--resume needs a study of that name" if resume else "a study's name must be new"
        remedy = "leave out --resume" if resume else "add --resume, or choose another --name"
        raise UsageError(rule, f"{asked.name} in {asked.storage}", remedy)
    if resume:
        begun = read_settings_file(path)
        if changed := "; ".join(list_other_settings(begun, asked)):
            rule = "a resumed study must have the settings that it was begun with"
            raise UsageError(rule, changed, "leave them out, or choose another --name")
        budget = asked.time_budget_s or begun.time_budget_s
        return begun.model_copy(update={"storage": asked.storage, "time_budget_s": budget})
    check_photos(asked)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, asked.model_dump_json(indent=2))
    return asked


def _is_taken(folder: Path) -> bool:
    """Return whether a study's trials have begun, or it ended without any."""
    return has_begun(folder) or (folder / SUMMARY_FILE).exists()


def check_photos(asked: StudySettings) -> None:
    """Raise UsageError or DataError for what cannot be trained on."""
    if asked.remote or asked.fork:
        value = asked.storage if asked.remote else f"--fork {asked.fork}"
        raise UsageError("--task photos takes a folder as --storage, and no --fork", value, "leave it out")
    if asked.int8:
        remedy = "leave it out; afterwards: python -m train.quantise, for each bundle"
        raise UsageError("--int8 is for the search of one network", f"--task {PHOTOS}", remedy)
    if asked.recognition:
        raise UsageError(
            "--task photos trains a reader", f"--recognition {asked.recognition}", "leave it out"
        )
    if asked.weights and len(asked.models) != 1:
        named = ", ".join(asked.models) or "none"
        raise UsageError("--weights must be of one model", named, "add --model NAME, of one of the two")
    if asked.data is None and not asked.labels:
        raise UsageError("--task photos needs photos with regions", "no data", "name a folder with --data")
    _check_settings(asked)
    splits = read_photo_splits(source_of(_reader(asked)))[0]
    for name, samples in (("training", splits.train), ("validation", splits.val)):
        if not _count_texts(samples):
            raise DataError(
                "photos must have texts to train and choose a reader on",
                f"none in {len(samples)} {name} photos",
                "write the texts of their regions, or search a detector alone: --task detection",
            )
    pair = _time_of(asked, splits)
    if pair and pair.budget_s < pair.least_s:
        rule = f"--time-budget must be at least {math.ceil(pair.least_s)}s for {sum(pair.photos.values())} such photos"
        raise UsageError(rule, f"{pair.budget_s:g}s", "give it as much, or leave it out")
    _check_folds(asked, pair, splits)


def _check_folds(asked: StudySettings, pair: PairTime | None, splits: Splits) -> None:
    """Raise what either study would of trials over folds, which few samples have.

    A reader's lines are counted when they are found: words that are found together are one line.
    """
    if not asked.detection:
        choose_folds(detection_settings(asked, pair), len(splits.train))
    choose_folds(_reader_in(asked, pair, pair.detector_s if pair else 0.0), _count_texts(splits.train))


def _check_settings(asked: StudySettings) -> None:
    """Raise what either study would of its settings: the reader's begins when the detector's has taken its time."""
    reader = _reader(asked)
    for settings in (reader,) if asked.detection else (detection_settings(asked, None), reader):
        settle_method(settings)
    found = reader.model_copy(update={"detection": asked.detection or DETECTION})
    find_cut(found, load_space(reader.space))
    check_others(source_of(reader))
    if asked.detection:
        ModelFinder(asked.detection)


def pair_time(asked: StudySettings) -> PairTime | None:
    """Return how the time is divided; None without a budget."""
    return _time_of(asked, read_photo_splits(source_of(_reader(asked)))[0]) if asked.time_budget_s else None


def _time_of(asked: StudySettings, splits: Splits) -> PairTime | None:
    if not asked.time_budget_s:
        return None
    sizes = PhotoFiles(splits.val).sizes.astype(np.float64)
    seen = sizes * np.minimum(1, DetectionConfig().max_side_px / sizes.max(axis=1, keepdims=True))
    megapixels = float(seen.prod(axis=1).mean()) / 1e6
    return PairTime(
        asked.time_budget_s,
        {name: len(samples) for name, samples in splits.items()},
        megapixels,
        search_detector=not asked.detection,
        val_texts=_count_texts(splits.val),
        test_texts=_count_texts(splits.test),
    )


def _count_texts(photos: Sequence[Sample]) -> int:
    return sum(is_line(region) for photo in photos for region in regions_of(photo.text, photo.source))


def detection_settings(asked: StudySettings, pair: PairTime | None) -> StudySettings:
    """Return the settings of the detector's study."""
    nothing = {name: StudySettings.model_fields[name].default for name in (*READER_ALONE, "upright")}
    settings = _part(asked, DETECTION, {**nothing, "general_options": {}})
    return settings if pair is None else _in(settings, pair.detector_s, pair.photos["val"])


def recognition_settings(
    asked: StudySettings, detector: str, pair: PairTime | None, elapsed_s: float
) -> StudySettings:
    """Return the settings of the reader's study, `elapsed_s` after the beginning."""
    settings = _reader_in(asked, pair, elapsed_s).model_copy(update={"detection": detector})
    if settings.confirm:  # which folds exclude: `_check_folds` has seen to it before the detector was trained
        return settings.model_copy(update={"folds": settings.folds or 1})
    return settings


def _reader_in(asked: StudySettings, pair: PairTime | None, elapsed_s: float) -> StudySettings:
    reader = _reader(asked)
    return reader if pair is None else _in(reader, pair.reader_s(elapsed_s), pair.val_texts)


def _in(settings: StudySettings, seconds: float, val: int) -> StudySettings:
    """Return the settings with so much time; where that is short, for the smallest model alone, and without folds.

    So few validation samples that no gain could be shown on them have folds in any time.
    """
    models, folds = settings.models, settings.folds
    if seconds < SMALLEST_ALONE_S:
        models = models or tuple(map(str, load_space(settings.space).choices("model")[:1]))
    if val >= MIN_UNITS and seconds < (FOLDS_S if settings.task == DETECTION else SMALLEST_ALONE_S):
        folds = folds or 1
    return settings.model_copy(update={"time_budget_s": seconds, "models": models, "folds": folds})


def _reader(asked: StudySettings) -> StudySettings:
    return _part(asked, RECOGNITION, {})


def _part(asked: StudySettings, task: str, changes: dict[str, Any]) -> StudySettings:
    named = asked.space if asked.space != PHOTOS else task
    has_task = str(load_space(named).fixed.get("task", TrialConfig().task)) == task
    models = tuple(model for model in asked.models if MODELS.get(model).task == task)
    place: dict[str, Any] = {
        "name": task,
        "storage": str(asked.local_folder),
        "task": task,
        "detection": None,
        "time_budget_s": None,  # each has a part of it
        "weights": asked.weights if models else None,  # of the one model that is named
    }
    place["refit"] = False  # both read the validation photos end to end afterwards
    return asked.model_copy(
        update={**place, "space": named if has_task else task, "models": models, **changes}
    )


def _run(settings: StudySettings) -> str:
    """Run a study, or go on with it, and return its bundle; of one that is finished, at once.

    Raises:
        DataError: it left no bundle.
    """
    folder = settings.local_folder
    if not (folder / SUMMARY_FILE).exists():
        print(f"{settings.task_name}: {folder}", flush=True)
        resume = has_begun(folder)
        require_winner(run_study(as_begun(settings) if resume else settings, resume))
    if not (folder / "best" / MANIFEST).exists():
        given = f" in its {settings.time_budget_s:.0f} s" if settings.time_budget_s else ""
        raise DataError(
            f"the {settings.task_name}'s study must leave a bundle",
            f"no trial that ended{given}: see {folder / REPORT}",
            "give more --time-budget under another --name, or name a detector with --detection",
        )
    return str(folder / "best")


def as_begun(settings: StudySettings) -> StudySettings:
    """Return the settings that a study was begun with, and the time that it has now: less does not narrow it again."""
    free = {key: getattr(settings, key) for key in FREE}
    return load_settings(settings.local_folder).model_copy(update=free)


def serve_command(detector: str, reader: str) -> str:
    """Return what serves the pair."""
    return shlex.join(["python", "serve/run.py", "--detection", detector, "--recognition", reader])

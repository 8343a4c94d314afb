"""Detector and reader of photos in one command: two studies under one name, then both measured together.

STORAGE/NAME/detection/      the study of the detector; its bundle is detection/best
STORAGE/NAME/recognition/    that of the reader, on the lines that this detector finds; recognition/best
STORAGE/NAME/summary.json    both end to end, with intervals
STORAGE/NAME/report.html     the photos, the worst first, and whether finding or reading failed
"""

import json
import shlex
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from search.preflight.data import source_of
from search.records.result import require_winner
from search.settings import ASKED, PHOTOS, StudySettings
from search.storage.beginning import has_begun
from search.storage.files import SUMMARY_FILE
from search.study import run_study
from spaces.space import load_space
from train.bundle import MANIFEST, load_bundle
from train.config import TrialConfig, config_error, config_from_mapping
from train.cut import Cut
from train.data.folders.unpacked import caching_in
from train.data.photos.lines import is_line
from train.data.photos.regions import regions_of
from train.data.sample import Sample
from train.end_to_end.cut_choice import choose_cut
from train.end_to_end.finder import ModelFinder
from train.end_to_end.photos import (
    PhotoScores,
    add_counts,
    count_photos,
    describe_faults,
    photo_page,
    read_photos,
    score_photos,
)
from train.errors import DataError, UsageError
from train.models import MODELS
from train.scoring.regions import AS_LABELLED, RegionCounts
from train.sets.found import Quads, boxes_of
from train.sets.read import Source, read_photo_splits
from train.system.cli import INTERRUPTED
from train.system.files import write_whole
from train.trained.readers import Read, read

DETECTION, RECOGNITION, REPORT = "detection", "recognition", "report.html"
DETECTION_SHARE, MEASURING_SHARE = 0.35, 0.05
"""Of the time budget: for the detector, and for measuring both in the end; the reader has the rest."""
LEAST_S = 120.0
READER_ALONE = (
    "dictionary",
    "reading",
    "general_labels",
    "general_format",
    "max_forgetting",
    "synthetic_labels",
)
"""Settings that a detector has no use for."""


@dataclass(frozen=True)
class EndToEnd:
    """How photos of a split are read.

    Attributes:
        counts: of all photos together.
    """

    scores: PhotoScores
    counts: RegionCounts

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return self.scores.as_dict() | {"faults": describe_faults(self.counts)}


def search_photos(asked: StudySettings, resume: bool) -> int:
    """Do what `run_photos` does, and return the command's exit status."""
    try:
        run_photos(asked, resume)
    except KeyboardInterrupt:
        print(f"interrupted; go on with: {asked.resume_command}", file=sys.stderr)
        return INTERRUPTED
    return 0


def run_photos(asked: StudySettings, resume: bool) -> None:
    """Train a detector, then a reader on what it finds, and measure both; `resume` goes on where it was interrupted.

    Raises:
        UsageError, DataError: before any work, for settings or photos that cannot be used.
    """
    started, folder = time.time(), asked.local_folder
    asked = _begin(asked, resume)
    detector = asked.detection or _run(detection_settings(asked))
    reader = _run(recognition_settings(asked, detector, time.time() - started))
    found = measure(asked, detector, reader, folder)
    for name, one in found.items():
        faults = describe_faults(one.counts)
        print(f"{name}: {one.scores}{f'; texts: {faults}' if faults else ''}", flush=True)
    summary = {
        "task": PHOTOS,
        "name": asked.name,
        "detector": detector,
        "reader": reader,
        "cut": _config(reader).cut.model_dump(),
        **{name: one.as_dict() for name, one in found.items()},
        "wall_seconds": time.time() - started,
        "commands": {"serve": serve_command(detector, reader)},
    }
    write_whole(folder / SUMMARY_FILE, json.dumps(summary, indent=1, ensure_ascii=False))
    print(f"report: {folder / REPORT}\nserve: {serve_command(detector, reader)}")


def _begin(asked: StudySettings, resume: bool) -> StudySettings:
    """Return the settings of the two studies, checked and written down; those of one that is resumed are read."""
    path = asked.local_folder / ASKED
    if path.exists() != resume:
        rule = "--resume needs a study of that name" if resume else "a study's name must be new"
        remedy = "leave out --resume" if resume else "add --resume, or choose another --name"
        raise UsageError(rule, f"{asked.name} in {asked.storage}", remedy)
    if resume:
        with config_error(str(path)):
            begun = StudySettings.model_validate_json(path.read_bytes())
        budget = asked.time_budget_s or begun.time_budget_s
        return begun.model_copy(update={"storage": asked.storage, "time_budget_s": budget})
    check_photos(asked)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, asked.model_dump_json(indent=2))
    return asked


def check_photos(asked: StudySettings) -> None:
    """Raise UsageError or DataError for what cannot be trained on."""
    if asked.remote or asked.fork:
        value = asked.storage if asked.remote else f"--fork {asked.fork}"
        raise UsageError("--task photos takes a folder as --storage, and no --fork", value, "leave it out")
    if asked.data is None and not asked.labels:
        raise UsageError("--task photos needs photos with regions", "no data", "name a folder with --data")
    if asked.time_budget_s and asked.time_budget_s < LEAST_S:
        rule = f"--time-budget must be at least {LEAST_S:.0f} s for two studies"
        raise UsageError(rule, f"{asked.time_budget_s:g} s", "give it more")
    splits = read_photo_splits(source_of(_reader(asked)))[0]
    texts = sum(is_line(region) for photo in splits.train for region in regions_of(photo.text, photo.source))
    if not texts:
        raise DataError(
            "photos must have texts to train a reader on",
            f"none in {len(splits.train)} training photos",
            "write the texts of their regions, or search a detector alone: --task detection",
        )


def detection_settings(asked: StudySettings) -> StudySettings:
    """Return the settings of the detector's study."""
    budget = asked.time_budget_s and DETECTION_SHARE * asked.time_budget_s
    nothing = {name: StudySettings.model_fields[name].default for name in (*READER_ALONE, "upright")}
    return _part(asked, DETECTION, {**nothing, "general_options": {}, "time_budget_s": budget})


def recognition_settings(asked: StudySettings, detector: str, elapsed_s: float) -> StudySettings:
    """Return the settings of the reader's study, `elapsed_s` after the beginning."""
    budget = asked.time_budget_s
    left = budget and max((1 - MEASURING_SHARE) * budget - elapsed_s, LEAST_S / 4)
    return _reader(asked).model_copy(update={"detection": detector, "time_budget_s": left})


def _reader(asked: StudySettings) -> StudySettings:
    return _part(asked, RECOGNITION, {})


def _part(asked: StudySettings, task: str, changes: dict[str, Any]) -> StudySettings:
    named = asked.space if asked.space != PHOTOS else task
    own = str(load_space(named).fixed.get("task", TrialConfig().task)) == task
    models = tuple(model for model in asked.models if MODELS.get(model).task == task)
    place = {"name": task, "storage": str(asked.local_folder), "task": task, "detection": None}
    return asked.model_copy(update={**place, "space": named if own else task, "models": models, **changes})


def _run(settings: StudySettings) -> str:
    """Run a study, or go on with it, and return its bundle; of one that is finished, at once.

    Raises:
        DataError: it left no bundle.
    """
    folder = settings.local_folder
    if not (folder / SUMMARY_FILE).exists():
        print(f"{settings.task_name}: {folder}", flush=True)
        require_winner(run_study(settings, resume=has_begun(folder)))
    if not (folder / "best" / MANIFEST).exists():
        given = f" in its {settings.time_budget_s:.0f} s" if settings.time_budget_s else ""
        raise DataError(
            f"the {settings.task_name}'s study must leave a bundle",
            f"no trial that ended{given}: see {folder / REPORT}",
            "give more --time-budget under another --name, or name a detector with --detection",
        )
    return str(folder / "best")


def measure(asked: StudySettings, detector: str, reader: str, folder: Path) -> dict[str, EndToEnd]:
    """Return how validation and test photos are read end to end, and write a page of the former.

    The cut is chosen again on validation, by the trained reader; another one is written into its bundle.
    """
    source = source_of(_reader(asked))
    splits, finder = read_photo_splits(source)[0], ModelFinder(detector)
    boxes = _boxes(source, splits.val, finder)
    chosen = choose_cut(splits.val, boxes, _bundle(reader), _config(reader).cut)
    print(chosen, flush=True)
    write_cut(Path(reader), chosen.cut)
    pages, counts = _read(splits.val, boxes, reader)
    page = photo_page(f"{asked.name}: validation photos", splits.val, pages, counts)
    write_whole(folder / REPORT, page)
    found = {"validation": _end_to_end(counts)}
    if splits.test:
        found["test"] = _end_to_end(_read(splits.test, _boxes(source, splits.test, finder), reader)[1])
    return found


def _boxes(source: Source, photos: tuple[Sample, ...], finder: ModelFinder) -> list[Quads]:
    with caching_in(source.cache):
        return boxes_of(photos, finder)


def _read(photos: tuple[Sample, ...], boxes: list[Quads], reader: str) -> tuple[Any, list[RegionCounts]]:
    model = _bundle(reader)
    found = [list(quads) for quads in boxes]
    pages = read_photos(photos, found, lambda lines: read(model, lines)[1], model.config.cut)
    return pages, count_photos(photos, pages, AS_LABELLED)


def _end_to_end(counts: list[RegionCounts]) -> EndToEnd:
    return EndToEnd(score_photos(counts), add_counts(counts))


def _bundle(reader: str) -> Read:
    bundle = load_bundle(Path(reader))
    return Read(_config(reader), bundle, text_model=bundle.text_model)


def _config(reader: str) -> TrialConfig:
    return config_from_mapping(load_bundle(Path(reader)).manifest.config, reader)


def write_cut(bundle: Path, how: Cut) -> None:
    """Write how lines are cut for a reader into its bundle."""
    manifest = load_bundle(bundle).manifest
    rest = {name: value for name, value in manifest.settings.items() if name != "cut"}
    settings = rest | ({"cut": how.changes()} if how.changes() else {})
    config = manifest.config | {"cut": how.model_dump()}
    changed = replace(manifest, config=config, settings=settings)
    if changed != manifest:
        write_whole(bundle / MANIFEST, json.dumps(asdict(changed), ensure_ascii=False, indent=1))


def serve_command(detector: str, reader: str) -> str:
    """Return what serves the pair."""
    return shlex.join(["python", "serve/run.py", "--detection", detector, "--recognition", reader])

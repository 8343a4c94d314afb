"""From what the user names to decoded splits: read, check, split and decode, once per study."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ray

from search.records.facts import BadSample, DataSummary
from search.settings import StudySettings, machine_cpus
from train.data.checking import cheap_check, usable
from train.data.dataset import Dataset
from train.data.decoding import CACHE, Decoding
from train.data.formats import load, load_file
from train.data.sample import Sample
from train.data.split import Splits, make_splits
from train.data.synthetic import make_vin_dataset
from train.loop import TrainingData
from train.memory import available_bytes
from train.sets.extra import load_extra
from train.sets.general import General, load_general
from train.tasks import TASKS, Task

EMBEDDED_FOLDER = "embedded-vin"
EMBEDDED = {"count_train": 400, "count_val": 120, "count_test": 120, "seed": 7}
Sets = Mapping[str, tuple[Sample, ...]]


@dataclass(frozen=True)
class StudyData:
    """Decoded images and where they came from; `test` is None where there is no test split."""

    training: TrainingData
    test: Dataset | None
    summary: DataSummary


def task_of(settings: StudySettings) -> type[Task]:
    """Return the task of a study."""
    return TASKS.get(settings.task_name)


def prepare_splits(settings: StudySettings) -> tuple[Splits, tuple[BadSample, ...]]:
    """Read and check the labels; raise DataError with the list of faults if there are too many."""
    task, options = task_of(settings), settings.data_options
    if settings.labels:
        paths = settings.labels.items()
        given = {name: load_file(Path(path), options, tasks=task.formats) for name, path in paths}
    else:
        given = load(source_folder(settings), options, tasks=task.formats)[1]
    splits = make_splits(
        given, settings.seed, test_fraction=settings.test_fraction, classes=task.classes, text_of=task.text_of
    )
    checks = task.checks()
    report = cheap_check(splits, checks)
    kept = usable(splits, report, settings.allow_bad, checks.repaired)
    bad = {f.sample.source: f"{f.rule}: {f.value}" for f in report.errors}
    return kept, tuple(BadSample(source=source, reason=reason) for source, reason in bad.items())


def prepare_general(settings: StudySettings, splits: Splits, bad: int) -> General | None:
    """Read, split and check the general lines; None without any. `bad` samples were already gone on without."""
    if settings.general_labels is None:
        return None
    path, allowed = Path(settings.general_labels), max(0, settings.allow_bad - bad)
    task = task_of(settings)
    return load_general(path, splits, settings.seed, task, settings.general_options, allowed)


def source_folder(settings: StudySettings) -> Path:
    """Return the data folder, drawing the embedded default first if none is named."""
    if settings.data is not None:
        return Path(settings.data)
    folder = settings.local_folder.parent / EMBEDDED_FOLDER
    make_vin_dataset(folder, **EMBEDDED)
    return folder


def prepare_synthetic(settings: StudySettings, bad: int) -> tuple[Sets, tuple[BadSample, ...]]:
    """Read and check the synthetic lines, if there are some. `bad` samples were already gone on without."""
    if settings.synthetic_labels is None:
        return {}, ()
    samples, wrong = load_extra(
        Path(settings.synthetic_labels), max(0, settings.allow_bad - bad), task_of(settings)
    )
    left_out = {f.sample.source: f"{f.rule}: {f.value}" for f in wrong}
    return {"synthetic": samples}, tuple(BadSample(source=s, reason=r) for s, r in left_out.items())


@dataclass(frozen=True)
class Prepared:
    """Checked samples of every set of a study.

    Attributes:
        sets: by name: the splits, and what there is of `general`, `replay` and `synthetic`.
        origins: where each came from.
        left_out: what was wrong with others.
        repaired: number of samples of the splits whose labels were put right.
    """

    sets: Sets
    origins: Mapping[str, str]
    left_out: tuple[BadSample, ...]
    repaired: int = 0


def prepare(settings: StudySettings) -> Prepared:
    """Read, split and check everything that is labelled; raise DataError for what cannot be used."""
    splits, bad = prepare_splits(settings)
    sets, origins = dict(splits.items()), dict(splits.origin)
    general = prepare_general(settings, splits, len(bad))
    if general is not None:
        sets |= {"general": general.scored, "replay": general.replay}
        origins |= dict.fromkeys(("general", "replay"), f"made: half of {general.origin}, grouped by text")
        bad += tuple(BadSample(source=source, reason=why) for source, why in general.left_out.items())
    synthetic, wrong = prepare_synthetic(settings, len(bad))
    origins |= dict.fromkeys(synthetic, "mixed into the batches")
    return Prepared({**sets, **synthetic}, origins, bad + wrong, splits.repaired)


def decode_sets(settings: StudySettings, prepared: Prepared) -> StudyData:
    """Decode every image once."""
    how = decoding(settings)
    if how.in_files(prepared.sets):
        print(f"decoded {task_of(settings).terms.samples} are mapped from {how.folder}", flush=True)
    parts = how.decode(prepared.sets)
    summary = DataSummary(
        path=settings.data or ("label files" if settings.labels else "embedded default: drawn VIN lines"),
        samples={name: len(part) for name, part in parts.items()},
        origins=dict(prepared.origins),
        left_out=prepared.left_out,
        repaired=prepared.repaired,
    )
    test = parts.pop("test", None)
    return StudyData(TrainingData(**parts), test, summary)


def decoding(settings: StudySettings) -> Decoding:
    """Return where this study keeps its decoded lines; Ray's smallest object store has to hold those in memory."""
    folder = Path(settings.cache) if settings.cache else settings.local_folder.parent / CACHE
    room = available_bytes()
    if ray.is_initialized():
        stores = (node["Resources"].get("object_store_memory") for node in ray.nodes() if node["Alive"])
        room = min(room, *(int(size) for size in stores if size))
    return Decoding(folder, settings.decode_to, room, machine_cpus(), task_of(settings).stored)

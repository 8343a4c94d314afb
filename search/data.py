"""From what the user names to decoded splits: read, check, split and decode, once per study."""

from dataclasses import dataclass
from pathlib import Path

from search.results import BadSample, DataSummary
from search.settings import StudySettings, machine_cpus
from train.data.check import cheap_check, usable
from train.data.dataset import Dataset, decode_samples
from train.data.formats import load, load_file
from train.data.general import General, load_general
from train.data.rules import ppocr_steps
from train.data.split import Splits, make_splits
from train.data.synthetic import make_vin_dataset
from train.loop import TrainingData

EMBEDDED_FOLDER = "embedded-vin"
EMBEDDED = {"count_train": 400, "count_val": 120, "count_test": 120, "seed": 7}


@dataclass(frozen=True)
class StudyData:
    """Decoded lines and where they came from; `test` is None where there is no test split."""

    training: TrainingData
    test: Dataset | None
    summary: DataSummary


def prepare_splits(settings: StudySettings) -> tuple[Splits, tuple[BadSample, ...]]:
    """Read and check the labels; raise DataError with the list of faults if there are too many."""
    if settings.labels:
        given = {name: load_file(Path(path), settings.data_options) for name, path in settings.labels.items()}
    else:
        given = load(source_folder(settings), settings.data_options)[1]
    splits = make_splits(given, settings.seed, test_fraction=settings.test_fraction)
    report = cheap_check(splits, steps=ppocr_steps)
    kept = usable(splits, report, settings.allow_bad)
    bad = {f.sample.source: f"{f.rule}: {f.value}" for f in report.errors}
    return kept, tuple(BadSample(source=source, reason=reason) for source, reason in bad.items())


def prepare_general(settings: StudySettings, splits: Splits, bad: int) -> General | None:
    """Read, split and check the general lines; None without any. `bad` samples were already gone on without."""
    if settings.general_labels is None:
        return None
    path, allowed = Path(settings.general_labels), max(0, settings.allow_bad - bad)
    return load_general(path, splits, settings.seed, settings.general_options, allowed)


def source_folder(settings: StudySettings) -> Path:
    """Return the data folder, drawing the embedded default first if none is named."""
    if settings.data is not None:
        return Path(settings.data)
    folder = settings.local_folder.parent / EMBEDDED_FOLDER
    make_vin_dataset(folder, **EMBEDDED)
    return folder


def decode_splits(
    settings: StudySettings, splits: Splits, bad: tuple[BadSample, ...], general: General | None = None
) -> StudyData:
    """Decode every image once."""
    named, origins = dict(splits.items()), dict(splits.origin)
    if general is not None:
        named |= {"general": general.scored, "replay": general.replay}
        origins |= dict.fromkeys(("general", "replay"), f"made: half of {general.origin}, grouped by text")
        bad += tuple(BadSample(source=source, reason=why) for source, why in general.left_out.items())
    parts = {name: decode_samples(samples, machine_cpus()) for name, samples in named.items()}
    summary = DataSummary(
        path=settings.data or ("label files" if settings.labels else "embedded default: drawn VIN lines"),
        samples={name: len(part) for name, part in parts.items()},
        origins=origins,
        left_out=bad,
    )
    training = TrainingData(parts["train"], parts["val"], parts.get("general"), parts.get("replay"))
    return StudyData(training, parts.get("test"), summary)

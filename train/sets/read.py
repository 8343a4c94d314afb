"""Labels to checked samples: read, split, check and mend, the same for a search and for one training.

label files -> given splits -> train, val, test -> without what has errors -> and general, replay, synthetic
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from train.cut import PADDLEOCR, Cut
from train.data.batching.versions import VERSIONS
from train.data.checks.checking import keep_usable
from train.data.checks.evidence import share_with_unseen, tell_documents, tell_made, tell_unseen
from train.data.folders.documents import Documents
from train.data.folders.notes import note
from train.data.folders.unpacked import caching_in
from train.data.formats.loading import load_file
from train.data.formats.named import Named, load_alone, load_named
from train.data.sample import Sample
from train.data.split import Splits, given_splits, make_splits
from train.errors import DataError, OcrError, UsageError
from train.sets.dictionary import Dictionary, read_dictionary
from train.sets.found import Finder, FoundLines, cut_as_found
from train.sets.general import split_general
from train.tasks import TASKS, Task

TAUGHT = ("train", "synthetic")
"""The sets whose characters a network is to learn."""


@dataclass(frozen=True)
class Source:
    """Where the samples of a run come from.

    Attributes:
        data: a folder, or the label files of each split.
        task: what the labels are for.
        format: how the labels are written; None to detect it.
        options: what the data format's reader takes.
        general_labels: label file of lines that show what is forgotten; None for none.
        general_format: how they are written; None to detect it.
        general_options: what its format's reader takes.
        synthetic_labels: label file of drawn lines; None for none.
        seed: decides what is carved from the training samples.
        test_fraction: share of them that becomes the test split where none is given.
        allow_bad: samples with errors to go on without, in all files together.
        cache: folder for images that are cut or unpacked; None for the user's cache.
        dictionary: file of characters that a network is to write, `none` for none; None for that beside the data.
        group_by: regular expression that finds an image's document in its path; None for what labels and names tell.
        finder: the detector that finds the lines in photos; None for lines as they are labelled.
        cut: how what it finds is cut out.
        begun: whether a study or run goes on with them: what it began with is not refused.
    """

    data: Named
    task: type[Task]
    format: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    general_labels: Path | None = None
    general_format: str | None = None
    general_options: Mapping[str, str] = field(default_factory=dict)
    synthetic_labels: Path | None = None
    seed: int = 0
    test_fraction: float = 0.1
    allow_bad: int = 0
    cache: Path | None = None
    dictionary: str | None = None
    group_by: str | None = None
    finder: Finder | None = None
    cut: Cut = PADDLEOCR
    begun: bool = False


@dataclass(frozen=True)
class Sets:
    """Checked samples of every set of a run.

    Attributes:
        samples: by set: the splits, and `versions`, `general`, `replay` and `synthetic` where there are such samples.
        origins: where each set came from.
        left_out: samples that have errors: source -> rule and value.
        repaired: number of samples of the splits whose labels were put right.
        messages: a line on each split that was made (`train.data.checks.evidence`), and on what a detector finds.
        dictionary: of the domain; None for none.
        documents: what each image is of; empty where no documents are known.
        unseen: about which share of further samples will hold a character that no training label has; 0 for a task
            that does not spell.
    """

    samples: Mapping[str, Sequence[Sample]]
    origins: Mapping[str, str]
    left_out: Mapping[str, str]
    repaired: int = 0
    messages: tuple[str, ...] = ()
    dictionary: Dictionary | None = None
    documents: Documents = field(default_factory=dict)
    unseen: float = 0.0

    @property
    def characters(self) -> tuple[str, ...]:
        """The dictionary's; none without one."""
        return self.dictionary.characters if self.dictionary else ()


def read_sets(source: Source) -> Sets:
    """Read every label file of a run; raise DataError for what cannot be used, with the list of faults."""
    splits, left_out, found = read_lines(source)
    samples, origins = dict(splits.items()), dict(splits.origin)
    if found is not None:
        samples[VERSIONS] = tuple(found.pictures)
        origins[VERSIONS] = "of the training lines, one after the other"
    if source.general_labels is not None:
        with caching_in(source.cache):
            general, faults = _read_general(source, source.general_labels, splits, len(left_out))
        samples |= {"general": general.val, "replay": general.train}
        origins |= general.origin
        left_out |= faults
    if source.synthetic_labels is not None:
        drawn, faults = _read_synthetic(source, source.synthetic_labels, splits, len(left_out))
        samples["synthetic"] = drawn.train
        origins["synthetic"] = "mixed into the batches"
        left_out |= faults
    taught = (sample.text for name in TAUGHT for sample in samples.get(name, ()))
    dictionary = read_dictionary(source.dictionary, source.data, source.task, taught)
    made = tell_made(splits, source.task.classes, source.task.text_of)
    messages = [f"{name}: {line} ({splits.origin[name]})" for name, line in made.items()]
    messages += found.messages if found else ()
    unseen = share_with_unseen(splits) if source.task.spells else 0.0
    return Sets(
        samples,
        origins,
        left_out,
        splits.repaired,
        (*messages, *tell_documents(splits), *tell_unseen(unseen, source.task.terms.samples)),
        dictionary,
        splits.documents,
        unseen,
    )


def check_others(source: Source) -> None:
    """Raise UsageError or DataError for general lines, drawn lines or a dictionary that a run cannot use."""
    if source.general_labels is not None:
        with caching_in(source.cache):
            _read_general(source, source.general_labels, Splits((), (), (), {}), 0)
    if source.synthetic_labels is not None:
        _read_synthetic(source, source.synthetic_labels, Splits((), (), (), {}), 0)
    read_dictionary(source.dictionary, source.data, source.task, ())


def read_splits(source: Source) -> tuple[Splits, dict[str, str]]:
    """Return the usable samples of train, val and test, and what is wrong with the others."""
    return read_lines(source)[:2]


def read_lines(source: Source) -> tuple[Splits, dict[str, str], FoundLines | None]:
    """Return what `read_splits` does, and where a detector finds the lines, what it found."""
    if source.finder is None:
        return *_read_labels(source, source.task), None
    if source.task.formats[0] != "recognition":
        raise UsageError("--detection finds lines for a reader", source.finder.name, "leave it out")
    photos, faults = read_photo_splits(source)
    with caching_in(source.cache):
        found = cut_as_found(photos, source.finder, source.cut, source.seed)
    splits, left_out = keep_usable(found.splits, source.task.checks(), max(0, source.allow_bad - len(faults)))
    return splits, faults | left_out, found


def read_photo_splits(source: Source) -> tuple[Splits, dict[str, str]]:
    """Return the photos with regions of each split, and what is wrong with the others: as a detector's run has them."""
    return _read_labels(source, TASKS.get("detection"))


def _read_labels(source: Source, task: type[Task]) -> tuple[Splits, dict[str, str]]:
    with caching_in(source.cache):
        given = load_named(source.data, source.options, source.format, task.formats)[1]
    splits = make_splits(
        given,
        source.seed,
        test_fraction=source.test_fraction,
        classes=task.classes,
        text_of=task.text_of,
        group_by=source.group_by,
    )
    return keep_usable(splits, task.checks(), source.allow_bad)


def _read_general(source: Source, path: Path, domain: Splits, bad: int) -> tuple[Splits, dict[str, str]]:
    """Return the general samples, those to score as `val` and those to train on as `train`."""
    with options_are_called("general"):
        samples = load_file(path, source.general_options, source.general_format, source.task.formats)
    scored, replay = split_general(samples, domain, source.seed, source.task.classes)
    origins = dict.fromkeys(("general", "replay"), f"made: half of {path.name}, grouped by text")
    splits = Splits(tuple(replay), tuple(scored), (), origins)
    return keep_usable(splits, source.task.checks(), max(0, source.allow_bad - bad))


@contextmanager
def options_are_called(prefix: str) -> Iterator[None]:
    """Name the options of other labels than the data's in a remedy: `--general-format`, not `--format`."""
    try:
        yield
    except OcrError as error:
        for option in ("format", "option"):
            error.remedy = error.remedy.replace(f"--{option}", f"--{prefix}-{option}")
        error.remedy = error.remedy.replace("--root DIR", f"--{prefix}-option root=DIR")
        raise


def _read_synthetic(source: Source, path: Path, domain: Splits, bad: int) -> tuple[Splits, dict[str, str]]:
    """Return the drawn samples, which are checked as training samples are; DataError for a file that is scored."""
    splits = given_splits({"train": load_alone(path, source.task.formats)})
    scored = {sample.path for sample in (*domain.val, *domain.test)}
    if held := [sample for sample in splits.train if sample.path in scored]:
        fault = DataError(
            "drawn lines must not be the same files as validation's or test's",
            f"{len(held)} of {path}, the first: {held[0].source}",
            "name other lines with --synthetic-labels: a score on what was trained on says nothing",
        )
        if not source.begun:
            raise fault
        note(str(fault))
    return keep_usable(splits, source.task.checks(), max(0, source.allow_bad - bad))

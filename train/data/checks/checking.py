"""What speaks against training on labelled images, and the samples that are left."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from train.data.checks.allowed import require_few, require_some
from train.data.checks.copies import tell_copies, tell_shared_documents, tell_shared_texts
from train.data.checks.findings import CheckReport, Finding, place, report_of
from train.data.checks.rules import Checks, as_it_is, repeated_images
from train.data.folders.notes import note
from train.data.formats import SPLITS
from train.data.pictures.alpha import FLAT, measure_span
from train.data.pictures.decoding import decode_picture
from train.data.pictures.errors import PictureError
from train.data.pictures.whole import require_whole
from train.data.sample import Sample
from train.data.split import Splits
from train.data.texts.repairs import REPAIRS

NO_IMAGE = frozenset({"missing_file", "unreadable", "too_large"})
BROKEN = NO_IMAGE | {"truncated", "resized"}
"""The rules of which an image that breaks one is of no use to anybody."""
TOLD = (REPAIRS.keys() | {"no_character", "mixed_directions", "placeholder", "spreadsheet"}) - {"decomposed"}
"""Rules of texts of which every command tells: labels that break them are learnt as they are."""
TOLD_OF_IMAGES = ("duplicate", "several_pictures", "tiny")
"""Further rules of which every command tells."""
THREADS = 2


def check(splits: Splits, checks: Checks, deep: bool = True) -> CheckReport:
    """Return everything that speaks against training on `splits`.

    Args:
        splits: labelled images.
        checks: the rules of their task (`Task.checks`).
        deep: decode every image, so that broken and equal ones are found; else only the headers are read.
    """
    found = [
        finding
        for name, samples in splits.items()
        for sample in samples
        for finding in checks.sample(name, sample)
    ]
    found += checks.splits(splits)
    found += (
        _deep_findings(splits, checks, found) if deep else repeated_images(splits, lambda sample: sample.path)
    )
    return report_of(splits, found, deep, checks.contents)


def cheap_check(splits: Splits, checks: Checks) -> CheckReport:
    """Return what labels and headers alone show: for the start of a search, some seconds for 100,000 images."""
    return check(splits, checks, deep=False)


def drop_faulty(
    splits: Splits, report: CheckReport, allow_bad: int, repaired: Callable[[Sample], Sample] = as_it_is
) -> Splits:
    """Return the splits without the samples that have errors, the others repaired where they can be.

    Args:
        splits: labelled images.
        report: of their check.
        allow_bad: at more bad samples DataError is raised.
        repaired: what can be put right without asking (`Checks.repaired`).
    """
    bad = {(finding.split, finding.sample): finding for finding in reversed(report.errors)}
    require_few([f"{f.rule}: {place(f)}  {f.value}" for f in list(bad.values())[::-1]], allow_bad)
    parts = {
        name: tuple(sample for sample in samples if (name, sample) not in bad)
        for name, samples in splits.items()
    }
    require_some({name: len(samples) for name, samples in parts.items()})
    mended = {name: tuple(map(repaired, samples)) for name, samples in parts.items()}
    changed = sum(
        old != new or new.written is not None
        for name in parts
        for old, new in zip(parts[name], mended[name], strict=True)
    )
    train, val, test = (mended.get(name, ()) for name in SPLITS)
    return replace(splits, train=train, val=val, test=test, repaired=changed)


def keep_usable(splits: Splits, checks: Checks, allow_bad: int) -> tuple[Splits, dict[str, str]]:
    """Return the samples without errors after a `cheap_check`, and of the others source -> rule and value."""
    report = cheap_check(splits, checks)
    _note_images(report)
    _note_texts(report)
    kept = drop_faulty(splits, report, allow_bad, checks.repaired)
    has_texts = "text_in_two_splits" in report.by_rule()
    texts = tell_shared_texts(kept) if has_texts else ()
    for line in (*tell_copies(kept), *texts, *tell_shared_documents(kept)):
        note(line)
    return kept, {f.sample.source: f"{f.rule}: {f.value}" for f in report.errors}


def _note_images(report: CheckReport) -> None:
    """Say what images show that is no error."""
    found = report.by_rule()
    if told := ", ".join(f"{rule} {len(found[rule])}" for rule in TOLD_OF_IMAGES if rule in found):
        note(f"worth a look: {told}; python -m train.data.check shows them")


def _note_texts(report: CheckReport) -> None:
    """Say which rules of texts labels break, and how many lines are upright."""
    counts = {rule: len(found) for rule, found in report.by_rule().items() if rule in TOLD}
    if upright := len(report.by_rule().get("upright", ())):
        note(f"upright lines, which are turned where `upright: turn` says so (docs/data.md): {upright}")
    if counts:
        told = ", ".join(f"{rule} {count}" for rule, count in counts.items())
        note(f"labels look right and are not: {told}; python -m train.data.check shows them")


def _deep_findings(splits: Splits, checks: Checks, found: Sequence[Finding]) -> Iterator[Finding]:
    lost = {finding.sample.path for finding in found if finding.rule in NO_IMAGE}
    paths = list({sample.path for _, samples in splits.items() for sample in samples} - lost)
    with ThreadPoolExecutor(THREADS) as pool:
        looked = dict(zip(paths, pool.map(_look, paths), strict=True))
    for name, samples in splits.items():
        for sample in samples:
            look = looked.get(sample.path, NOTHING)
            if look.rule and (look.rule != BLANK or any(checks.contents.texts(sample))):
                yield Finding(look.rule, name, sample, look.value)
    yield from repeated_images(splits, lambda sample: looked.get(sample.path, NOTHING).digest)


class _Look(NamedTuple):
    """What decoding an image shows: a digest of its pixels, and the rule that it breaks."""

    digest: bytes | None
    rule: str = ""
    value: str = ""


NOTHING = _Look(None)
BLANK = "no_contrast"


def _look(path: Path) -> _Look:
    try:
        data = path.read_bytes()
        image, header = decode_picture(data)
        if header.kind == "jpeg":
            require_whole(data)
    except PictureError as error:
        return _Look(None, error.finding, f"{path}: {error.value}")
    except OSError as error:
        return _Look(None, "unreadable", f"{path}: {error.strerror}")
    levels = measure_span(image)
    if levels < FLAT:  # blank pictures are equal by accident
        return _Look(None, BLANK, f"{levels + 1} of 256 levels")
    digest = hashlib.blake2b(image.tobytes() + repr(image.shape).encode(), digest_size=16).digest()
    return _Look(digest)

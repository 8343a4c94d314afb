"""What speaks against training on labelled images, and the samples that are left."""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from train.data import images
from train.data.checks.findings import CheckReport, Finding, place, report_of
from train.data.checks.rules import Checks, as_it_is, repeated_images
from train.data.formats import SPLITS
from train.data.sample import Sample
from train.data.split import Splits
from train.errors import DataError

LISTED = 20
NO_IMAGE = frozenset({"missing_file", "unreadable"})
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
    found += _deep_findings(splits, found) if deep else repeated_images(splits, lambda sample: sample.path)
    return report_of(splits, found, deep, checks.contents)


def cheap_check(splits: Splits, checks: Checks) -> CheckReport:
    """Return what labels and headers alone show: for the start of a search, some seconds for 100,000 images."""
    return check(splits, checks, deep=False)


def usable(
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
    if len(bad) > allow_bad:
        listed = [f"  {f.rule}: {place(f)}  {f.value}" for f in list(bad.values())[::-1][:LISTED]]
        raise DataError(
            f"at most {allow_bad} samples may have errors",
            "\n".join([f"{len(bad)}:", *listed]),
            "mend them (python -m train.data.check lists all), or allow that many to be left out",
        )
    parts = {
        name: tuple(sample for sample in samples if (name, sample) not in bad)
        for name, samples in splits.items()
    }
    if emptied := [name for name, samples in parts.items() if not samples]:
        raise DataError(
            "each split must hold usable samples", f"none in {', '.join(emptied)}", "mend its labels"
        )
    mended = {name: tuple(map(repaired, samples)) for name, samples in parts.items()}
    changed = sum(a != b for name in parts for a, b in zip(parts[name], mended[name], strict=True))
    train, val, test = (mended.get(name, ()) for name in SPLITS)
    return Splits(train, val, test, splits.origin, changed)


def keep_usable(splits: Splits, checks: Checks, allow_bad: int) -> tuple[Splits, dict[str, str]]:
    """Return the `usable` samples after a `cheap_check`; and of the others source -> rule and value."""
    report = cheap_check(splits, checks)
    kept = usable(splits, report, allow_bad, checks.repaired)
    return kept, {f.sample.source: f"{f.rule}: {f.value}" for f in report.errors}


def _deep_findings(splits: Splits, found: Sequence[Finding]) -> Iterator[Finding]:
    lost = {finding.sample.path for finding in found if finding.rule in NO_IMAGE}
    paths = list({sample.path for _, samples in splits.items() for sample in samples} - lost)
    with ThreadPoolExecutor(THREADS) as pool:
        looked = dict(zip(paths, pool.map(_look, paths), strict=True))
    for name, samples in splits.items():
        for sample in samples:
            _, broken = looked.get(sample.path, (None, ""))
            if broken:
                yield Finding(broken, name, sample, str(sample.path))
    yield from repeated_images(splits, lambda sample: looked.get(sample.path, (None, ""))[0])


def _look(path: Path) -> tuple[bytes | None, str]:
    """Return a digest of an image's pixels, or the rule that it breaks."""
    try:
        data = path.read_bytes()
        image = images.decode(data, str(path))
    except (OSError, DataError):
        return None, "unreadable"
    digest = hashlib.blake2b(image.tobytes() + repr(image.shape).encode(), digest_size=16).digest()
    return digest, "truncated" if _breaks_off(data) else ""


def _breaks_off(data: bytes) -> bool:
    """Tell whether a JPEG ends early, which OpenCV fills with grey instead of refusing it."""
    if not data.startswith(b"\xff\xd8"):
        return False
    try:
        Image.open(io.BytesIO(data)).load()
    except OSError:
        return True
    return False

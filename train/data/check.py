"""Is this data fit to train on? `python -m train.data.check DIR` says what is not, and where."""

import argparse
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from train.cli import main_guard
from train.config import TrialConfig
from train.data import images
from train.data.arguments import add_format_arguments, add_task_argument, options_of
from train.data.charset_file import read_characters
from train.data.contact_sheet import contact_sheet
from train.data.findings import RULES, CheckReport, Finding, as_json, as_text, place, report_of
from train.data.formats import SPLITS, load
from train.data.rules import Checks, as_it_is, repeated_images
from train.data.sample import Sample
from train.data.split import Splits, given_splits
from train.errors import DataError
from train.tasks import TASKS

DOMAIN = "domain"
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


def main(arguments: Sequence[str]) -> int:
    """Check the data that the command line names; return 1 where it has errors."""
    options = _parser().parse_args(arguments)
    task = TASKS.get(options.task)
    name, given = load(options.data, options_of(options.option), options.format, task.formats)
    splits = given_splits(given)
    checks = task.checks(_characters(options.model_charset))
    report = check(splits, checks, deep=not options.headers_only)
    print(f"{options.data}: {name}\n\n{as_text(report)}")
    if options.json:
        _write(options.json, json.dumps(as_json(report), ensure_ascii=False, indent=1))
    if options.html:
        _write(options.html, contact_sheet(str(options.data), splits, report, options.seed, checks.picture))
    return 1 if report.errors else 0


def _parser() -> argparse.ArgumentParser:
    rules = "\n".join(f"  {name:20} {rule.severity:8} {rule.broken}" for name, rule in RULES.items())
    parser = argparse.ArgumentParser(
        prog="python -m train.data.check",
        description="Check labelled images before training.",
        epilog=f"rules:\n{rules}\n\nexit status: 0 no errors, 1 errors, 2 bad usage",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DIR", help="a data folder, or one label file")
    add_task_argument(parser, TrialConfig().task)
    add_format_arguments(parser)
    parser.add_argument(
        "--model-charset",
        default=DOMAIN,
        metavar="domain|FILE",
        help="the characters a model can write: those of the labels (default), or a dictionary file",
    )
    parser.add_argument("--headers-only", action="store_true", help="do not decode: quick, but finds less")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all findings for machines")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page with findings and images")
    parser.add_argument("--seed", type=int, default=0, help="which images the page shows (default: 0)")
    return parser


def _characters(charset: str) -> frozenset[str] | None:
    """Return a dictionary file's characters and the space, which PaddleOCR's models add by themselves."""
    return None if charset == DOMAIN else frozenset((*read_characters(Path(charset)), " "))


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(content, encoding="utf-8", errors="surrogatepass")
    partial.replace(path)


if __name__ == "__main__":
    main_guard(main)

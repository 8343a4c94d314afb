"""Is this data fit to train on? `python -m train.data.check DIR` says what is not, and where."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    from train.cli import main_guard

    main_guard("train.data.check")

from train.config import TrialConfig
from train.data.arguments import add_format_arguments, options_of
from train.data.charset_file import read_characters
from train.data.checks.checking import check
from train.data.checks.contact_sheet import contact_sheet
from train.data.checks.findings import RULES, as_json, as_text
from train.data.evidence import tell_missing
from train.data.formats import load
from train.data.notes import collected_notes
from train.data.split import given_splits
from train.files import write_whole
from train.sets.arguments import add_task_argument
from train.tasks import TASKS

DOMAIN = "domain"


def main(arguments: Sequence[str]) -> int:
    """Check the data that the command line names; return 1 where it has errors."""
    options = _parser().parse_args(arguments)
    task = TASKS.get(options.task)
    with collected_notes() as notes:
        name, given = load(options.data, options_of(options.option), options.format, task.formats)
    splits = given_splits(given)
    checks = task.checks(_characters(options.model_charset))
    report = check(splits, checks, deep=not options.headers_only)
    said = "".join(f"{line}\n" for line in notes)
    print(f"{options.data}: {name}\n{said}\n{as_text(report)}")
    for line in tell_missing(given, options.seed, task.classes, task.text_of):
        print(line)
    if options.json:
        content = as_json(report) | {"notes": notes}
        write_whole(options.json, _encoded(json.dumps(content, ensure_ascii=False, indent=1)))
    if options.html:
        page = contact_sheet(str(options.data), splits, report, options.seed, checks.picture)
        write_whole(options.html, _encoded(page))
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
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="which images the page shows, and which splits would be made (default: 0)",
    )
    return parser


def _characters(charset: str) -> frozenset[str] | None:
    """Return a dictionary file's characters and the space, which PaddleOCR's models add by themselves."""
    return None if charset == DOMAIN else frozenset((*read_characters(Path(charset)), " "))


def _encoded(text: str) -> bytes:
    """Return UTF-8; halves of characters, which labels may hold, are written as they are."""
    return text.encode(errors="surrogatepass")

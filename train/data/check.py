"""Is this data fit to train on? `python -m train.data.check DIR` says what is not, and where."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

if __name__ == "__main__":
    from train.system.cli import main_guard

    main_guard("train.data.check")

from train.config import TrialConfig
from train.data.arguments import (
    add_allow_bad_argument,
    add_format_arguments,
    add_group_argument,
    add_list_arguments,
    add_seed_argument,
    lists_of,
    options_of,
    require_data,
)
from train.data.checks.checking import check
from train.data.checks.contact_sheet import contact_sheet
from train.data.checks.evidence import tell_missing
from train.data.checks.findings import Finding, as_json, as_text
from train.data.checks.rulebook import RULES
from train.data.checks.rules import Checks
from train.data.folders.notes import collected_notes
from train.data.formats.named import load_named, require_apart
from train.data.sample import Sample
from train.data.split import Splits, given_splits
from train.data.texts.charset_file import read_characters
from train.data.texts.forms import normal_form
from train.reading.formats.declared import declared_rules
from train.reading.formats.rules import COMMON, Rule
from train.sets.arguments import add_task_argument
from train.system.cli import Parser
from train.system.files import write_output
from train.system.paths import given_path, require_file
from train.tasks import TASKS

DOMAIN = "domain"
EXIT = "exit status: 0 no errors, or no more than --allow-bad; 1 errors, or no samples; 2 bad usage"


def main(arguments: Sequence[str]) -> int:
    """Check the data that the command line names; return 1 where it has errors."""
    options = parser().parse_args(arguments)
    named, task = require_data(options.data, options), TASKS.get(options.task)
    outputs = {"--json": options.json, "--html": options.html}
    for option, path in outputs.items():
        if path:
            require_file(path, option)
    with collected_notes() as notes:
        name, given = load_named(named, options_of(options.option), options.format, task.formats)
    require_apart(outputs, (sample for part in given.values() for sample in part))
    splits = given_splits(given)
    characters = _characters(options.model_charset)
    checks = with_format(task.checks(characters), declared_rules(None, named), splits)
    report = check(splits, checks, deep=not options.headers_only)
    title = str(
        options.data or ", ".join(str(path) for files in lists_of(options).values() for path in files)
    )
    text = "".join(f"{line}\n" for line in notes)
    dictionary = "" if characters is None else f"; {len(characters)} characters of {options.model_charset}"
    print(f"{title}: {name}{dictionary}\n{text}\n{as_text(report)}")
    for line in tell_missing(given, options.seed, task.classes, task.text_of, options.group_by):
        print(line)
    if options.json:
        content = as_json(report) | {"notes": notes}
        write_output(options.json, json.dumps(content, ensure_ascii=False, indent=1), "--json")
    if options.html:
        page = contact_sheet(title, splits, report, options.seed, checks.picture)
        write_output(options.html, page, "--html")
    bad = len({(f.split, f.sample) for f in report.errors})
    return 1 if bad > options.allow_bad or not any(given.values()) else 0


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    rules = "\n".join(f"  {name:20} {rule.severity:8} {rule.broken}" for name, rule in RULES.items())
    parser = Parser(
        prog="python -m train.data.check",
        description="Check labelled images before training.",
        epilog=f"rules:\n{rules}\n\n{EXIT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "data", type=given_path, nargs="?", metavar="DIR", help="a data folder, or one label file"
    )
    add_list_arguments(parser)
    add_task_argument(parser, TrialConfig().task)
    add_format_arguments(parser)
    add_group_argument(parser)
    add_allow_bad_argument(parser)
    parser.add_argument(
        "--model-charset",
        default=DOMAIN,
        metavar="domain|FILE",
        help="the characters a model can write: those of the labels (default), or a dictionary file",
    )
    parser.add_argument("--headers-only", action="store_true", help="do not decode: quick, but finds less")
    parser.add_argument("--json", type=given_path, metavar="FILE", help="write all findings for machines")
    parser.add_argument(
        "--html", type=given_path, metavar="FILE", help="write a page with findings and images"
    )
    add_seed_argument(parser, "which images the page shows, and which splits would be made", signed=True)
    return parser


def with_format(checks: Checks, rules: Sequence[Rule], splits: Splits) -> Checks:
    """Return the checks with those rules of `format.yaml` that nearly all labels obey."""
    texts = [sample.text for _, samples in splits.items() for sample in samples]
    common = [rule for rule in rules if sum(map(rule.holds, texts)) >= COMMON * len(texts)]

    def found(split: str, sample: Sample) -> Iterator[Finding]:
        yield from checks.sample(split, sample)
        for rule in common:
            if not rule.holds(sample.text):
                yield Finding("other_format", split, sample, f"{sample.text!r} breaks {rule.name}")

    return replace(checks, sample=found) if common else checks


def _characters(charset: str) -> frozenset[str] | None:
    """Return a dictionary file's characters and the space, which PaddleOCR's models add by themselves."""
    return (
        None
        if charset == DOMAIN
        else frozenset((*map(normal_form, read_characters(given_path(charset))), " "))
    )

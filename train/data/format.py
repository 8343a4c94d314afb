"""Which format do labels have? `python -m train.data.format DIR` proposes a format.yaml and lists what breaks it."""

import argparse
from collections.abc import Iterator, Sequence

if __name__ == "__main__":
    from train.system.cli import main_guard

    main_guard("train.data.format")

import yaml

from train.data.arguments import (
    add_format_arguments,
    add_list_arguments,
    add_seed_argument,
    options_of,
    require_data,
)
from train.data.formats.named import load_named
from train.data.sample import Sample
from train.errors import DataError, UsageError
from train.reading.formats.declared import PATTERN
from train.reading.formats.infer import Proposal, propose
from train.reading.formats.rules import COMMON
from train.system.cli import Parser
from train.system.files import write_output
from train.system.paths import given_path, require_file

SHOWN = 20


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(prog="python -m train.data.format", description=__doc__)
    parse.add_argument(
        "data", type=given_path, nargs="?", metavar="DIR", help="a data folder, or one label file"
    )
    add_list_arguments(parse)
    add_format_arguments(parse)
    parse.add_argument("--write", type=given_path, metavar="FILE", help="write the proposal, as format.yaml")
    add_seed_argument(parse, "of the misspelt labels")
    return parse


def main(arguments: Sequence[str]) -> None:
    """Print the proposal, how many labels obey it, and those that do not."""
    options = parser().parse_args(arguments)
    named = require_data(options.data, options)
    if options.write:
        require_file(options.write, "--write")
        if options.write.is_file():
            raise UsageError("--write must be a new file", options.write, "move it away, or name another one")
    given = load_named(named, options_of(options.option), options.format, ("recognition",))[1]
    samples = [sample for part in given.values() for sample in part]
    found = propose([sample.text for sample in samples], options.seed)
    if not found:
        raise DataError(
            "labels must have something in common to propose a format",
            f"{len(samples)} labels",
            "write format.yaml by hand (docs/reading.md)",
        )
    print(as_yaml(found))
    for one in found:
        print(f"# {one.rule.name}: {one.text}")
    for line in list(list_disobeying(found, samples))[:SHOWN]:
        print(f"# {line}")
    if options.write:
        write_output(options.write, as_yaml(found), "--write")


def as_yaml(found: Sequence[Proposal]) -> str:
    """Return a format.yaml of what was found; checks that most labels break are for a person to add."""
    pattern = next((one.rule.pattern for one in found if one.rule.name == PATTERN), None)
    checks = [one.rule.name for one in found if one.rule.name != PATTERN]
    content = ({"pattern": pattern} if pattern else {}) | ({"checks": checks} if checks else {})
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def list_disobeying(found: Sequence[Proposal], samples: Sequence[Sample]) -> Iterator[str]:
    """Yield the labels that break a rule which nearly all obey."""
    for one in found:
        if one.rule.obeying >= COMMON * one.rule.labels:
            for sample in samples:
                if not one.rule.holds(sample.text):
                    yield f"{sample.source}: {sample.text!r} breaks {one.rule.name}"

"""What a run knows of its texts, besides their images."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from train.errors import UsageError
from train.paths import given_path
from train.reading.formats.rules import Rule
from train.tasks import Task

PRECISION = 0.995
FEWEST_LINES, MOST_LINES = 20, 1000
"""Validation lines that a text model is chosen on: with fewer there is none where no format is declared."""


@dataclass(frozen=True)
class TextKnowledge:
    """What is known of the texts of a run.

    Attributes:
        texts: labels of the training lines.
        rules: as declared; none where nothing was.
        seed: of what is drawn.
        precision: share of right texts among those that are to go without a person.
    """

    texts: Sequence[str]
    rules: tuple[Rule, ...] = ()
    seed: int = 0
    precision: float = PRECISION


def add_reading_arguments(parse: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add `--reading` and `--precision`."""
    parse.add_argument(
        "--reading",
        metavar="FILE",
        type=given_path,
        help="what the texts obey: pattern and checks (docs/reading.md; default: format.yaml beside the labels)",
    )
    parse.add_argument(
        "--precision",
        type=float,
        default=PRECISION,
        metavar="SHARE",
        help=f"share of right texts among those that are to go without a person (default {PRECISION})",
    )


def add_decode_argument(parse: argparse.ArgumentParser) -> None:
    """Add `--decode`."""
    parse.add_argument(
        "--decode",
        choices=("text-model", "raw"),
        default="text-model",
        help="with --bundle: with its text model, if it has one (the default), or greedily",
    )


def check_rules(rules: Sequence[Rule], task: type[Task], precision: float = PRECISION) -> None:
    """Raise UsageError for rules of a task whose outputs are no characters, or a precision that is no share."""
    if not 0 < precision <= 1:
        raise UsageError("--precision must be in (0, 1]", precision, f"name a share such as {PRECISION}")
    if rules and not task.worded:
        names = ", ".join(rule.name for rule in rules)
        raise UsageError("a format of texts goes with the task recognition", names, "leave the file out")

"""The options and files that tell of the texts of a run, besides their images."""

from collections.abc import Sequence
from pathlib import Path

from train.data.arguments import AnyParser
from train.data.texts.text_list import read_texts
from train.errors import UsageError
from train.reading.formats.rules import Rule
from train.reading.knowledge import PRECISION
from train.system.paths import given_path
from train.tasks import Task


def add_reading_arguments(parse: AnyParser) -> None:
    """Add `--reading`, `--texts` and `--precision`."""
    parse.add_argument(
        "--reading",
        metavar="FILE",
        type=given_path,
        help="YAML file of rules that the texts obey: pattern and checks (docs/reading.md; default: format.yaml "
        "beside the labels)",
    )
    parse.add_argument(
        "--texts",
        metavar="FILE",
        type=given_path,
        help="texts of the same kind without images, one a line, from which an n-gram may learn",
    )
    parse.add_argument(
        "--precision",
        type=float,
        default=PRECISION,
        metavar="SHARE",
        help="how many of the texts that the bundle accepts, so that no person looks at them, are to be right "
        f"(default {PRECISION})",
    )


def read_further(file: str | Path | None, task: type[Task]) -> list[str]:
    """Return the texts without images that a run may learn from; none without a file.

    Raises:
        UsageError: for a task whose outputs are no characters.
        DataError: for a file that cannot be used.
    """
    if file is None:
        return []
    if not task.worded:
        raise UsageError("--texts goes with the task recognition", file, "leave it out")
    return read_texts(Path(file))


def add_decode_argument(parse: AnyParser) -> None:
    """Add `--decode`."""
    parse.add_argument(
        "--decode",
        choices=("text-model", "raw"),
        default="text-model",
        help="with --bundle or --checkpoint: decode with its text model, if it has one (default), or greedily (raw)",
    )


def check_rules(rules: Sequence[Rule], task: type[Task], precision: float = PRECISION) -> None:
    """Raise UsageError for rules of a task whose outputs are no characters, or a precision that is no share."""
    if not 0 < precision <= 1:
        raise UsageError("--precision must be in (0, 1]", precision, f"name a share such as {PRECISION}")
    if rules and not task.worded:
        names = ", ".join(rule.name for rule in rules)
        raise UsageError("a format of texts goes with the task recognition", names, "leave the file out")

"""The command-line arguments that say which samples a run has, the same for a search and for one training."""

from collections.abc import Sequence

from train.data.arguments import (
    AnyParser,
    add_allow_bad_argument,
    add_decoding_arguments,
    add_dictionary_argument,
    add_format_arguments,
    add_general_arguments,
    add_group_argument,
    add_list_arguments,
    add_samples_argument,
    add_test_fraction_argument,
)
from train.sets.texts import add_reading_arguments
from train.system.cli import Parser
from train.system.paths import given_path, given_place
from train.tasks import TASKS


def add_task_argument(
    parser: AnyParser,
    default: str | None,
    meaning: str = "",
    more: Sequence[str] = (),
) -> None:
    """Add `--task`; `meaning` says what its default is where that is no task, `more` names what is no single one."""
    names = [*TASKS.names(), *more]
    words = f"what the images are labelled for: {', '.join(names)} (default: {meaning or default})"
    parser.add_argument("--task", choices=names, default=default, help=words)


def add_source_arguments(parse: Parser, data: AnyParser) -> AnyParser:
    """Add what says where samples come from (`train/sets/read.py`), but for the data folder and the task.

    Args:
        data: the group of the labels' own options; the others get groups of theirs.

    Returns:
        The group of what a run knows besides the labels.
    """
    add_list_arguments(data)
    add_format_arguments(data)
    add_test_fraction_argument(data)
    add_group_argument(data)
    add_allow_bad_argument(data)
    known = parse.add_argument_group("what is known besides the labels")
    add_dictionary_argument(known)
    add_reading_arguments(known)
    known.add_argument(
        "--synthetic-labels",
        metavar="FILE",
        type=given_path,
        help="label file of drawn lines (train.data.synthetic), for the share `synthetic` of every training batch",
    )
    add_general_arguments(known)
    add_detection_argument(known)
    kept = parse.add_argument_group("decoded lines and the bundle")
    add_decoding_arguments(kept)
    add_samples_argument(kept)
    return known


def add_recognition_argument(parser: AnyParser) -> None:
    """Add `--recognition`."""
    parser.add_argument(
        "--recognition",
        metavar="DIR",
        type=given_place,
        help="with --task detection: bundle of the recogniser that will read the boxes; the winner's thresholds are "
        "those with which it reads best (docs/tasks.md)",
    )


def add_detection_argument(parser: AnyParser) -> None:
    """Add `--detection`."""
    parser.add_argument(
        "--detection",
        metavar="DIR|NAME",
        type=given_place,
        help="the data are photos with labelled regions: their lines are cut out where this detector, a bundle or a "
        "pretrained one such as pp-ocrv6-small-det, finds them (docs/tasks.md)",
    )

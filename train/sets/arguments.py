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


def add_source_arguments(parser: AnyParser) -> None:
    """Add what says where samples come from (`train/sets/read.py`), but for the data folder and the task."""
    add_list_arguments(parser)
    add_format_arguments(parser)
    parser.add_argument(
        "--synthetic-labels",
        metavar="FILE",
        type=given_path,
        help="label file of drawn lines (train.data.synthetic), for the share `synthetic` of every training batch",
    )
    add_general_arguments(parser)
    add_detection_argument(parser)
    add_dictionary_argument(parser)
    add_reading_arguments(parser)
    add_test_fraction_argument(parser)
    add_group_argument(parser)
    add_allow_bad_argument(parser)
    add_decoding_arguments(parser)
    add_samples_argument(parser)


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

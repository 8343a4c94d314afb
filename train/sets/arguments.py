"""The command-line argument that says what images are labelled for."""

import argparse
from collections.abc import Sequence

from train.system.paths import given_place
from train.tasks import TASKS


def add_task_argument(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
    default: str | None,
    meaning: str = "",
    more: Sequence[str] = (),
) -> None:
    """Add `--task`; `meaning` says what its default is where that is no task, `more` names what is no single one."""
    names = [*TASKS.names(), *more]
    words = f"what the images are labelled for: {', '.join(names)} (default: {meaning or default})"
    parser.add_argument("--task", choices=names, default=default, help=words)


def add_recognition_argument(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add `--recognition`."""
    parser.add_argument(
        "--recognition",
        metavar="DIR",
        type=given_place,
        help="with --task detection: bundle of the recogniser that will read the boxes; the winner's thresholds are "
        "those with which it reads best (docs/tasks.md)",
    )


def add_detection_argument(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add `--detection`."""
    parser.add_argument(
        "--detection",
        metavar="DIR|NAME",
        type=given_place,
        help="the data are photos with labelled regions: their lines are cut out where this detector, a bundle or a "
        "pretrained one such as pp-ocrv6-small-det, finds them (docs/tasks.md)",
    )

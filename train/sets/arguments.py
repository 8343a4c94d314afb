"""The command-line argument that says what images are labelled for."""

import argparse

from train.tasks import TASKS


def add_task_argument(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup, default: str | None, said: str = ""
) -> None:
    """Add `--task`; `said` is what its default is, where it has none of its own."""
    names = TASKS.names()
    words = f"what the images are labelled for: {', '.join(names)} (default: {said or default})"
    parser.add_argument("--task", choices=names, default=default, help=words)

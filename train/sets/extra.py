"""The label file of a further set of lines to train on: read, and checked like training lines."""

from pathlib import Path

from train.data.checking import cheap_check, usable
from train.data.findings import Finding
from train.data.formats import load_file
from train.data.sample import Sample
from train.data.split import given_splits
from train.tasks import Task


def load_extra(
    path: Path, allow_bad: int, task: type[Task]
) -> tuple[tuple[Sample, ...], tuple[Finding, ...]]:
    """Return the usable samples of a label file in any format, and what is wrong with the others.

    Raises DataError at more than `allow_bad` bad ones.
    """
    splits = given_splits({"train": load_file(path, tasks=task.formats)})
    checks = task.checks()
    report = cheap_check(splits, checks)
    return usable(splits, report, allow_bad, checks.repaired).train, report.errors

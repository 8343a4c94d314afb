"""Labels of lines that are no texts, but say how the lines stand."""

from collections.abc import Iterable
from pathlib import Path

from train.errors import DataError

ANGLES, CLASSES = {"0", "90", "180", "270"}, ({"0", "1"}, {"0", "1", "2", "3"})


def require_texts(source: Path, labels: Iterable[str]) -> None:
    """Raise DataError where all of several labels are angles, or classes of such: lines with texts stand upright."""
    labels = list(labels)
    found = set(labels)
    if len(labels) > 1 and (found <= ANGLES or found in CLASSES):
        raise DataError(
            "labels for --task orientation must be texts of upright lines, or angles in a list",
            f"{source}, all labelled {' or '.join(sorted(found))}",
            "write `path<TAB>0` and `path<TAB>180` into ori_gt.txt, without lines that stand otherwise",
        )

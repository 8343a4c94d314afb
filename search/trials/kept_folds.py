"""What a trial's later folds came to, kept in its folder: a trial that was interrupted does not train them again.

The first fold's network is kept as a checkpoint, as the bundle may be made of it; of the others the scores are enough.
"""

from collections import UserDict
from typing import Any

import numpy as np
from pyarrow import fs
from ray import tune

from search.storage.trial_folder import read_kept, write_kept
from search.trials.folds import Fold

FILE = "folds.json"


class KeptFolds(UserDict[int, Fold]):
    """Folds by their number, without networks; what is set is written. Raises StorageError where that cannot be.

    Args:
        filesystem: of the study's storage.
        folder: the trial's.
    """

    def __init__(self, filesystem: fs.FileSystem, folder: str) -> None:
        super().__init__()
        self._place = filesystem, f"{folder}/{FILE}"
        rows = read_kept(*self._place) or {}
        self.data = {int(number): _to_fold(row) for number, row in rows.items()}

    def __setitem__(self, number: int, fold: Fold) -> None:
        super().__setitem__(number, fold)
        write_kept(*self._place, {str(one): _to_row(kept) for one, kept in self.data.items()})


def _to_row(fold: Fold) -> dict[str, Any]:
    metrics = {name: float(value) for name, value in fold.metrics.items()}
    return {
        "metrics": metrics,
        "rows": fold.rows.tolist(),
        "samples": fold.samples,
        "seconds": fold.seconds,
    }


def _to_fold(row: dict[str, Any]) -> Fold:
    return Fold(row["metrics"], np.array(row["rows"], np.float64), row["samples"], row["seconds"])


def folds_of_this_trial() -> KeptFolds:
    """Return the folds that this trial has kept; call it inside a Tune function."""
    storage = tune.get_context().get_storage()
    return KeptFolds(storage.storage_filesystem, storage.trial_fs_path)

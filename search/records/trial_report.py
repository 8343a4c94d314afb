"""TODO."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from train.config import TrialConfig, config_from_mapping
from train.tasks import SampleStats

FORGOTTEN = ("forgetting", "excess")

COPIED, TRAINED_WITH = "copied_from", "trained_with"
"""In every report of a population: the checkpoint that was gone on from, TRIAL/NAME, and the configuration."""


def copied_from(checkpoint: str, trial: str) -> str:
    """Return TRIAL/NAME of a checkpoint's path if it is another trial's, else nothing."""
    *_, owner, name = checkpoint.rstrip("/").split("/")
    return "" if owner == trial else f"{owner}/{name}"


def config_of(report: Mapping[str, Any]) -> TrialConfig | None:
    """Return the configuration that a report of a population was trained with; None for any other report."""
    text = report.get(TRAINED_WITH)
    return config_from_mapping(json.loads(text), "trial") if isinstance(text, str) else None


METRIC = "best_score"
FOLD, OF, SAMPLES, ROWS = "fold", "folds", "samples", "fold_rows"
"""What a report of a fold says: its number, of how many, samples read so far, and each sample of this fold."""


def rows_of(reports: Sequence[Mapping[str, Any]]) -> SampleStats | None:
    """Return how every sample of a trial's folds was done, in the order of the folds; None of other trials."""
    found = [json.loads(report[ROWS]) for report in reports if isinstance(report.get(ROWS), str)]
    return np.concatenate([np.asarray(rows, np.float64) for rows in found]) if found else None


def is_fold(report: Mapping[str, Any]) -> bool:
    """Return whether a report was made after a fold, and not after an epoch."""
    return bool(report.get(FOLD, 0) > 0)

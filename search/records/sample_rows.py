"""sample_rows.json: how the winner does on every sample, by which two studies of one split can be compared in pairs."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from train.config import Frozen
from train.data.dataset import Dataset
from train.system.files import read_valid, write_whole
from train.tasks import SampleStats

ROWS = "sample_rows.json"


class SplitRows(Frozen):
    """What the winner's first score on a split is made of.

    Attributes:
        digest: of the samples and their labels in order: only scores of the same ones are compared.
        rows: `Task.per_sample`.
    """

    digest: str
    rows: tuple[tuple[float, ...], ...]

    @property
    def array(self) -> SampleStats:
        """(N, k) float64."""
        return np.array(self.rows, np.float64)


_KEPT = TypeAdapter(dict[str, SplitRows])
REMEDY = "put it back from a copy, or delete it: the study's gain over others is then not shown"


def digest_samples(data: Dataset) -> str:
    """Return what tells a split from any other, wherever its folder lies: file names and labels, in order."""
    digest = hashlib.sha256()
    for source, text in zip(data.sources, data.texts, strict=True):
        digest.update(json.dumps([Path(source).name, text]).encode())
    return digest.hexdigest()


def make_split_rows(data: Dataset, rows: SampleStats) -> SplitRows:
    """Return what is kept of a split; `rows`: (N, k) of `Task.per_sample`."""
    return SplitRows(digest=digest_samples(data), rows=tuple(map(tuple, rows.tolist())))


def write_rows(kept: Mapping[str, SplitRows], folder: Path) -> None:
    """Write the rows of each split."""
    found: dict[str, Any] = {split: part.model_dump() for split, part in kept.items()}
    write_whole(folder / ROWS, json.dumps(found) + "\n")


def read_rows(folder: Path) -> dict[str, SplitRows]:
    """Return the rows of each split; empty for a study of an earlier version, or without a winner.

    Raises CheckpointError if they are damaged.
    """
    path = folder / ROWS
    if not path.is_file():
        return {}
    return read_valid(path, REMEDY, _KEPT)

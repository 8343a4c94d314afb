"""A checkpoint: weights, optimiser, TrialConfig, charset and epoch together, so that it explains itself."""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from train.config import TrialConfig, config_from_mapping
from train.data.charset import Charset
from train.errors import CheckpointError

FORMAT = 1
ARRAYS, META = "state.npz", "checkpoint.json"


@dataclass(frozen=True)
class Checkpoint:
    """Everything to continue training or to export.

    Attributes:
        epoch: epochs trained, which with the config's seed is the whole random state: order and
            augmentation are drawn anew from (seed, epoch, sample).
        metrics: of that epoch.
        state: what `Engine.state` returned.
    """

    config: TrialConfig
    charset: Charset
    epoch: int
    metrics: dict[str, float]
    state: dict[str, Any]

    def save(self, directory: Path) -> None:
        """Write into `directory`, aside first: it holds either a whole checkpoint or none."""
        directory.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        arrays = {
            f"{part}/{name}": value for part, values in self.state.items() for name, value in values.items()
        }
        with (aside / ARRAYS).open("wb") as file:
            np.savez(file, **arrays)
        meta = {
            "format": FORMAT,
            "config": self.config.model_dump(mode="json"),
            "characters": list(self.charset.characters),
            "epoch": self.epoch,
            "metrics": self.metrics,
            "arrays": len(arrays),
        }
        (aside / META).write_text(json.dumps(meta, ensure_ascii=False), encoding="utf-8")
        if directory.exists():
            shutil.rmtree(directory)
        os.replace(aside, directory)


def load_checkpoint(directory: Path) -> Checkpoint:
    """Read what `Checkpoint.save` wrote; raise CheckpointError if anything is missing or damaged."""
    try:
        meta = json.loads((directory / META).read_text(encoding="utf-8"))
        with np.load(directory / ARRAYS) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError) as error:
        raise CheckpointError(
            "a checkpoint folder must be whole", f"{directory}: {error}", "use an earlier one"
        ) from error
    if meta["format"] != FORMAT or meta["arrays"] != len(arrays):
        raise CheckpointError(
            "a checkpoint must be of this version and complete", directory, "train it again"
        )
    state: dict[str, Any] = {"weights": {}, "optimiser": {}, "scaler": {}}
    for key, value in arrays.items():
        part, name = key.split("/", 1)
        state[part][name] = value
    config = config_from_mapping(meta["config"], str(directory / META))
    return Checkpoint(config, Charset(tuple(meta["characters"])), meta["epoch"], meta["metrics"], state)

"""A checkpoint: weights, optimiser, TrialConfig, charset and epoch together, so that it explains itself."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import ValidationError

from train.config import Frozen, TrialConfig
from train.data.charset import Charset
from train.errors import CheckpointError
from train.reading.settings import FILE, ReadingSettings
from train.system.files import digest_of, replace_folder
from train.system.paths import name_unread

ARRAYS, META = "state.npz", "checkpoint.json"
PARTS = ("weights", "optimiser", "scaler", "average")


class Meta(Frozen):
    """What checkpoint.json holds.

    Attributes:
        arrays: how many there are in state.npz.
        sha256: of state.npz: a damaged archive fails in more ways than numpy has errors for.
    """

    format: Literal[1]
    config: TrialConfig
    characters: tuple[str, ...]
    epoch: int
    metrics: dict[str, float]
    arrays: int
    sha256: str


@dataclass(frozen=True)
class Checkpoint:
    """Everything to continue training or to export.

    Attributes:
        epoch: epochs trained, which with the config's seed is the whole random state: order and
            augmentation are drawn anew from (seed, epoch, sample).
        metrics: of that epoch.
        state: what `Engine.state` returned.
        text_model: what was chosen to stand behind its outputs; None before that, and for reading greedily.
    """

    config: TrialConfig
    charset: Charset
    epoch: int
    metrics: dict[str, float]
    state: dict[str, Any]
    text_model: ReadingSettings | None = None

    @property
    def weights(self) -> dict[str, Any]:
        """The weights that it reads with: their moving averages, where training kept some."""
        averages = self.state.get("average") or {}
        return {name: averages.get(name, array) for name, array in self.state["weights"].items()}

    def with_engine(self, engine: str | None) -> "Checkpoint":
        """Return the checkpoint for another engine, which reads the same weights; None keeps its own.

        Not every engine compiles, and nothing but speed depends on it.
        """
        changes = {"engine": engine, "compile": False} if engine else {}
        return replace(self, config=self.config.model_copy(update=changes))

    def save(self, directory: Path, *, durable: bool = False) -> None:
        """Write into `directory`, which holds either a whole checkpoint or none, if `durable` after a power cut too."""
        with replace_folder(directory, durable=durable) as draft:
            self._write(draft)

    def _write(self, folder: Path) -> None:
        arrays = {
            f"{part}/{name}": value for part, values in self.state.items() for name, value in values.items()
        }
        with (folder / ARRAYS).open("wb") as file:
            np.savez(file, **arrays)
        meta = Meta(
            format=1,
            config=self.config,
            characters=self.charset.characters,
            epoch=self.epoch,
            metrics=self.metrics,
            arrays=len(arrays),
            sha256=digest_of(folder / ARRAYS),
        )
        text = json.dumps(meta.model_dump(mode="json"), ensure_ascii=False)
        (folder / META).write_text(text, encoding="utf-8")
        if self.text_model is not None:
            (folder / FILE).write_text(self.text_model.model_dump_json(), encoding="utf-8")


def load_checkpoint(directory: Path) -> Checkpoint:
    """Read what `Checkpoint.save` wrote; raise CheckpointError if anything is missing or damaged."""
    reading = directory / FILE
    try:
        text_model = ReadingSettings.model_validate_json(reading.read_bytes()) if reading.exists() else None
        meta = Meta.model_validate_json((directory / META).read_bytes())
        if digest_of(directory / ARRAYS) != meta.sha256:
            raise _broken(f"{directory}: {ARRAYS} has changed since it was written")
    except ValidationError as error:
        fault = error.errors()[0]
        raise _broken(
            f"{directory}: {error.title}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        ) from error
    except OSError as error:
        # a disk that fails while it is read names no file
        name = Path(error.filename).name if error.filename else "one of its files"
        there = directory.is_dir()
        remedy = "use an earlier one" if there else "check the path"
        raise _broken(name_unread(directory, name, error), remedy) from error
    state: dict[str, Any] = {part: {} for part in PARTS}
    with np.load(directory / ARRAYS) as file:
        for key in file.files:
            part, name = key.split("/", 1)
            state[part][name] = file[key]
    return Checkpoint(meta.config, Charset(meta.characters), meta.epoch, meta.metrics, state, text_model)


def _broken(found: str, remedy: str = "use an earlier one") -> CheckpointError:
    return CheckpointError("a checkpoint must be whole and of this version", found, remedy)

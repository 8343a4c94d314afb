"""Weights of one start brought into one form, so that their mean, and anything between them, is a network again.

A trial with adapters holds a change of the published network. Any other trial begins with that network made ready for
training: its batch norms hold the statistics of typical images, and filters before them may be larger
(`train/models/weights/reinflation.py`). Both compute the same at their start, but with different numbers, so their
weights cannot be averaged as they are. Nor can two adapters: the mean of their factors is not the mean of the changes.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from train.checkpoint import Checkpoint
from train.config import AdapterSettings, TechniqueConfig, TrialConfig
from train.engines import ENGINES
from train.loop import TrainingData, assemble_run
from train.models import MODELS
from train.techniques import build_technique


def kept_adapters(config: TrialConfig) -> AdapterSettings | None:
    """Return the adapters that are never merged, as those of a vision-language model; None for any other network."""
    return None if ENGINES.get(config.engine).merges else build_technique(config.technique).adapters


def without_adapters(config: TrialConfig) -> TrialConfig:
    """Return a configuration whose network is made ready for training, as most are."""
    return config.model_copy(update={"technique": TechniqueConfig()}) if _is_merged(config) else config


def _is_merged(config: TrialConfig) -> bool:
    return build_technique(config.technique).adapters is not None and kept_adapters(config) is None


def have_same_start(a: Checkpoint, b: Checkpoint) -> bool:
    """Whether two checkpoints were trained from the same weights.

    Starts that compute nearly the same count as one: with another seed, batch norms that were fused away begin with the
    statistics of other training images, and adapters change the published network (see above).
    """
    keys = ("engine", "model", "weights", "fit_width")
    return (
        a.charset == b.charset
        and kept_adapters(a.config) == kept_adapters(b.config)
        and all(getattr(a.config, key) == getattr(b.config, key) for key in keys)
        and (a.config.seed == b.config.seed or not _draws_weights(a))
        and (_is_merged(a.config) == _is_merged(b.config) or not _borrows_rows(a))
    )


def _draws_weights(checkpoint: Checkpoint) -> bool:
    """Whether the seed decided some of the weights that training began with.

    These are all of them, adapters that stay apart, or those of characters that are new to the model.
    """
    if kept_adapters(checkpoint.config):
        return True
    return not starts_from_weights(checkpoint) or _has_new_characters(checkpoint)


def _borrows_rows(checkpoint: Checkpoint) -> bool:
    """Whether new characters begin with rows of the published model; not so with adapters (`train/engines/head.py`)."""
    return checkpoint.config.weights is not None and _has_new_characters(checkpoint)


def _has_new_characters(checkpoint: Checkpoint) -> bool:
    """Whether some characters are new to the weights that training began with."""
    weights = Path(checkpoint.config.weights) if checkpoint.config.weights else None
    known = MODELS.get(checkpoint.config.model).charset(weights).characters
    return not set(checkpoint.charset.characters) <= set(known)


def starts_from_weights(checkpoint: Checkpoint) -> bool:
    """Whether training began with weights of a file: random ones are nothing to average with."""
    config = checkpoint.config
    return MODELS.get(config.model).pretrained(Path(config.weights) if config.weights else None)


def in_one_form(checkpoint: Checkpoint, data: TrainingData, start: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's weights as a change of `start`, what its training began with in the usual form.

    Whole networks are returned as they are. Adapters change matrices and filters alone. A head with new characters is
    the trial's own: they may have begun with other rows than in `start`.
    """
    weights = checkpoint.weights
    if not _is_merged(checkpoint.config) or weights.keys() == start.keys():
        return weights
    engine, _ = assemble_run(checkpoint.config, data)
    before = engine.weights()
    engine.load({"weights": weights})
    after = engine.weights()
    formed = {name: _changed(array, before[name], after[name]) for name, array in start.items()}
    if _has_new_characters(checkpoint):
        head = MODELS.get(checkpoint.config.model).head
        formed |= {name: after[name] for name in (f"{head}.weight", f"{head}.bias")}
    return formed


def _changed(
    start: npt.NDArray[Any], before: npt.NDArray[Any], after: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    """Return what `before`, which is `start` but for a factor, has become, times that factor."""
    if start.ndim < 2 or not before.any():
        return np.asarray(start, np.float32)
    factor = float(np.vdot(before, start)) / float(np.vdot(before, before))
    return np.asarray(start + factor * (after - before), np.float32)

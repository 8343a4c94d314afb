"""PaddleOCR's training checkpoints (`.pdparams`): read and written without Paddle, and without running what is in them.

The file is a pickle of arrays by name. A pickle can run any code, so only what arrays are made of is let through.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from train.errors import ModelError
from train.models.network import Arrays
from train.system.files import write_whole

SUFFIX = ".pdparams"
TABLE = "StructuredToParameterName@@"
PREFERRED = ("best_accuracy", "best_model/model", "latest")
MODULES = frozenset(
    {"numpy", *(f"numpy.{core}.{part}" for core in ("core", "_core") for part in ("multiarray", "numeric"))}
)
ARRAY = frozenset({"ndarray", "dtype", "_reconstruct", "scalar", "_frombuffer"})
OTHERS = frozenset({("collections", "OrderedDict"), ("_codecs", "encode"), ("builtins", "tuple")})


class _Arrays(pickle.Unpickler):
    """Builds arrays, containers, numbers and texts alone."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what arrays are made of; raise UnpicklingError for anything else."""
        if (module, name) not in OTHERS and not (module in MODULES and name in ARRAY):
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def find_pdparams(weights: Path) -> Path | None:
    """Return the checkpoint that a path means: itself, that name with the suffix, or a folder's best one; else None."""
    if not weights.name or any(weights.glob("*.safetensors")):
        return None
    if weights.suffix == SUFFIX and weights.is_file():
        return weights
    added = weights.with_name(weights.name + SUFFIX)
    if added.is_file():
        return added
    named = [path for name in PREFERRED if (path := weights / f"{name}{SUFFIX}").is_file()]
    found = named or (sorted(weights.glob(f"*{SUFFIX}")) if weights.is_dir() else [])
    return found[0] if len(found) == 1 or named else None


def read_pdparams(path: Path) -> Arrays:
    """Return the arrays of a checkpoint by PaddleOCR's names; raise ModelError if it is none."""
    try:
        with path.open("rb") as file:
            found = _Arrays(file, encoding="latin1").load()
    except (
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        ImportError,
        IndexError,
        ValueError,
        KeyError,
    ) as error:
        raise _no_checkpoint(path, error) from error
    except OSError as error:
        raise _no_checkpoint(path, error.strerror) from error
    if not isinstance(found, dict):
        raise _no_checkpoint(path, type(found).__name__)
    arrays: Arrays = {}
    for name, value in found.items():
        # Of a parameter that was not saved from a state, its name comes with the array.
        array = value[1] if isinstance(value, tuple) and len(value) == 2 else value
        if isinstance(array, np.ndarray) and array.dtype.kind == "f":
            arrays[str(name)] = array.astype(np.float32)
    if not arrays:
        raise _no_checkpoint(path, "no arrays")
    return arrays


def write_pdparams(arrays: Mapping[str, Any], path: Path) -> None:
    """Write arrays as Paddle saves a network's state."""
    state = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
    write_whole(path, pickle.dumps(state | {TABLE: {name: name for name in state}}, protocol=4))


def _no_checkpoint(path: Path, found: object) -> ModelError:
    return ModelError(
        f"a {SUFFIX} file must be a training checkpoint of PaddleOCR",
        f"{path}: {found}",
        "download or copy it again",
    )

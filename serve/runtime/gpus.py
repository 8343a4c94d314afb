"""The GPUs that Ray gave to a process: it uses no others, and it does use these."""

import os
from collections.abc import Mapping
from typing import Any

from serve.runtime.providers import ON_GPUS
from train.errors import ModelError, UsageError
from train.system.onnx_session import GPUS

REMEDY = "install onnxruntime-gpu and CUDA's libraries (docs/cluster.md), or leave --gpus out"


def require_runtime() -> None:
    """Raise UsageError where the onnxruntime that is installed runs on no GPU, as that of PyPI's usual name.

    Those that are hidden (CUDA_VISIBLE_DEVICES) count: they are another fault, with another remedy.
    """
    import onnxruntime

    there = onnxruntime.get_available_providers()
    if not {*ON_GPUS} & {*there}:
        raise UsageError("--gpus must have an onnxruntime that runs on GPUs", ", ".join(there), REMEDY)


def keep_to_given() -> bool:
    """Hide all GPUs from a process that Ray gave none, as Ray leaves them in sight; say whether it was given one."""
    import ray

    given = bool(ray.get_runtime_context().get_accelerator_ids().get("GPU"))
    if not given:
        os.environ[GPUS] = ""
    return given


def require_use(tuning: Mapping[str, Any]) -> None:
    """Raise ModelError where nothing of `Tuning.as_dict` was tried on a GPU: the process would only hold it."""
    tried = {name.partition(" ")[0] for name in (*tuning["tried"], *(tuning["agreement"] or ()))}
    if not tried & {*ON_GPUS}:
        raise ModelError("a model that was given a GPU must run there", ", ".join(sorted(tried)), REMEDY)

"""onnxruntime sessions, set up alike wherever a graph is run."""

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

from train.errors import CheckpointError
from train.system.machine.processor import overflows_in_8_bits

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
GPUS, HIDDEN = "CUDA_VISIBLE_DEVICES", ("", "-1")
"""Which GPUs a process may use, and how that says none."""
Provider = str | tuple[str, dict[str, Any]]
EXACT_CUDA: Provider = (CUDA, {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"})
"""In float32: by default it rounds what goes into products to 11 bits, and times every algorithm for each new shape."""


def find_providers() -> list[str]:
    """Return the names of onnxruntime's providers, those of GPUs only if this process may use one."""
    import onnxruntime

    there = onnxruntime.get_available_providers()
    return [name for name in there if name not in (CUDA, TENSORRT) or os.environ.get(GPUS) not in HIDDEN]


def open_session(
    path: Path,
    threads: int,
    wanted: Sequence[Provider] = (EXACT_CUDA, CPU),
    *,
    arena: bool = True,
    spins: bool = False,
) -> Any:
    """Return an onnxruntime session on the first of the wanted providers that is installed and works here.

    Args:
        path: of the graph.
        threads: of one run; 0 for all cores.
        wanted: providers, the first one first, with their options where these are not the defaults.
        arena: memory is kept, for other tensors and the next run; without, it is given back at once, which costs time.
        spins: threads of a run wait for each other awake: a tenth faster where no other work needs a core.

    Raises:
        CheckpointError: if the file holds no model.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that wait sleep: spinning, they take the cores from whoever prepares the next batch.
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spins)))
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # A pattern would be kept for every shape that ever came: memory that only grows.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = options.enable_mem_reuse = arena
    options.add_session_config_entry("session.x64quantprecision", str(int(overflows_in_8_bits())))
    options.log_severity_level = 3  # exporters leave unused constants, each of which is worth a warning
    there = find_providers()
    providers = [one for one in wanted if (one if isinstance(one, str) else one[0]) in there]
    if CUDA in there and providers != [CPU]:
        _load_cuda()
    try:
        # it prints why a provider does not work
        with nullcontext() if providers == [CPU] else redirect_stdout(sys.stderr):
            session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except (errors.Fail, errors.InvalidGraph, errors.InvalidProtobuf, errors.NoSuchFile) as error:
        raise CheckpointError(
            "a bundle must hold a model that onnxruntime loads", f"{path}: {error}", "export it again"
        ) from error
    session.disable_fallback()  # a GPU that fails later is an error: the cores would take its place without a word
    return session


@cache
def _load_cuda() -> None:
    """Load CUDA's libraries out of the wheels that torch brings, where the system's loader finds none."""
    import onnxruntime

    with redirect_stdout(sys.stderr):  # where it says what is missing
        onnxruntime.preload_dlls()


def run(session: Any, batch: Any) -> Any:
    """Return the graph's output, of a recogniser (N, T, C) float32 probabilities, for a (N, 3, H, W) float32 batch."""
    return session.run(None, {session.get_inputs()[0].name: batch})[0]

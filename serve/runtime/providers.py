"""onnxruntime's execution providers, and how those of GPUs are set up for inputs of many shapes."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from train.system.onnx_session import CPU, CUDA, EXACT_CUDA, TENSORRT, Provider
from train.system.paths import find_users_cache, make_temporary_folder

ON_GPUS = (TENSORRT, CUDA)
OPENVINO = "OpenVINOExecutionProvider"
PROVIDERS = (*ON_GPUS, OPENVINO, CPU)
"""The fastest first, where they are installed."""
Profile = Sequence[npt.NDArray[np.float32]]


def list_options(
    provider: str, graph: Path, profile: Profile = (), half: bool = False, threads: int = 1
) -> tuple[Provider, ...]:
    """Return a provider with its options, and what stands in for it: the CPU, for TensorRT CUDA before it.

    Args:
        provider: its name.
        graph: of the session.
        profile: usual inputs, (N, C, H, W).
        half: whether TensorRT may compute in float16.
        threads: of OpenVINO, which does not take them from the session's options.
    """
    if provider == CUDA:
        return EXACT_CUDA, CPU
    if provider == TENSORRT:
        return (TENSORRT, _compile_once(graph, profile, half)), EXACT_CUDA, CPU
    if provider == OPENVINO:
        return (OPENVINO, {"num_of_threads": str(threads)}), CPU
    return tuple(dict.fromkeys((provider, CPU)))


def _compile_once(graph: Path, profile: Profile, half: bool) -> dict[str, Any]:
    """Return TensorRT's options: one engine for all shapes, kept on the disk."""
    folder = str(_cache_folder(graph))
    options: dict[str, Any] = {
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": folder,  # by itself it lies in the current folder
        "trt_fp16_enable": half,
        "trt_layer_norm_fp32_fallback": half,  # sums of squares overflow in float16
        "trt_builder_optimization_level": 2,  # higher ones build for minutes
    }
    if not profile:
        return options
    usual = np.median([rows.shape for rows in profile], axis=0).astype(int)
    least, most = find_bounds(profile)
    named = {"min": least, "opt": usual, "max": most}
    return options | {
        f"trt_profile_{name}_shapes": "x:" + "x".join(map(str, shape)) for name, shape in named.items()
    }


def find_bounds(profile: Profile) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the least and the largest shape that TensorRT's engine takes; it refuses all others."""
    shapes = np.array([rows.shape for rows in profile])
    least, most = shapes.min(axis=0), shapes.max(axis=0)
    least[0] = 1
    return least, most


def find_cache() -> Path:
    """Return the folder of what can be made again; it may not be there yet."""
    return find_users_cache() or make_temporary_folder()


def _cache_folder(graph: Path) -> Path:
    """Return the folder of a graph's engines; they depend on the GPU, so they are no part of a bundle."""
    name = hashlib.sha256(graph.read_bytes()).hexdigest()[:16]
    folder = find_cache() / "tensorrt" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written
        folder = make_temporary_folder() / "tensorrt" / name
        folder.mkdir(parents=True, exist_ok=True)
    return folder

"""How GPU providers are set up; there need be none here."""

from pathlib import Path

import numpy as np
import pytest

from serve.runtime.providers import CPU, CUDA, TENSORRT, list_options


def test_tensorrt_compiles_once_for_all_usual_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    graph = tmp_path / "graph.onnx"
    graph.write_bytes(b"a graph")
    usual = [np.zeros((count, 3, 48, width), np.float32) for count, width in ((8, 160), (4, 320), (2, 640))]
    (name, options), cuda, last = list_options(TENSORRT, graph, usual)
    assert (name, cuda[0], last) == (TENSORRT, CUDA, CPU)
    assert options["trt_profile_min_shapes"] == "x:1x3x48x160"
    assert options["trt_profile_opt_shapes"] == "x:4x3x48x320"
    assert options["trt_profile_max_shapes"] == "x:8x3x48x640"
    assert Path(options["trt_engine_cache_path"]).is_dir()
    assert list_options(CPU, graph) == (CPU,)
    assert list_options(CUDA, graph) == ((CUDA, {"cudnn_conv_algo_search": "HEURISTIC"}), CPU)

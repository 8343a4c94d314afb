"""How GPU providers are set up, and told apart from what onnxruntime puts in their place; there need be none here."""

from pathlib import Path

import numpy as np
import pytest

from serve.inference.pretrained import find_recognition_graph
from serve.runtime.gpus import require_runtime, require_use
from serve.runtime.providers import OPENVINO, find_bounds, list_options
from serve.runtime.sessions import AbsentProviderError, Session
from serve.runtime.tuning import list_precisions
from train.errors import ModelError, UsageError
from train.system.onnx_session import CPU, CUDA, EXACT_CUDA, GPUS, TENSORRT, find_providers


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
    assert [tuple(bound) for bound in find_bounds(usual)] == [(1, 3, 48, 160), (8, 3, 48, 640)]
    assert not options["trt_fp16_enable"]
    assert list_options(TENSORRT, graph, usual, half=True)[0][1]["trt_fp16_enable"]  # type: ignore[index]
    assert Path(options["trt_engine_cache_path"]).is_dir()
    assert list_options(CPU, graph) == (CPU,)
    assert list_options(CUDA, graph) == (EXACT_CUDA, CPU), "what is called float32 is"
    assert list_options(OPENVINO, graph, threads=2) == ((OPENVINO, {"num_of_threads": "2"}), CPU)


def test_engines_and_their_timings_lie_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself TensorRT writes its timings into the current folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "graph").write_bytes(b"a graph")
    (_, options), *_ = list_options(TENSORRT, tmp_path / "graph")
    for name in ("trt_engine_cache_path", "trt_timing_cache_path"):
        assert Path(options[name]).is_relative_to(tmp_path)  # type: ignore[index]


@pytest.mark.parametrize(("visible", "found"), [(None, True), ("0", True), ("", False), ("-1", False)])
def test_gpus_that_are_hidden_are_not_tried(
    visible: str | None, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    monkeypatch.delenv(GPUS, raising=False)
    if visible is not None:
        monkeypatch.setenv(GPUS, visible)
    assert find_providers() == ([TENSORRT, CUDA, CPU] if found else [CPU])


def test_gpus_are_not_asked_for_where_onnxruntime_runs_on_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="CPUExecutionProvider; install onnxruntime-gpu"):
        require_runtime()
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setenv(GPUS, "")
    require_runtime()  # another one would not help


def test_a_model_that_was_given_a_gpu_and_runs_on_none_is_refused() -> None:
    on_cores = {f"{CPU} float32 threads=1 batch=1": 10.0}
    with pytest.raises(ModelError, match=f"got {CPU}; install onnxruntime-gpu"):
        require_use({"tried": on_cores, "agreement": None})
    require_use({"tried": on_cores | {f"{CUDA} float32 threads=1 batch=1": 9.0}, "agreement": {}})
    misread = {f"{CUDA} float32": {"same": 0.5, "difference": 0.9}}
    require_use({"tried": on_cores, "agreement": misread})


def test_a_provider_that_does_not_work_here_is_not_taken_for_itself() -> None:
    with pytest.raises(AbsentProviderError, match=CUDA):
        Session(find_recognition_graph("tiny"), CUDA, 1)


def test_a_graph_in_8_bits_is_for_the_cpu(tmp_path: Path) -> None:
    graphs = {"float32": tmp_path / "one", "int8": tmp_path / "two"}
    assert list_precisions(CPU, graphs, compared=True) == graphs
    assert list(list_precisions(CUDA, graphs, compared=True)) == ["float32"]
    assert list(list_precisions(TENSORRT, graphs, compared=False)) == [], "it rounds to TF32 all the same"
    assert list(list_precisions(TENSORRT, graphs, compared=True)) == ["float32", "float16"]

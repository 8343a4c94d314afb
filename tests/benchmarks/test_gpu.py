"""The parts of the GPU benchmark, on a machine that has none."""

from pathlib import Path

import pytest

from benchmarks import gpu
from search.arguments import parser
from train.system.onnx_session import CPU, CUDA, TENSORRT


def test_without_a_gpu_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert gpu.main([]) == 2
    assert "must have a GPU" in capsys.readouterr().out


def test_what_a_part_measured_before_its_time_was_up_is_kept() -> None:
    found = gpu.run_part(["/bin/sh", "-c", "echo '{\"lines/s\": 1}'; sleep 60"], 3)
    assert found["figures"] == [{"lines/s": 1}]
    assert found["failed"] == "not done after 3 s"
    found = gpu.run_part(["/bin/sh", "-c", "echo no GPU >&2; exit 1"], 60)
    assert (found["figures"], found["failed"]) == ([], "no GPU\n")


def test_the_parts_of_the_gpu_benchmark_run_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "PAGES", ((1, 64, 64), (1, 96, 64)))
    rows = list(gpu.measure_serving(("pp-ocrv6-tiny",), (160,), (1,)))
    *lines, turns = (row for row in rows if (row["task"], row["provider"]) == ("recognition", CPU))
    assert [row["width"] for row in lines] == [160, gpu.NEW_WIDTH]
    *pages, _ = (row for row in rows if (row["task"], row["provider"]) == ("detection", CPU))
    assert [row["height"] for row in pages] == [64, 96]
    for row in (*lines, *pages):
        assert row["rows/s"] > 0
        assert row["left there ms"] > 0
        assert row["difference"] < 1e-6
    assert turns["mixed rows/s"] > 0
    absent = [row["provider"] for row in rows if "absent" in row]
    assert absent == [CUDA, TENSORRT, CUDA]
    assert parser().parse_args(gpu.search_command(tmp_path)[2:]).gpus_per_trial == 0.5

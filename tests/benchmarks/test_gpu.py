"""The parts of the GPU benchmark, on a machine that has none."""

from pathlib import Path

import pytest

from benchmarks import gpu
from search.arguments import parser


def test_without_a_gpu_it_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert gpu.main([]) == 2
    assert "must have a GPU" in capsys.readouterr().out


def test_its_parts_run(tmp_path: Path) -> None:
    rows = gpu.measure_serving(("pp-ocrv6-tiny",), (160,), (1,))
    assert {(row["provider"], row["width"]) for row in rows} == {
        ("CPUExecutionProvider", 160), ("CPUExecutionProvider", gpu.NEW_WIDTH),
    }  # fmt: skip
    assert all(row["lines/s"] > 0 for row in rows)
    assert parser().parse_args(gpu.search_command(tmp_path)[2:]).gpus_per_trial == 0.5

"""What the processes of a server counted is one figure, whichever answers, and stays when one is gone."""

import subprocess
import sys
from pathlib import Path

import pytest

from serve import metrics
from tests.conftest import ROOT

COUNT = """
from serve.metrics import Metrics
metrics = Metrics()
metrics.count_request("/ocr", 200, 0.1)
metrics.count_lines(3, 3, 0.0)
metrics.in_work.set(2)
print(metrics.render().decode())
"""


def test_processes_count_together(tmp_path: Path) -> None:
    for _ in range(2):  # the first one is gone when the second one counts
        told = subprocess.run(
            [sys.executable, "-c", COUNT],
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    lines = told.stdout.splitlines()
    assert 'ocrtune_requests_total{path="/ocr",status="200"} 2.0' in lines
    assert "ocrtune_lines_total 6.0" in lines
    assert "ocrtune_requests_in_work 2.0" in lines


def test_two_that_are_asked_at_once_both_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process that is gone left is removed by the other one just before."""
    (tmp_path / "gauge_livesum_999999999.db").write_bytes(b"")

    def removed(_: int, folder: str) -> None:
        (Path(folder) / "gauge_livesum_999999999.db").unlink()
        raise FileNotFoundError(folder)

    monkeypatch.setattr(metrics, "mark_process_dead", removed)
    monkeypatch.setenv(metrics.SHARED_FOLDER, str(tmp_path))
    assert metrics.Metrics().render() == b""

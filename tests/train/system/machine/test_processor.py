"""How much of the processor is ours."""

from pathlib import Path

import pytest

from train.system.machine import processor
from train.system.machine.processor import count_cores


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        (["200000 100000"], 2),
        (["50000 100000"], 1),
        (["max 100000"], 4),
        (["150000", "50000"], 3),
        (["-1", "100000"], 4),
        (["6400000 100000"], 4),
    ],
)
def test_a_process_has_the_cores_that_it_may_run_on_or_a_quota_of_them(
    files: list[str], cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = tuple(tmp_path / str(number) for number in range(len(files)))
    for path, text in zip(paths, files, strict=True):
        path.write_text(text + "\n", encoding="ascii")
    monkeypatch.setattr(processor, "QUOTAS", ((tmp_path / "none",), paths))
    monkeypatch.setattr(processor.os, "sched_getaffinity", lambda process: {1, 3, 5, 7})
    assert count_cores() == cores

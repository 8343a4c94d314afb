"""What a process is measured to take is what it took."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.search.driver import REPOSITORY
from train.system.machine import memory
from train.system.machine.memory import available_bytes, own_bytes

SIZE = 64 * 2**20
PEAK = """
import numpy as np
import pytest
from train.system.machine.memory import own_bytes, peak_bytes, reset_peak
before = own_bytes()
reset_peak()
block = np.ones(SIZE, np.uint8)
found = [own_bytes() - before]
del block
found.append(peak_bytes() - before)
reset_peak()
found.append(peak_bytes() - before)
print(*found)
"""


def test_the_peak_is_what_was_taken_since_it_was_reset() -> None:
    """In a process of its own: one that ran other tests may keep or give back what is theirs meanwhile."""
    command = [sys.executable, "-c", PEAK.replace("SIZE", str(SIZE))]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    taken, peak, after = map(int, done.stdout.split())
    assert taken > 0.9 * SIZE
    assert peak > 0.9 * SIZE
    assert after < 0.5 * SIZE


def test_memory_that_is_shared_is_not_counted() -> None:
    """The object store's pages are mapped by every trial, and are there once."""
    before = own_bytes()
    descriptor = os.memfd_create("shared")
    os.truncate(descriptor, SIZE)
    shared = np.memmap(os.fdopen(descriptor, "r+b"), np.uint8, "r+")
    shared[:] = 1
    assert own_bytes() - before < 0.5 * SIZE


@pytest.mark.parametrize(("most", "free"), [("1000", 600), ("400", 0), ("max", None)])
@pytest.mark.parametrize("version", [2, 1])
def test_a_container_has_what_its_limit_leaves(
    version: int, most: str, free: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container without a limit has the machine's memory."""
    limits = [(tmp_path / f"limit{number}", tmp_path / f"used{number}") for number in (2, 1)]
    limit, used = limits[2 - version]
    limit.write_text(f"{most}\n", encoding="ascii")
    used.write_text("400\n", encoding="ascii")
    monkeypatch.setattr(memory, "LIMITS", tuple(limits))
    assert available_bytes() == free if free is not None else available_bytes() > SIZE

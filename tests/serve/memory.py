"""How much memory something takes at its peak, Python's own or not."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _resident_kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1])


def resident_mib() -> float:
    """Return the process's resident memory."""
    return _resident_kib("VmRSS") / 1024


@contextmanager
def peak_below(mib: int) -> Iterator[None]:
    """Fail if the process's resident memory grows by `mib` MiB or more within; `ru_maxrss` cannot be reset."""
    ctypes.CDLL(None).malloc_trim(0)  # what earlier tests freed would be used again and count for nothing
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident_kib("VmRSS")
    yield
    grown = (_resident_kib("VmHWM") - before) / 1024
    assert grown < mib, f"{grown:.0f} MiB"

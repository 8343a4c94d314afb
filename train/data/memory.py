"""How much memory there is to take."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Return the bytes that this process could take: the machine's, or what its container has left."""
    limits = [_machine_bytes()]
    try:
        most, used = ((CGROUP / f"memory.{name}").read_text("utf-8").strip() for name in ("max", "current"))
        limits.append(int(most) - int(used))
    except (OSError, ValueError):  # no cgroup, or one without a limit ("max")
        pass
    return max(0, min(limits))


def _machine_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
    except OSError:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))

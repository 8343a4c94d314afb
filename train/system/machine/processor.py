"""What the processor can do, and how much of it is ours."""

import functools
import os
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
X86 = ("x86_64", "amd64", "i386", "i686")
QUOTAS = (  # what a container may use of how many microseconds, in control groups of version 2 and 1
    (Path("/sys/fs/cgroup/cpu.max"),),
    (Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")),
)


def count_cores() -> int:
    """Return the cores that this process may use: those that it may run on, fewer by a container's quota."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    counts = [mine]
    for files in QUOTAS:
        if all(file.exists() for file in files):
            quota, period = " ".join(file.read_text(encoding="ascii") for file in files).split()
            counts += [int(quota) // int(period)] if quota.isdigit() else []  # `max` or -1: none
    return max(1, min(counts))


@functools.cache
def overflows_in_8_bits() -> bool:
    """Whether onnxruntime's product of uint8 and int8 may overflow: on x86 without VNNI, as far as is known."""
    if platform.machine().lower() not in X86:
        return False
    try:
        flags = CPUINFO.read_text(encoding="utf-8")
    except OSError:
        return True
    return "avx512_vnni" not in flags and "avx_vnni" not in flags

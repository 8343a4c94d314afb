"""How much memory there is to take, how much this process has, and what it keeps of what it frees.

By itself glibc gives the memory of large arrays back to the system and asks for it anew at every training step, and the
system zeroes each page: 3 to 47 % of an epoch's CPU, most with a large network and long lines
(`benchmarks/allocator.py`). And threads have heaps of their own, over which a long training scatters what it needs.
"""

import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from train.system.machine.processor import count_cores

MB = 2**20
SHARE = 0.5  # of what is free, for all the processes of a machine that ask
MEMINFO = Path("/proc/meminfo")
LIMITS = (  # (a container's limit, what it uses), control groups of version 2 and 1
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def trial_allowance() -> int:
    """Return the bytes that one trial may take: of half of what is free, one part for each core.

    A search runs at most a trial a core, and trials that start together see the same free memory.
    """
    return int(SHARE * available_bytes() / count_cores())


def available_bytes() -> int:
    """Return the memory that can be had without swapping: the machine's, or less in a container with a limit."""
    found = [_machine_bytes()]
    for limit, used in LIMITS:
        if limit.exists() and (most := limit.read_text(encoding="ascii").strip()).isdigit():
            found.append(max(0, int(most) - int(used.read_text(encoding="ascii"))))
    return min(found)


STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Forget the most memory that this process has had until now (Linux; nothing to forget elsewhere)."""
    if CLEAR.exists():
        CLEAR.write_text("5", encoding="ascii")


def peak_bytes() -> int:
    """Return the most memory of its own that this process has had since `reset_peak`; 0 where it cannot be measured.

    What it maps with other processes, the object store above all, is not its own.
    """
    return _status("VmHWM", "RssFile", "RssShmem")


def own_bytes() -> int:
    """Return the memory of its own that this process has; 0 where it cannot be measured."""
    return _status("VmRSS", "RssFile", "RssShmem")


def _status(most: str, *shared: str) -> int:
    if not STATUS.exists():
        return 0
    lines = (line.split() for line in STATUS.read_text(encoding="ascii").splitlines())
    kilobytes = {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1] == "kB"}
    return 1024 * max(0, kilobytes[most] - sum(kilobytes[name] for name in shared))


def _machine_bytes() -> int:
    if not MEMINFO.exists():  # no Linux: the pages that are free right now
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    lines = MEMINFO.read_text(encoding="ascii").splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable"))
    return 1024 * int(kilobytes)


KEEP_FREED: Mapping[str, str] = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(2**62),
}
"""Environment of a process that has one heap, all arrays in it, and gives nothing of it back.

Ray's processes train in a thread, which has a heap of its own before it could ask for another.
"""
MALLOPT = {
    "MALLOC_ARENA_MAX": (-8, 1),
    "MALLOC_MMAP_MAX_": (-4, 0),
    "MALLOC_TRIM_THRESHOLD_": (-1, -1),  # never: it takes an int
}
"""The same for `mallopt`: parameter and value."""


def ask_to_keep_freed() -> dict[str, str]:
    """Return `KEEP_FREED` without what the user has said in this process's environment, which stays as it is.

    What is said in the environments of a cluster's other nodes is not seen, and gives way.
    """
    return {name: value for name, value in KEEP_FREED.items() if name not in os.environ}


def keep_freed() -> None:
    """Let this process keep what it frees, as `ask_to_keep_freed`; call it before any thread is started."""
    with suppress(AttributeError, OSError):  # another C library
        for name in ask_to_keep_freed():
            ctypes.CDLL(None).mallopt(*MALLOPT[name])


def give_back() -> None:
    """Give what this process has freed back to the system."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)

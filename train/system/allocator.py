"""glibc's allocator in processes that train: what a step frees, the next one takes again.

By itself glibc gives the memory of large arrays back to the system and asks for it anew at every step, and the system
zeroes each page: up to a fifth of a step's time outside the main thread (`benchmarks/allocator.py`). And threads have
heaps of their own, over which a long training scatters several times what it needs.
"""

import ctypes
from collections.abc import Mapping
from contextlib import suppress

MB = 2**20
ARENA_MAX, MMAP_THRESHOLD, TRIM_THRESHOLD = -8, -3, -1  # of mallopt
LARGEST = {ARENA_MAX: 1, MMAP_THRESHOLD: 32 * MB, TRIM_THRESHOLD: 2**31 - 1}
"""One heap; arrays of up to 32 MB in it, the most that every glibc takes; and nothing of it goes back."""
ENVIRONMENT: Mapping[str, str] = {
    "MALLOC_ARENA_MAX": str(LARGEST[ARENA_MAX]),
    "MALLOC_MMAP_THRESHOLD_": str(LARGEST[MMAP_THRESHOLD]),
    "MALLOC_TRIM_THRESHOLD_": str(LARGEST[TRIM_THRESHOLD]),
}
"""The same for a process that is started: Ray's trains in a thread, which has a heap before it could be asked."""


def keep_freed() -> None:
    """Let this process keep what it frees; call it before any thread is started."""
    with suppress(AttributeError, OSError):  # another C library
        for parameter, value in LARGEST.items():
            ctypes.CDLL(None).mallopt(parameter, value)


def give_back() -> None:
    """Give what this process has freed back to the system."""
    with suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)

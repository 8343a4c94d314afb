"""Processes that are started to help another one, and end with it, however that one ends."""

import ctypes
import multiprocessing
import os
import signal
import sys
from concurrent.futures import ProcessPoolExecutor

PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Have the system kill this process when the thread that started it ends; Linux alone can.

    Args:
        parent: id of the process that started this one; if that is gone already, this one ends now.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def start_helpers(count: int) -> ProcessPoolExecutor:
    """Return a pool of processes that leave Ctrl-C to this one, and end with it even where it is killed.

    They are not forked: this process may have threads, Ray's among them, that a fork would leave hanging.
    """
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, spawn, initializer=_begin_to_help, initargs=(os.getpid(),))


def end_helpers(pool: ProcessPoolExecutor) -> None:
    """End the processes of a pool at once, in the middle of what they do: nobody waits for it any more."""
    for process in list((pool._processes or {}).values()):
        process.terminate()


def _begin_to_help(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(parent)

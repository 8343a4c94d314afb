"""What a process is measured to take is what it took."""

import os

import numpy as np

from train.memory import own_bytes, peak_bytes, reset_peak

SIZE = 256 * 2**20  # much more than a test process gives back meanwhile


def test_the_peak_is_what_was_taken_since_it_was_reset() -> None:
    before = own_bytes()
    reset_peak()
    block = np.ones(SIZE, np.uint8)
    assert own_bytes() - before > 0.9 * SIZE
    del block
    assert peak_bytes() - before > 0.9 * SIZE
    reset_peak()
    assert peak_bytes() - before < 0.5 * SIZE


def test_memory_that_is_shared_is_not_counted() -> None:
    """The object store's pages are mapped by every trial, and are there once."""
    before = own_bytes()
    descriptor = os.memfd_create("shared")
    os.truncate(descriptor, SIZE)
    shared = np.memmap(os.fdopen(descriptor, "r+b"), np.uint8, "r+")
    shared[:] = 1
    assert own_bytes() - before < 0.5 * SIZE

"""Errors that say the rule, the value that broke it, and the remedy; each carries its exit status."""

from __future__ import annotations  # another Python may read this, an older one, too

import errno
from typing import NamedTuple


class OcrError(Exception):
    """Something the user can mend.

    Args:
        rule: what must hold, e.g. ``learning_rate must be in (0, 1]``.
        value: what was found instead.
        remedy: what to do or to type next.
    """

    exit_status = 1

    def __init__(self, rule: str, value: object, remedy: str) -> None:
        super().__init__(rule, value, remedy)
        self.rule, self.value, self.remedy = rule, value, remedy

    def __str__(self) -> str:
        return f"{self.rule}, got {self.value}; {self.remedy}"


class UsageError(OcrError):
    """The command line, a configuration or a space is wrong."""

    exit_status = 2


class DataError(OcrError):
    """The labelled images cannot be used as they are."""


class ModelError(OcrError):
    """A model, its weights or its framework is missing or does not fit."""


class CheckpointError(OcrError):
    """A checkpoint or bundle is incomplete, corrupt or of another configuration."""


class DivergedError(OcrError):
    """The loss became NaN, infinite or exploded: the trial ends at once."""


class MemoryShortError(OcrError):
    """A batch needs more memory than there is: smaller micro-batches may fit."""


class StorageError(OcrError):
    """What has to be kept cannot be written: nothing is wrong with the run, which can be resumed with more room."""

    exit_status = 3


class StartError(OcrError):
    """A search has failed before its first trial; its name stays free."""


class NoScoreError(OcrError):
    """Every trial of a search has failed, diverged or run out of time."""


class ForgettingError(OcrError):
    """Everything that was trained has lost more of its general skill than it may."""


class ParityError(OcrError):
    """The exported model and the training framework do not read the same."""


class Refusal(NamedTuple):
    """What the system says where it does not write a file: what must hold, what was found, what to do (`OcrError`)."""

    rule: str
    value: str
    remedy: str


_ROOM = "there must be room for what is written", "make room"
_RIGHTS = "this user must have the right to what is read and written", "give it (chown, chmod)"
_DISK = "the disk must be whole, and mounted for writing", "see to it"
_KINDS = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: _DISK,
    errno.EIO: _DISK,
}


def explain_refusal(error: OSError) -> Refusal | None:
    """Return what a refused write says; None for an error of another kind."""
    kind = _KINDS.get(error.errno or 0)
    return Refusal(kind[0], name_refused(error), kind[1]) if kind else None


def make_storage_error(error: BaseException, rule: str, then: str) -> StorageError:
    """Return what to say of a write that failed: the system's own reason, where it has one.

    Args:
        error: of the write.
        rule: that it broke, where the system says no more.
        then: what to do when that is mended.
    """
    told = explain_refusal(error) if isinstance(error, OSError) else None
    told = told or Refusal(rule, str(error), "make room, or make the storage writable")
    return StorageError(told.rule, told.value, f"{told.remedy}, and {then}")


def name_refused(error: OSError) -> str:
    """Return the system's words, and the files that they are about, where it names any."""
    named = ", ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    return f"{error.strerror or error}{f': {named}' if named else ''}"

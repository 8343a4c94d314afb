"""Errors that say the rule, the value that broke it, and the remedy; each carries its exit status."""


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

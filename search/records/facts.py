"""What a study was given, and what it takes: facts beside the scores."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from train.config import Frozen
from train.data.texts.forms import in_unicode

Written = Annotated[str, AfterValidator(in_unicode)]
"""A field that names a file: a name that is no UTF-8 can be trained on, but stands in no JSON."""


class BadSample(Frozen):
    """A labelled image that was left out, and why."""

    source: Written
    reason: Written


class DataSummary(Frozen):
    """What the study learnt from.

    Attributes:
        path: what --data said.
        samples: number in each split.
        origins: where each split came from, e.g. `val_list.txt` or `made: grouped by text, seed 0`.
        left_out: the bad samples.
        repaired: number of samples whose labels were put right.
        dictionary: what was said of it; None without one.
    """

    path: Written
    samples: dict[str, int]
    origins: dict[str, Written]
    left_out: tuple[BadSample, ...] = ()
    repaired: int = 0
    dictionary: Written | None = None


class DiskUse(Frozen):
    """What a study takes in its storage, once it is over.

    Attributes:
        checkpoint_bytes: of `total_bytes`, those of the trials' checkpoints: the best one of each.
    """

    total_bytes: int
    checkpoint_bytes: int


class GeneralSummary(Frozen):
    """What a study asked of the general samples.

    Attributes:
        lines: read after every epoch.
        replay_lines: to train on.
        max_forgetting: by how much the first score on them may fall for a trial to win; None for any.
    """

    lines: int
    replay_lines: int
    max_forgetting: float | None


class Reservation(Frozen):
    """What a trial reserves, over all its workers.

    Attributes:
        cpus: cores.
        gpus: 0 without any.
    """

    cpus: float = 1.0
    gpus: float = 0.0

    @property
    def heads(self) -> tuple[str, ...]:
        """What `seconds` returns, in words."""
        return ("CPU time", "GPU time") if self.gpus else ("CPU time",)

    def seconds(self, trial_seconds: float) -> tuple[float, ...]:
        """Return the CPU seconds and, where there are GPUs, the GPU seconds of so many seconds of a trial."""
        cpu = self.cpus * trial_seconds
        return (cpu, self.gpus * trial_seconds) if self.gpus else (cpu,)

    def __str__(self) -> str:
        parts = [f"{self.cpus:g} CPU{'s' if self.cpus != 1 else ''}"]
        parts += [f"{self.gpus:g} GPU{'s' if self.gpus != 1 else ''}"] if self.gpus else []
        return " and ".join(parts)


def sum_reserved(resources: Mapping[str, float], workers: int) -> Reservation:
    """Return a trial's share; `resources` are one worker's, or the trial's own with no workers."""
    factor = max(1, workers)
    return Reservation(cpus=factor * resources.get("CPU", 0.0), gpus=factor * resources.get("GPU", 0.0))

"""What a study was given, and what it takes: facts beside the scores."""

from train.config import Frozen


class BadSample(Frozen):
    """A labelled image that was left out, and why."""

    source: str
    reason: str


class DataSummary(Frozen):
    """What the study learnt from.

    Attributes:
        path: what --data said.
        samples: number in each split.
        origins: where each split came from, e.g. `val_list.txt` or `made: grouped by text, seed 0`.
        left_out: the bad samples.
        repaired: number of samples whose labels were put right.
    """

    path: str
    samples: dict[str, int]
    origins: dict[str, str]
    left_out: tuple[BadSample, ...] = ()
    repaired: int = 0


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

"""Which result is better: the one rule for epochs, trials, averages of weights, Optuna and ASHA.

Without a limit on forgetting: the task's first score on the validation split, ties by its second, and where both are
equal by how probable the labels are (`Scores.rank_with`). With one, whatever
forgets too much ranks below everything that does not, and among its like by how much too much; only then by how well
it reads (Deb, An efficient constraint handling method for genetic algorithms, 2000). Optuna's constrained TPE splits
trials by the same order, so to tell it one number is as good as to tell it constraints, and ASHA understands it, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

ROUNDING = 1e-9
WORST = -2.0
"""Below every score: of a trial that diverged."""


class Forgotten(NamedTuple):
    """How much of the first score on the general samples is lost.

    Attributes:
        forgetting: negative for a gain.
        excess: of that over the limit; 0 within it, or without one.
    """

    forgetting: float
    excess: float


@dataclass(frozen=True)
class Forgetting:
    """What the models knew, and how much of it a trial may lose.

    Attributes:
        published: model -> its first score on the general samples, as published.
        limit: what that may fall by, in [0, 1]; None for any fall.
        steps: of that score (`Scores.steps`): how many samples, where it is a share of them.
    """

    published: Mapping[str, float]
    limit: float | None
    steps: int

    def measure(self, model: str, general: float) -> Forgotten:
        """Return how much a model has lost that now has this first score on the general samples."""
        forgetting = self.published[model] - general
        excess = 0.0 if self.limit is None else forgetting - self.limit
        return Forgotten(forgetting, excess if excess > ROUNDING else 0.0)


def merit(primary: float, excess: float) -> float:
    """Return the first score in [0, 1], or, of what forgets too much, by how much below 0."""
    return -excess if excess else primary


def rank_key(primary: float, tie: float, excess: float = 0.0) -> tuple[float, float, float]:
    """Return the sort key of a result, the better the larger."""
    return merit(primary, excess), primary, tie


def score(primary: float, tie: float, steps: int, excess: float = 0.0, general_steps: int = 1) -> float:
    """Return one number that orders as `rank_key` does: in [0, 1.5], or [-2, 0) for what forgets too much.

    Args:
        primary: the first score, a count of `steps`, as a share.
        tie: the second one, in [0, 1]; at most half a step, so less than one of the first.
        steps: of the first score on the validation split (`Scores.steps`).
        excess: forgetting above the limit; a count of `general_steps` less a constant of the model.
        general_steps: of it; all the rest is worth less than half of one.
    """
    value = primary + tie / (2 * steps)
    return value if not excess else -1 - excess + value / (4 * general_steps)

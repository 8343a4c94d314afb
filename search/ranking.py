"""Which result is better: the one rule for epochs, trials, averages of weights, Optuna and ASHA.

Without a limit on forgetting: exact match on the validation lines, ties by edit similarity. With one, whatever
forgets too much ranks below everything that does not, and among its like by how much too much; only then by how well
it reads (Deb, An efficient constraint handling method for genetic algorithms, 2000). Optuna's constrained TPE splits
trials by the same order, so to tell it one number is as good as to tell it constraints, and ASHA understands it, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

ROUNDING = 1e-9
WORST = -2.0
"""Below every score: of a trial that diverged."""


@dataclass(frozen=True)
class Forgetting:
    """What the models knew, and how much of it a trial may lose.

    Attributes:
        known: model -> exact match on the general lines, as published.
        limit: what exact match on them may fall by, in [0, 1]; None for any fall.
        lines: how many general lines there are.
    """

    known: Mapping[str, float]
    limit: float | None
    lines: int

    def measured(self, model: str, general_exact_match: float) -> dict[str, float]:
        """Return `forgetting`, negative where a model has gained, and its `excess` over the limit, 0 if within."""
        forgetting = self.known[model] - general_exact_match
        excess = 0.0 if self.limit is None else forgetting - self.limit
        return {"forgetting": forgetting, "excess": excess if excess > ROUNDING else 0.0}


def merit(exact_match: float, excess: float) -> float:
    """Return exact match in [0, 1], or, of what forgets too much, by how much below 0."""
    return -excess if excess else exact_match


def rank_key(exact_match: float, edit_similarity: float, excess: float = 0.0) -> tuple[float, float, float]:
    """Return the sort key of a result, the better the larger."""
    return merit(exact_match, excess), exact_match, edit_similarity


def score(
    exact_match: float, edit_similarity: float, lines: int, excess: float = 0.0, general_lines: int = 1
) -> float:
    """Return one number that orders as `rank_key` does: in [0, 1.5], or [-2, 0) for what forgets too much.

    Args:
        exact_match: a count of `lines`, as a share.
        edit_similarity: in [0, 1]; at most half a line, so less than one line of exact match.
        lines: in the validation split.
        excess: forgetting above the limit; a count of `general_lines` less a constant of the model.
        general_lines: how many; all the rest is worth less than half of one.
    """
    value = exact_match + edit_similarity / (2 * lines)
    return value if not excess else -1 - excess + value / (4 * general_lines)

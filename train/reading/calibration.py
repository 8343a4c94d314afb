"""How often texts of a score are right, and from which score on they may go without a person."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train.config import Frozen
from train.scoring.intervals import Interval, wilson_interval

FEWEST = 20
"""Lines of a step of the curve, and lines that are accepted, at least: fewer say nothing."""
BINS = 10
Floats = npt.NDArray[np.float64]


class Coverage(Frozen):
    """What becomes of lines when those from a score on are accepted.

    Attributes:
        lines: how many there are.
        accepted: of these.
        right: of these.
        asked: share that ought to be right; None where none was asked for.
    """

    lines: int
    accepted: int
    right: int
    asked: float | None = None

    @property
    def precision(self) -> Interval:
        """The interval of the share of these that is right."""
        return wilson_interval(self.right, self.accepted)

    def __str__(self) -> str:
        """Say it in a sentence."""
        if not self.accepted:
            return f"none of {self.lines} lines accepted"
        low, high = self.precision.ends
        asked = "" if self.asked is None else f"; asked for: {100 * self.asked:.4g}"
        share, right = 100 * self.accepted / self.lines, 100 * self.right / self.accepted
        return (
            f"{share:.0f} % of {self.lines} lines, of which {right:.1f} % are right (95 %: {100 * low:.1f} to "
            f"{100 * high:.1f}{asked}); a person looks at the others"
        )


class Reliability(Frozen):
    """Lines of which about the same was said, and what became of them.

    Attributes:
        said: the mean probability of being right that they were given.
        lines: how many.
        right: of these.
    """

    said: float
    lines: int
    right: int

    @property
    def interval(self) -> Interval:
        """Of the share that is right."""
        return wilson_interval(self.right, self.lines)


class Calibration(Frozen):
    """A rising curve from score to share of right texts, and where to accept.

    Attributes:
        scores: where the steps of the curve begin, rising.
        shares: of right texts from there on.
        precision: that was asked for.
        accept_at: score from which on that many were right; None where that was so of no FEWEST lines.
        measured: on the lines that chose it.
    """

    scores: tuple[float, ...]
    shares: tuple[float, ...]
    precision: float
    accept_at: float | None
    measured: Coverage

    def probability(self, score: float) -> float | None:
        """Return how many texts of such a score are right; None below all that were measured."""
        if score < self.scores[0]:
            return None
        place = int(np.searchsorted(self.scores, score, side="right")) - 1
        return self.shares[place]

    def accepts(self, score: float) -> bool:
        """Whether a text may go without a person."""
        return self.accept_at is not None and score >= self.accept_at


def calibrate(scores: Sequence[float], right: Sequence[bool], precision: float) -> Calibration:
    """Return the curve of validation lines (isotonic regression: Zadrozny and Elkan, 2002) and where to accept.

    Args:
        scores: of lines, in nats (`TextReading.score`).
        right: whether each text is right.
        precision: share of right ones among those that are accepted.
    """
    order = np.argsort(np.array(scores), kind="stable")
    values, hits = np.array(scores, float)[order], np.array(right, float)[order]
    starts, shares = _rising(values, hits)
    bound = _accept_at(values, hits, precision)
    return Calibration(
        scores=tuple(starts),
        shares=tuple(shares),
        precision=precision,
        accept_at=bound,
        measured=measure_coverage(scores, right, bound, precision),
    )


def measure_reliability(said: Sequence[float | None], right: Sequence[bool]) -> tuple[Reliability, ...]:
    """Return what became of the lines that were given a probability, by this, in about BINS groups."""
    given = [(one, hit) for one, hit in zip(said, right, strict=True) if one is not None]
    values, hits = np.array(sorted(given, key=lambda pair: pair[0]), float).reshape(-1, 2).T
    ends = np.append(
        np.flatnonzero(np.diff(values)) + 1, len(values)
    )  # lines of one probability stay together
    found, first = [], 0
    for end in ends.tolist() if len(values) else ():
        if end - first >= max(1, len(values) // BINS) or end == len(values):
            group = slice(first, end)
            mean, hit = float(values[group].mean()), int(hits[group].sum())
            found.append(Reliability(said=mean, lines=end - first, right=hit))
            first = end
    return tuple(found)


def measure_coverage(
    scores: Sequence[float], right: Sequence[bool], accept_at: float | None, asked: float | None = None
) -> Coverage:
    """Return what accepting from a score on would do with lines, of which a share ought to be right."""
    accepted = [
        hit for score, hit in zip(scores, right, strict=True) if accept_at is not None and score >= accept_at
    ]
    return Coverage(lines=len(right), accepted=len(accepted), right=sum(accepted), asked=asked)


def _rising(values: Floats, hits: Floats) -> tuple[list[float], list[float]]:
    """Return the steps of the rising curve that is nearest: neighbours that fall, or are few, are one step."""
    steps: list[tuple[float, float, int]] = []  # begins at, right ones, lines
    for value, hit in zip(values.tolist(), hits.tolist(), strict=True):
        steps.append((value, hit, 1))
        while len(steps) > 1 and (
            steps[-2][1] * steps[-1][2] >= steps[-1][1] * steps[-2][2] or steps[-2][2] < FEWEST
        ):
            _, more, lines = steps.pop()
            start, right, count = steps.pop()
            steps.append((start, right + more, count + lines))
    return [start for start, *_ in steps], [(right + 0.5) / (count + 1) for _, right, count in steps]


def _accept_at(values: Floats, hits: Floats, precision: float) -> float | None:
    """Return the lowest score from which on enough of FEWEST or more texts are right; None without one."""
    right = np.cumsum(hits[::-1])[::-1] / np.arange(len(hits), 0, -1)
    begins = np.concatenate([[True], values[1:] > values[:-1]]) if len(values) else np.zeros(0, bool)
    enough = np.flatnonzero((right >= precision) & begins)
    enough = enough[enough <= len(hits) - FEWEST]
    return float(values[enough[0]]) if len(enough) else None

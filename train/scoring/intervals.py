"""How sure a score is, alone and against another model's on the same lines."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from train.config import Frozen

Z_95 = 1.959963984540054
RESAMPLES = 10_000
CHUNK = 500  # resamples at a time, so that they fit in memory
SampleStats = npt.NDArray[np.float64]


class Interval(Frozen):
    """A 95 % confidence interval."""

    low: float
    high: float

    @property
    def ends(self) -> list[float]:
        """Both, as JSON holds them."""
        return [self.low, self.high]


class Gain(Frozen):
    """A difference of two scores, in [-1, 1], and its 95 % interval."""

    difference: float
    interval: Interval


def standard_error(score: float, samples: int) -> float:
    """Return that of a share in [0, 1] of so many samples."""
    return math.sqrt(max(0.0, score * (1 - score)) / samples)


def wilson_interval(right: float, n: int) -> Interval:
    """Return the 95 % interval of the share right / n; (0, 1) for n = 0.

    Wilson, JASA 22 (1927): unlike p +- 1.96 s it stays inside [0, 1] and keeps its promise at 0 and at 1.
    """
    if n == 0:
        return Interval(low=0, high=1)
    share, z2 = right / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(low=max(0.0, centre - reach), high=min(1.0, centre + reach))


def paired_gain_interval(
    before: SampleStats, after: SampleStats, primary: Callable[[SampleStats], float], seed: int
) -> Gain:
    """Return what `after` gains over `before` on the same samples, with a paired bootstrap interval.

    Args:
        before: (N, k) float64, what the first model's score is made of, for each sample.
        after: (N, k) float64, the same samples for the second one.
        primary: (k,) sums over samples -> the score, in [0, 1].
        seed: of the resampling.

    Raises ValueError if the arrays do not fit or are empty.
    """
    if before.shape != after.shape or before.ndim != 2 or len(before) == 0:
        raise ValueError(f"paired samples must be (N, k) with N > 0, got {before.shape} and {after.shape}")
    both = np.hstack([before, after])

    def gain(sums: SampleStats) -> float:
        one, two = np.split(sums, 2)
        return primary(two) - primary(one)

    return Gain(difference=gain(both.sum(axis=0)), interval=bootstrap_interval(both, gain, seed))


def bootstrap_interval(rows: SampleStats, score: Callable[[SampleStats], float], seed: int) -> Interval:
    """Return the 95 % interval of a score that is made of sums over samples, N > 0.

    Args:
        rows: (N, k) float64, what the score is made of, for each sample.
        score: (k,) sums over samples -> the score.
        seed: of the resampling.

    Resampling is drawing how often each kind of sample comes (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993), so no index is drawn.
    """
    kinds, counts = np.unique(rows, axis=0, return_counts=True)
    rng, found = np.random.default_rng(seed), np.zeros(RESAMPLES)
    for start in range(0, RESAMPLES, CHUNK):
        drawn = rng.multinomial(len(rows), counts / len(rows), min(CHUNK, RESAMPLES - start)) @ kinds
        found[start : start + len(drawn)] = [score(sums) for sums in drawn]
    low, high = np.percentile(found, [2.5, 97.5])
    return Interval(low=float(low), high=float(high))

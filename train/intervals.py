"""How sure a share of right readings is, alone and against another model's on the same lines."""

import math

import numpy as np
import numpy.typing as npt

from train.config import Frozen

Z_95 = 1.959963984540054
RESAMPLES = 10_000


class Interval(Frozen):
    """A 95 % confidence interval."""

    low: float
    high: float


class Gain(Frozen):
    """A difference of two shares, in [-1, 1], and its 95 % interval."""

    difference: float
    interval: Interval


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


def paired_gain_interval(before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], seed: int) -> Gain:
    """Return what `after` gains over `before` on the same samples, with a paired bootstrap interval.

    Args:
        before: (N,) bool, which samples the first model reads right.
        after: (N,) bool, the same samples for the second one.
        seed: of the resampling.

    Raises ValueError if the arrays do not fit or are empty. Resampling pairs is drawing how many of them were
    won, lost and tied (Efron and Tibshirani, An Introduction to the Bootstrap, 1993), so no index is drawn.
    """
    if before.shape != after.shape or before.ndim != 1 or len(before) == 0:
        raise ValueError(f"paired samples must be (N,) with N > 0, got {before.shape} and {after.shape}")
    n = len(before)
    won, lost = int((after & ~before).sum()), int((before & ~after).sum())
    drawn = np.random.default_rng(seed).multinomial(n, [won / n, lost / n, 1 - (won + lost) / n], RESAMPLES)
    low, high = np.percentile((drawn[:, 0] - drawn[:, 1]) / n, [2.5, 97.5])
    return Gain(difference=(won - lost) / n, interval=Interval(low=float(low), high=float(high)))

"""How sure a score is, alone and against another model's on the same lines."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from train.config import Frozen

Z_95 = 1.959963984540054
"""The 97.5 % quantile of a normal distribution."""
T_95 = (12.706, 4.303, 3.182, 2.776)
"""Of Student's t with 1 to 4 degrees of freedom."""
RESAMPLES = 10_000
CHUNK = 500  # resamples at a time, so that they fit in memory
LEVEL = 0.05
SampleStats = npt.NDArray[np.float64]
Documents = Sequence[str] | npt.NDArray[Any]


class Interval(Frozen):
    """A 95 % confidence interval."""

    low: float
    high: float

    @property
    def ends(self) -> list[float]:
        """Both, as JSON holds them."""
        return [self.low, self.high]


class Gain(Frozen):
    """A difference of two scores, in [-1, 1], and its 95 % interval.

    Attributes:
        documents: how many the samples are of, by which the interval counts; None where each stands for itself.
    """

    difference: float
    interval: Interval
    documents: int | None = None

    @property
    def standard_error(self) -> float:
        """Of the difference."""
        return (self.interval.high - self.interval.low) / (2 * Z_95)


def describe_points(gain: Gain) -> str:
    """Say what is gained: `+2.0 points, 95 %: +0.5 to +3.5`."""
    low, high = (100 * end for end in gain.interval.ends)
    return f"{100 * gain.difference:+.1f} points, 95 %: {low:+.1f} to {high:+.1f}"


def standard_error(score: float, samples: int) -> float:
    """Return the standard error of a share in [0, 1] of so many samples."""
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
    before: SampleStats,
    after: SampleStats,
    primary: Callable[[SampleStats], float],
    seed: int,
    documents: Documents | None = None,
) -> Gain:
    """Return what `after` gains over `before` on the same samples, with a paired interval.

    Where every sample is right or wrong, it is `paired_share_gain`; of any other score, such as hmean, a bootstrap over
    samples, or over documents. Where few samples differ a bootstrap is too narrow (of one it is a point), so it leaves
    out 0 only where so many differ that a sign test could, were one model better in all of them.

    Args:
        before: (N, k) float64, what the first model's score is made of, for each sample.
        after: (N, k) float64, the same samples for the second one.
        primary: (k,) sums over samples -> the score, in [0, 1].
        seed: of the resampling.
        documents: (N,) of which document each sample is; None where every sample stands for itself.

    Raises ValueError if the arrays do not fit or are empty.
    """
    if before.shape != after.shape or before.ndim != 2 or len(before) == 0:
        raise ValueError(f"paired samples must be (N, k) with N > 0, got {before.shape} and {after.shape}")
    if _are_shares(before, whole=True) and _are_shares(after, whole=True):
        return paired_share_gain(before[:, 1], after[:, 1], documents)
    both = np.hstack([before, after])

    def gain(sums: SampleStats) -> float:
        one, two = np.split(sums, 2)
        return primary(two) - primary(one)

    rows = both if documents is None else _sums(both, documents)
    interval = bootstrap_interval(rows, gain, seed)
    if sign_test(sum(gain(row) != 0 for row in rows), 0) > LEVEL:
        interval = Interval(low=min(interval.low, 0.0), high=max(interval.high, 0.0))
    return Gain(
        difference=gain(both.sum(axis=0)),
        interval=interval,
        documents=None if documents is None else len(rows),
    )


def paired_share_gain(
    before: npt.ArrayLike, after: npt.ArrayLike, documents: Documents | None = None
) -> Gain:
    """Return how much larger the share of samples is that `after` has right than `before`, N > 0 of both.

    The interval is Bonett and Price's (Journal of Educational and Behavioral Statistics 37, 2012), which keeps its
    promise with few samples that differ, as Fagerland et al. found (Statistics in Medicine 33, 2014). It leaves out 0
    only if the exact sign test on what differs (McNemar's) does so, too: 4 lines won and none lost say nothing.
    Lines of one document are not independent: N is then what it is worth by the design effect (Kish), and the sign test
    counts documents.

    Args:
        before: (N,) whether the first model is right.
        after: (N,) whether the second one is.
        documents: (N,) of which document each sample is; None where every sample stands for itself.
    """
    changes = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    sums = changes if documents is None else _sums(changes[:, None], documents)[:, 0]
    n = len(changes) / design_effect(changes, documents)
    won, lost = (n * float((changes * sign > 0).mean()) for sign in (1, -1))
    centre, spread = (won - lost) / (n + 2), (won + lost + 2) / (n + 2)
    reach = Z_95 * math.sqrt((spread - centre**2) / (n + 2))
    low, high = max(-1.0, centre - reach), min(1.0, centre + reach)
    if sign_test(int((sums > 0).sum()), int((sums < 0).sum())) > LEVEL:
        low, high = min(low, 0.0), max(high, 0.0)
    return Gain(
        difference=float(changes.mean()),
        interval=Interval(low=low, high=high),
        documents=None if documents is None else len(sums),
    )


def sign_test(won: int, lost: int) -> float:
    """Return the exact probability, two-sided, of a result as uneven as this where either is as likely."""
    tosses, fewer = won + lost, min(won, lost)
    ways = sum(math.comb(tosses, one) for one in range(fewer + 1))
    return min(1.0, ways / 2 ** (tosses - 1)) if tosses else 1.0


def design_effect(values: npt.ArrayLike, documents: Documents | None) -> float:
    """Return how many times the variance of a mean grows as samples of one document are alike; 1 at least.

    It is measured (Rao and Scott, Biometrics 48, 1992), for each document's sum against the share of its samples.

    Args:
        values: (N,) of the samples.
        documents: (N,) of which document each is; None where every sample stands for itself.
    """
    apart = np.asarray(values, np.float64)
    apart = apart - apart.mean()
    if documents is None or not apart.any():
        return 1.0
    ratio = _variance_of_sum(_sums(apart[:, None], documents)[:, 0]) / _variance_of_sum(apart)
    return max(1.0, ratio)


def _variance_of_sum(apart: npt.NDArray[np.float64]) -> float:
    """Return the estimated variance of a sum of (N,) independent values whose mean is 0."""
    return float((apart**2).sum()) * len(apart) / max(1, len(apart) - 1)


def score_interval(rows: SampleStats, primary: Callable[[SampleStats], float], seed: int) -> Interval:
    """Return the 95 % interval of a score: Wilson's where it is a share, or a mean of shares, else a bootstrap.

    Args:
        rows: (N, k) float64, what the score is made of, for each sample, N > 0.
        primary: (k,) sums over samples -> the score.
        seed: of the resampling.
    """
    if _are_shares(rows):  # what lies between right and wrong spreads less than Wilson's takes it to
        return wilson_interval(float(rows[:, 1].sum()), len(rows))
    return bootstrap_interval(rows, primary, seed)


def _are_shares(rows: SampleStats, whole: bool = False) -> bool:
    """Tell whether rows are (1, share of it that is right) each; `whole`: right or wrong."""
    if rows.shape[1] != 2 or not (rows[:, 0] == 1).all():
        return False
    right = rows[:, 1]
    return bool(np.isin(right, (0, 1)).all() if whole else ((right >= 0) & (right <= 1)).all())


def _sums(rows: SampleStats, documents: Documents) -> SampleStats:
    """Return (D, k): the sums of the (N, k) rows over each document."""
    _, places = np.unique(np.asarray(documents), return_inverse=True)
    return np.stack([np.bincount(places, column) for column in rows.T], axis=1)


def bootstrap_interval(rows: SampleStats, score: Callable[[SampleStats], float], seed: int) -> Interval:
    """Return the 95 % interval of a score that is made of sums over samples, N > 0.

    Args:
        rows: (N, k) float64, what the score is made of, for each sample.
        score: (k,) sums over samples -> the score.
        seed: of the resampling.

    Resampling is drawing how often each kind of sample comes (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993), so no index is drawn. Of few samples too little lies between the usual percentiles: they are moved out as far
    as Student's t asks (Hesterberg, What Teachers Should Know About the Bootstrap, American Statistician 69, 2015).
    """
    kinds, counts = np.unique(rows, axis=0, return_counts=True)
    rng, found = np.random.default_rng(seed), np.zeros(RESAMPLES)
    for start in range(0, RESAMPLES, CHUNK):
        drawn = rng.multinomial(len(rows), counts / len(rows), min(CHUNK, RESAMPLES - start)) @ kinds
        found[start : start + len(drawn)] = [score(sums) for sums in drawn]
    freedom = max(1, len(rows) - 1)
    tail = 100 * NormalDist().cdf(-t_95(freedom) * math.sqrt(len(rows) / freedom))
    low, high = np.percentile(found, [tail, 100 - tail])
    return Interval(low=float(low), high=float(high))


def t_95(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t; from 5 on by the Cornish-Fisher expansion, 0.004 off at most."""
    if freedom <= len(T_95):
        return T_95[freedom - 1]
    z = Z_95
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, third
    return z + sum(term / float(freedom) ** power for power, term in enumerate(terms, 1))

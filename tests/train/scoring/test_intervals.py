"""Intervals hold what they promise: where few samples differ, and where samples come in documents."""

import numpy as np
import numpy.typing as npt
import pytest

from train.scoring.intervals import (
    bootstrap_interval,
    design_effect,
    paired_gain_interval,
    paired_share_gain,
    score_interval,
    sign_test,
)
from train.scoring.regions import RegionScores, hmean

Rights = npt.NDArray[np.bool_]
N = 120


def changed(won: int, lost: int) -> tuple[Rights, Rights]:
    """Return N lines of which the second model alone has `won` right, the first alone `lost`."""
    before, after = np.arange(N) < 90, np.arange(N) < 90 + won
    after[:lost] = False
    return before, after


@pytest.mark.parametrize(("won", "lost", "sure"), [(4, 0, False), (7, 1, False), (9, 2, False), (6, 0, True)])
def test_few_lines_that_differ_are_no_gain_unless_the_exact_test_says_so(
    won: int, lost: int, sure: bool
) -> None:
    assert (sign_test(won, lost) <= 0.05) == sure
    gain, loss = paired_share_gain(*changed(won, lost)), paired_share_gain(*changed(won, lost)[::-1])
    assert gain.difference == pytest.approx((won - lost) / N)
    assert (gain.interval.low > 0) == (loss.interval.high < 0) == sure
    assert sum(gain.interval.ends) == pytest.approx(-sum(loss.interval.ends))


@pytest.mark.parametrize(("photos", "sure"), [(1, False), (5, False), (6, True)])
def test_few_photos_are_no_gain_however_large(photos: int, sure: bool) -> None:
    """A bootstrap of one photo is a point; those that are found alike tell nothing."""
    alike = np.ones((4, 3))
    before, after = (np.vstack([np.array([[right, 4.0, 4.0]] * photos), alike]) for right in (1.0, 3.0))
    gain, loss = (paired_gain_interval(*pair, hmean, seed=0) for pair in ((before, after), (after, before)))
    assert gain.difference == -loss.difference > 0
    assert (gain.interval.low > 0) == (loss.interval.high < 0) == sure
    assert RegionScores.measured(np.ones((1, 5))).interval is None


@pytest.mark.parametrize(("photos", "t"), [(5, 2.776), (8, 2.365), (20, 2.093), (172, 1.974)])
def test_few_photos_have_an_interval_as_wide_as_students(photos: int, t: float) -> None:
    """Between the usual percentiles of a bootstrap of eight photos lie 2.0 standard errors a side, too few."""
    values = np.linspace(0.2, 0.8, photos)
    rows = np.stack([np.ones(photos), values], axis=1)
    found = bootstrap_interval(rows, lambda sums: float(sums[1] / sums[0]), seed=0)
    reach = t * float(values.std(ddof=1)) / photos**0.5
    assert found.high - found.low == pytest.approx(2 * reach, rel=0.1)
    assert found.low + found.high == pytest.approx(1, abs=0.02)


def test_nothing_that_differs_does_not_prove_two_models_equal() -> None:
    rows = np.ones((40, 2))
    gain = paired_gain_interval(rows, rows, lambda sums: float(sums[1] / sums[0]), seed=0)
    assert gain.difference == 0
    assert gain.interval.low < -0.02 < 0.02 < gain.interval.high
    assert score_interval(rows, lambda sums: float(sums[1] / sums[0]), seed=0).low < 0.95


@pytest.mark.parametrize(
    ("n", "won", "lost"), [(60, 0.02, 0.0), (120, 0.03, 0.03), (120, 0.04, 0.01), (60, 0.2, 0.1)]
)
def test_nineteen_of_twenty_intervals_hold_the_true_gain(n: int, won: float, lost: float) -> None:
    rng, held = np.random.default_rng(5), 0
    for _ in range(600):
        drawn = rng.choice(3, n, p=[won, lost, 1 - won - lost])
        interval = paired_share_gain(drawn == 1, drawn == 0).interval
        held += interval.low <= won - lost <= interval.high
    assert held / 600 > 0.935  # 0.95 less two standard errors


def test_lines_of_one_document_count_for_less() -> None:
    """Ten documents of twelve lines, each read alike: as much is known as of ten lines."""
    rng, held, alone = np.random.default_rng(6), 0, 0
    documents = np.repeat(np.arange(10), 12)
    for _ in range(300):
        drawn = np.repeat(rng.choice(3, 10, p=[0.3, 0.3, 0.4]), 12)
        before, after = drawn == 1, drawn == 0
        gains = [paired_share_gain(before, after, one) for one in (documents, None)]
        assert [gain.documents for gain in gains] == [10, None]
        found = [gain.interval for gain in gains]
        held, alone = (
            held + (found[0].low <= 0 <= found[0].high),
            alone + (found[1].low <= 0 <= found[1].high),
        )
    assert held / 300 > 0.92
    assert alone / 300 < 0.7
    assert design_effect(rng.random(120) < 0.5, np.arange(120)) == pytest.approx(1)

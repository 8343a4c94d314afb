"""A cut is chosen where it is significantly better, and only there."""

import numpy as np
import pytest

from train.end_to_end.cut_choice import significant_best


@pytest.mark.parametrize(("gain", "chosen"), [(0.0, 0), (0.02, 0), (0.1, 2)])
def test_another_cut_has_to_be_significantly_better(gain: float, chosen: int) -> None:
    rng = np.random.default_rng(1)
    usual = rng.uniform(0.5, 1, 100)
    worse, better = usual - 0.1, usual + gain + rng.normal(0, 0.15, 100)
    assert significant_best(np.stack([usual, worse, better])) == chosen

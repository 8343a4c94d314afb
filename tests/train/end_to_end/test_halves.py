"""A published model is taken in a trained one's place where it reads more right by a standard error, and only there."""

import numpy as np
import pytest

from train.end_to_end.halves import BOTH, PUBLISHED, TRAINED, Halves, choose_pair

AS_PUBLISHED: Halves = (PUBLISHED, PUBLISHED)
MIXED: Halves = (TRAINED, PUBLISHED)


@pytest.mark.parametrize(
    ("right", "chosen"),
    [
        ({BOTH: 20, MIXED: 20, AS_PUBLISHED: 10}, BOTH),
        ({BOTH: 15, MIXED: 20, AS_PUBLISHED: 10}, MIXED),  # five photos won and none lost are not significant
        ({BOTH: 5, MIXED: 20, AS_PUBLISHED: 25}, AS_PUBLISHED),
        ({BOTH: 5, MIXED: 25, AS_PUBLISHED: 20}, MIXED),
    ],
)
def test_the_trained_pair_stays_unless_another_is_better(right: dict[Halves, int], chosen: Halves) -> None:
    photos = np.arange(30)
    counts = {
        pair: np.stack([np.ones(30), np.ones(30), np.ones(30), np.ones(30), photos < many], axis=1)
        for pair, many in right.items()
    }
    found = choose_pair({pair: rows.astype(np.float64) for pair, rows in counts.items()}, unseen=True)
    assert found.chosen == chosen
    assert f"{right[AS_PUBLISHED] / 30:.3f} with both published (the trained pair gains " in str(found)
    assert ("taken" in str(found)) == (chosen != BOTH)

"""A published model is taken in a trained one's place where it is surely enough better, and only there."""

import numpy as np
import pytest

from train.end_to_end.halves import BOTH, PUBLISHED, TRAINED, Halves, choose_pair

AS_PUBLISHED: Halves = (PUBLISHED, PUBLISHED)
MIXED: Halves = (TRAINED, PUBLISHED)


@pytest.mark.parametrize(
    ("right", "unseen", "chosen"),
    [
        ({BOTH: 20, MIXED: 20, AS_PUBLISHED: 10}, False, BOTH),
        ({BOTH: 20, MIXED: 21, AS_PUBLISHED: 22}, False, BOTH),  # one or two photos
        ({BOTH: 15, MIXED: 20, AS_PUBLISHED: 10}, False, MIXED),  # five won and none lost are not significant
        ({BOTH: 15, MIXED: 20, AS_PUBLISHED: 10}, True, BOTH),
        ({BOTH: 5, MIXED: 20, AS_PUBLISHED: 25}, True, AS_PUBLISHED),
        ({BOTH: 5, MIXED: 25, AS_PUBLISHED: 20}, True, MIXED),
    ],
)
def test_the_trained_pair_stays_unless_another_is_better(
    right: dict[Halves, int], unseen: bool, chosen: Halves
) -> None:
    photos = np.arange(30)
    counts = {
        pair: np.stack([np.ones(30), np.ones(30), np.ones(30), np.ones(30), photos < many], axis=1)
        for pair, many in right.items()
    }
    found = choose_pair({pair: rows.astype(np.float64) for pair, rows in counts.items()}, unseen=unseen)
    assert found.chosen == chosen
    assert f"{right[AS_PUBLISHED] / 30:.3f} with both published (the trained pair gains " in str(found)
    assert (("significantly" if unseen else "by more than a standard error") in str(found)) == (
        chosen != BOTH
    )

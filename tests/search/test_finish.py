"""What a study says became of its trials."""

import pytest

from search.finish import state_of
from tests.real_lines import config
from train.patience import Best


class Ended:
    """What Tune says of a trial that returned."""

    error = None
    metrics: dict[str, float] = {}  # noqa: RUF012


@pytest.mark.parametrize(
    ("last", "best", "patience", "state", "reason"),
    [
        (4, 2, 2, "finished", "no better epoch in 2 after epoch 2"),
        (4, 3, 2, "stopped", "stopped after epoch 4 of 9 (scheduler or time budget)"),
        (4, 2, 0, "stopped", "stopped after epoch 4 of 9 (scheduler or time budget)"),
        (9, 7, 2, "finished", ""),
        (9, 9, 0, "finished", ""),
    ],
)
def test_a_trial_ends_with_its_reason(last: int, best: int, patience: int, state: str, reason: str) -> None:
    scores = {"exact_match": 0.5, "edit_similarity": 0.5}
    report = {"epoch": last, **scores} | (
        Best(("exact_match", "edit_similarity"), best, (0.5, 0.5)).metrics() if patience else {}
    )
    assert state_of(Ended(), report, config(epochs=9, patience=patience)) == (state, reason)

"""Which checkpoints may go."""

from search.experiment.keep import SNAPSHOT_S, Kept, find_superfluous

KEPT = [
    Kept(0.0, 1, 0.5, "old"),
    Kept(1.0, 2, 0.9, "best"),
    Kept(2.0, 3, 0.6, "older"),
    Kept(SNAPSHOT_S + 5, 4, 0.7, "before"),
    Kept(400.0, 5, 0.1, "last"),
]


def test_the_best_the_two_latest_and_the_recent_stay() -> None:
    assert find_superfluous(KEPT, SNAPSHOT_S + 10) == ["old", "older"]
    assert find_superfluous(KEPT, 1e9) == ["old", "older"]


def test_more_stay_where_others_go_on_from_them() -> None:
    assert find_superfluous(KEPT, 1e9, latest=3) == ["old"]
    assert find_superfluous(KEPT, 1e9, ended=True, latest=3) == ["old", "older", "before", "last"]


def test_a_trial_that_has_ended_keeps_its_best_alone() -> None:
    assert find_superfluous(KEPT, 1e9, ended=True) == ["old", "older", "before", "last"]
    assert find_superfluous(KEPT, SNAPSHOT_S + 10, ended=True) == ["old", "older"]


def test_of_a_repeated_epoch_the_last_checkpoint_counts() -> None:
    repeated = [*KEPT, Kept(401.0, 2, 0.9, "best again"), Kept(402.0, 3, 0.6, "older again")]
    assert "best" in find_superfluous(repeated, 1e9, ended=True)
    assert "best again" not in find_superfluous(repeated, 1e9, ended=True)


def test_of_equals_the_earliest_is_the_best() -> None:
    assert find_superfluous([Kept(0.0, 1, 0.5, "a"), Kept(1.0, 2, 0.5, "b")], 1e9, ended=True) == ["b"]


def test_a_single_checkpoint_stays() -> None:
    assert find_superfluous([Kept(0.0, 1, 0.0, "only")], 1e9) == []

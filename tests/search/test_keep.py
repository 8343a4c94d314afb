"""Which checkpoints may go."""

from search.keep import SNAPSHOT_S, superfluous


def test_the_best_the_latest_and_the_recent_stay() -> None:
    kept = [
        (0.0, 0.5, "old"),
        (1.0, 0.9, "best"),
        (2.0, 0.6, "older"),
        (SNAPSHOT_S + 5, 0.7, "recent"),
        (400.0, 0.1, "last"),
    ]
    assert superfluous(kept, SNAPSHOT_S + 10) == ["old", "older"]
    assert superfluous(kept, 2 * SNAPSHOT_S + 10) == ["old", "older", "recent"]


def test_a_single_checkpoint_stays() -> None:
    assert superfluous([(0.0, 0.0, "only")], 1e9) == []

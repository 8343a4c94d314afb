"""A run that gets no better ends, and ends in the same epoch however often it was interrupted."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.real_lines import config, few_lines, run
from train.checkpoint import load_checkpoint
from train.loop import TrainingData
from train.scoring.texts import TextScores
from train.steps.schedule import Best

NAMES = ("exact_match", "edit_similarity")
STANDING_STILL = {"learning_rate": 1e-12}


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return few_lines(data_dir)


Epochs = list[tuple[float, float, float | None]]


def epoch(
    number: int, exact_match: float, edit_similarity: float, loss: float | None = None
) -> dict[str, float]:
    found = {"epoch": number, "exact_match": exact_match, "edit_similarity": edit_similarity}
    return found if loss is None else found | {"val_loss": loss}


share = st.sampled_from([0.0, 0.5, 1.0])
scores = st.lists(st.tuples(share, share, st.sampled_from([None, 0.0, 2.0, 30.0, 60.0])), min_size=1)


@given(scores)
def test_the_best_epoch_is_the_first_of_the_highest_then_of_the_least_loss(epochs: Epochs) -> None:
    best = Best(NAMES)
    for number, one in enumerate(epochs, 1):
        best = best.after(epoch(number, *one))
    keys = [(exact, similarity, -99.0 if loss is None else -loss) for exact, similarity, loss in epochs]
    assert best.epoch == keys.index(max(keys)) + 1
    assert best.rank == max(keys)[:2]
    ranks = [TextScores.rank_in({**epoch(0, *one), "cer": 0.0}) for one in epochs]
    assert ranks.index(max(ranks)) + 1 == best.epoch, "the number that checkpoints are kept by says the same"


@given(scores, st.integers(0, 4))
def test_an_interruption_changes_nothing(pairs: Epochs, patience: int) -> None:
    """The best epoch comes back from the metrics of any later one."""
    best = Best(NAMES)
    for number, pair in enumerate(pairs, 1):
        metrics = epoch(number, *pair)
        best = best.after(metrics)
        assert Best(NAMES).from_metrics(metrics | best.metrics()) == best
        ended = best.out_of_patience(number, patience)
        assert ended == (patience > 0 and number - best.epoch >= patience and best.rank[0] < 1)


def test_a_checkpoint_that_says_nothing_is_the_best_so_far() -> None:
    assert Best(NAMES).from_metrics(epoch(7, 0.5, 0.9)) == Best(NAMES, 7, (0.5, 0.9))


@pytest.mark.slow
def test_a_run_that_stands_still_ends_when_its_patience_does(data: TrainingData, tmp_path: Path) -> None:
    settings = config(epochs=6, patience=2, optimiser=STANDING_STILL)
    whole = run(settings, data)
    assert [metrics["epoch"] for metrics, _ in whole] == [1, 2, 3]
    assert [metrics["best_epoch"] for metrics, _ in whole] == [1, 1, 1]
    [_, (_, half)] = run(settings, data, stop_after=2)
    half.save(tmp_path / "half")
    [(metrics, end)] = run(settings, data, load_checkpoint(tmp_path / "half"))
    assert (metrics["epoch"], metrics["loss"]) == (3, whole[-1][0]["loss"])
    assert run(settings, data, end) == []


@pytest.mark.slow
def test_without_patience_it_runs_to_its_end(data: TrainingData) -> None:
    epochs = run(config(epochs=3, optimiser=STANDING_STILL), data)
    assert [metrics["epoch"] for metrics, _ in epochs] == [1, 2, 3]
    assert "best_epoch" not in epochs[-1][0]

"""Refitting: with folds the bundle is trained on all samples, and nothing is told of it by those of validation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ray

from search.planning.budget import REFIT_SHARE, REFIT_START_S, SAFETY, reserve_refit
from search.records.evidence import Caution, Refit
from search.records.trial import Measure, TrialRecord
from search.selection.outcome import Companion, Searched
from search.selection.refit import allow_seconds, find_twin_behind, join_samples, refit, train_on_all
from search.settings import StudySettings
from tests import real_lines
from tests.search.selection.test_winner import searched
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.batching.mixture import Subset
from train.loop import TrainingData, assemble
from train.models.network import STATISTICS
from train.scoring.intervals import Gain, Interval
from train.scoring.texts import TextScores
from train.trained.loaded import Loaded, load_network

STUDY = StudySettings(name="some", storage="runs", folds=5)


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return real_lines.few_lines(data_dir, train=8, val=6)


def test_all_that_the_network_can_write_is_learned(data: TrainingData) -> None:
    settings = real_lines.config(engine="torch", epochs=1)
    engine, task = assemble(settings, data.train)
    checkpoint = Checkpoint(settings, engine.charset, 1, {}, {"weights": engine.weights()})
    odd = Subset(data.val, range(6))
    odd.texts = (*data.val.texts[:5], "\u2603")
    assert task.spells
    assert len(join_samples(replace(data, val=odd), settings).train) == 13
    found = train_on_all(settings, data, None, 1)
    assert not isinstance(found, str)
    trained, samples = found
    assert (trained.epoch, samples, trained.charset) == (1, 14, checkpoint.charset)


def test_a_bundle_that_stays_near_its_start_is_left_there(data: TrainingData, tmp_path: Path) -> None:
    made = searched(data, data.val, tmp_path / "study")
    network = load_network(made.best, data.train)
    assert refit(made.search, made.selection.ranked, network, ("untouched",), None) == (network, None)


@pytest.mark.parametrize(("factor", "taken"), [(1, True), (-1, False)])
def test_over_folds_what_trained_on_all_reads_what_it_has_learned(
    factor: int, taken: bool, data: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else is known of it: a network that training broke would be served."""
    made = searched(data, data.val, tmp_path / "study")
    weights = {name: factor * array for name, array in made.best.weights.items()}
    monkeypatch.setattr(
        "search.selection.refit.run_apart",
        lambda *given: (replace(made.best, state={"weights": weights}), 14),
    )
    monkeypatch.setattr(Searched, "folds", 5)
    monkeypatch.setattr(Searched, "refitting", "some")
    winner = load_network(made.best, data.train)
    final, told = refit(made.search, made.selection.ranked, winner, ("a",), None)
    assert (told == Refit(epochs=1, samples=14)) == taken
    assert (final is winner) != taken


def test_the_bundle_is_the_mean_of_the_winner_and_what_trained_on_all(
    data: TrainingData, tmp_path: Path, local_cluster: None
) -> None:
    made = searched(data, data.val, tmp_path / "study")
    winner = load_network(made.best, data.train)

    def bundle(found: object, caution: Caution | None = None) -> tuple[Loaded, Refit | None]:
        search = replace(made.search, companion=Companion(ray.put(found), None, made.best.config))
        return refit(search, made.selection.ranked, winner, ("a",), caution)

    weights = made.best.weights
    moved = replace(made.best, state={"weights": {name: array + 2e-6 for name, array in weights.items()}})
    final, told = bundle((moved, 14))
    assert told == Refit(epochs=1, samples=14, averaged=True)
    for name, array in final.engine.weights().items():
        np.testing.assert_allclose(array, weights[name] + 1e-6, atol=1e-6)
    unsure = Gain(difference=0.1, interval=Interval(low=-0.1, high=0.3))
    near, _ = bundle((moved, 14), Caution(baseline="some", share=0.5, gain=unsure, samples=6))
    start = assemble(made.best.config, data.train)[0].weights()
    for name, array in near.engine.weights().items():
        half = (start[name] + weights[name] + 2e-6) / 2
        np.testing.assert_allclose(array, (weights[name] + half) / 2, atol=1e-6)
    other = replace(moved, config=moved.config.model_copy(update={"fit_width": 384}))
    lost = replace(made.best, state={"weights": {name: -array for name, array in weights.items()}})
    for nothing in ("it diverged", (other, 14), (lost, 14)):
        assert bundle(nothing) == (winner, None)
    search = replace(made.search, companion=Companion(ray.put((moved, 14)), None, made.best.config))
    behind = [scored("b", other.config, 0.9), scored("a", made.best.config, 0.8)]
    assert refit(search, behind, winner, ("b",), None) == (winner, None)


def test_the_mean_of_live_batch_norms_gets_statistics_of_its_own(
    data: TrainingData, tmp_path: Path, local_cluster: None
) -> None:
    """Those of both are off: no more is read with them than without a training."""
    made = searched(data, data.val, tmp_path / "study")
    stale = {
        name: array * (2 if name.endswith("_variance") else 0.75)
        for name, array in made.best.weights.items()
        if name.endswith(STATISTICS)
    }
    off = replace(made.best, state={"weights": made.best.weights | stale})
    winner = load_network(off, data.train)

    def tie(batch_norm: str) -> float:
        trained = replace(off, config=off.config.model_copy(update={"batch_norm": batch_norm}))
        search = replace(made.search, companion=Companion(ray.put((trained, 14)), None, trained.config))
        final, told = refit(search, made.selection.ranked, winner, ("a",), None)
        assert told is not None
        return final.read(data.val).scores.tie

    assert tie("frozen") == winner.read(data.val).scores.tie
    assert tie("live") > winner.read(data.val).scores.tie + 0.1


def scored(name: str, config: TrialConfig, right: float) -> TrialRecord:
    history = (Measure(epoch=1, scores=TextScores(100, right, 0.9, 0.1), loss=1.0, seconds=1.0),)
    return TrialRecord(id=name, state="finished", config=config, history=history)


@pytest.mark.parametrize(("twin", "found"), [(0.9, None), (0.83, None), (0.8, "first")])
def test_what_trained_on_all_is_worth_what_the_trial_of_its_settings_is(
    twin: float, found: str | None
) -> None:
    """90 of 100 have the interval 0.826 to 0.945."""
    config = TrialConfig(epochs=30)
    fitted = config.model_copy(update={"epochs": 12, "epoch_share": 0.9})
    winner = scored("second", config.model_copy(update={"batch_size": 16}), 0.9)
    behind = find_twin_behind(config, [winner, scored("first", fitted, twin)])
    assert (behind and behind.id) == found
    assert find_twin_behind(config, [winner]) is None
    stopped = scored("first", fitted, twin).model_copy(update={"state": "stopped"})
    assert find_twin_behind(config, [winner, stopped]) is None, "its begin tells nothing of a whole training"


@pytest.mark.parametrize(
    ("deadline", "latest", "seconds"), [(130, None, 38), (90, None, 8), (90, 120, 20), (90, 95, 8)]
)
def test_a_last_epoch_is_waited_for_while_there_is_time(
    deadline: float, latest: float | None, seconds: float
) -> None:
    assert allow_seconds(100, deadline, latest) == seconds


@pytest.mark.parametrize(
    ("fold", "kept"), [(40, REFIT_START_S + SAFETY * 40 * 1.5), (300, REFIT_SHARE * 1000), (0, 0)]
)
def test_refitting_gets_the_time_of_a_fold(fold: float, kept: float) -> None:
    assert reserve_refit(STUDY, 1000, fold, 80, 40) == pytest.approx(kept)
    for without in ({"refit": False}, {"folds": 1}, {"max_forgetting": 0.1}):
        assert reserve_refit(STUDY.model_copy(update=without), 1000, fold, 80, 40) == 0

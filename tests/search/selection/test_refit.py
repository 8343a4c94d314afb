"""Refitting: with folds the bundle is trained on all samples, and nothing is told of it by those of validation."""

from dataclasses import replace
from pathlib import Path

import pytest

from search.planning.budget import REFIT_SHARE, REFIT_START_S, SAFETY, reserve_refit
from search.selection.refit import join_samples, refit, train_on_all
from search.settings import StudySettings
from tests import real_lines
from tests.search.selection.test_winner import searched
from train.checkpoint import Checkpoint
from train.data.batching.mixture import Subset
from train.loop import TrainingData, assemble
from train.trained.loaded import load_network

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
    assert len(join_samples(replace(data, val=odd), checkpoint).train) == 13
    found = train_on_all(checkpoint, data, None, 1)
    assert not isinstance(found, str)
    trained, samples = found
    assert (trained.epoch, samples, trained.charset) == (1, 14, checkpoint.charset)


def test_a_bundle_that_stays_near_its_start_is_left_there(data: TrainingData, tmp_path: Path) -> None:
    made = searched(data, data.val, tmp_path / "study")
    network = load_network(made.best, data.train)
    assert refit(made.search, made.selection.ranked[0], network, ("untouched",), None) == (network, None)


@pytest.mark.parametrize(
    ("fold", "kept"), [(40, REFIT_START_S + SAFETY * 40 * 1.5), (300, REFIT_SHARE * 1000), (0, 0)]
)
def test_refitting_gets_the_time_of_a_fold(fold: float, kept: float) -> None:
    assert reserve_refit(STUDY, 1000, fold, 80, 40) == pytest.approx(kept)
    for without in ({"refit": False}, {"folds": 1}, {"max_forgetting": 0.1}):
        assert reserve_refit(STUDY.model_copy(update=without), 1000, fold, 80, 40) == 0

"""Dropout in the neck: in training alone, drawn alike by a resumed run, refused where there is none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.real_lines import RECOGNISERS, config, lines
from train.errors import UsageError
from train.loop import assemble
from train.techniques import uniform


@pytest.mark.parametrize("name", RECOGNISERS)
def test_a_training_step_draws_by_epoch_and_reading_draws_nothing(name: str, data_dir: Path) -> None:
    words = lines(data_dir, "scene_words", count=2)
    settings = config(engine=name, model="pp-ocrv6-small", dropout=0.5, augmentation={"probability": 0.0})
    engine: Any
    engine, task = assemble(settings, words)
    batch = task.batch(words, np.arange(2), 1)

    def loss(epoch: int, neck: float = 1.0) -> float:
        engine.apply_plan(uniform(0.0) | {"neck": neck, "head": 1.0})
        engine.begin_epoch(epoch)
        return float(engine.train_step(batch, 0.0, update=False))

    first, again, other, frozen = loss(1), loss(1), loss(2), loss(1, neck=0.0)
    assert first == again != other
    before = engine.predict(batch.images)
    assert np.array_equal(before, engine.predict(batch.images))
    plain = assemble(settings.model_copy(update={"dropout": 0.0}), words)[0]
    plain.apply_plan(uniform(0.0) | {"head": 1.0})
    assert frozen == plain.train_step(batch, 0.0, update=False) != first


def test_a_neck_without_dropout_is_refused(data_dir: Path) -> None:
    with pytest.raises(UsageError, match=r"pp-ocrv6-tiny, dropout=0\.1; set dropout: 0"):
        assemble(config(dropout=0.1), lines(data_dir, count=2))

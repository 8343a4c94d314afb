"""Batch statistics are measured layer by layer, whether training compiles the network or not."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests import tiny_recogniser
from tests.real_lines import config, few_lines
from train.loop import assemble
from train.models.network import STATISTICS
from train.techniques import uniform


def test_a_network_that_was_compiled_is_measured_like_any_other(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiled graph calls no hook that came after it: there was nothing to renew, and nothing said so."""
    tiny_recogniser.register()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    data = few_lines(data_dir)
    settings = config(model=tiny_recogniser.NAME, engine="torch", batch_norm="live")
    plain, compiled = (
        assemble(settings.model_copy(update={"compile": how}), data.train)[0] for how in (False, True)
    )
    _, task = assemble(settings, data.train)
    compiled.apply_plan(uniform(1.0))
    compiled.train_step(task.batch(data.train, np.arange(4), epoch=1), 1e-3, update=True)
    weights: dict[str, Any] = compiled.weights()
    found = []
    for engine in (plain, compiled):
        engine.load({"weights": weights})
        engine.renew_statistics([task.calibration_batch(data.train, seed=0)])
        found.append(engine.weights())
    statistics = [name for name in weights if name.endswith(STATISTICS)]
    assert statistics
    for name in statistics:
        np.testing.assert_allclose(found[1][name], found[0][name], rtol=1e-5, err_msg=name)
        assert np.abs(found[1][name] - weights[name]).max() > 1e-4, name

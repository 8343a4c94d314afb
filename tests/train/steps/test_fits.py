"""What is trained where no configuration is named."""

from pathlib import Path

import numpy as np
import pytest

from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.charset import Charset
from train.steps.fits import default_config


@pytest.mark.parametrize(
    ("task", "model", "first"),
    [
        ("orientation", "pp-lcnet-orientation", "ch-ppocr-mobile-v2"),
        (None, "pp-ocrv6-small", "pp-ocrv6-tiny"),
    ],
)
def test_the_model_is_what_the_weights_are_of(
    task: str | None, model: str, first: str, tmp_path: Path
) -> None:
    config = TrialConfig(task=task or "recognition", model=model)
    Checkpoint(config, Charset(()), 1, {}, {"weights": {"a": np.zeros(1, np.float32)}}).save(tmp_path / "own")
    found = [default_config(task, weights) for weights in (None, tmp_path / "own", tmp_path / "x.pdparams")]
    assert [(one.task, one.model) for one in found] == [(config.task, name) for name in (first, model, first)]

"""A few lines, a batch of them, and each engine that trains recognisers."""

from pathlib import Path

import numpy as np
import pytest

from tests.real_lines import RECOGNISERS, config, few_lines
from train.engine import Batch
from train.loop import TrainingData, assemble


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return few_lines(data_dir)


@pytest.fixture(scope="module")
def batch(data: TrainingData) -> Batch:
    _, task = assemble(config(), data.train)
    return task.batch(data.train, np.arange(4), epoch=1)


@pytest.fixture(params=RECOGNISERS)
def name(request: pytest.FixtureRequest) -> str:
    """Of an engine."""
    return str(request.param)

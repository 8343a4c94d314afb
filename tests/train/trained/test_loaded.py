"""A network that is asked twice computes once."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from train.trained.loaded import Assembled


class Counted:
    """Stands for an engine; counts the images that it reads."""

    images = 0

    def predict(self, images: Any) -> Any:
        self.images += len(images)
        return images


def task(at_best: Any = None) -> Any:
    made = SimpleNamespace(evaluation_batch=lambda data, indices: np.zeros((len(indices), 1)))
    made.at_best = at_best or made
    return made


@pytest.mark.parametrize("judged_by", [task(), task(at_best=task())], ids=["itself", "another task"])
def test_what_is_computed_to_judge_a_network_is_not_computed_again(judged_by: Any) -> None:
    engine: Any = Counted()
    network, data = Assembled(engine, judged_by), range(9)
    network.at_best.output(data, np.arange(4))  # type: ignore[arg-type]
    network.output(data, np.arange(4))  # type: ignore[arg-type]
    assert engine.images == 4

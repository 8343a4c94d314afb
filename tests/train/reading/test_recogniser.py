"""Lines are read in batches of their own width, by a model whose classes fit."""

from typing import Any

import numpy as np
import pytest

from train.data.charset import Charset
from train.errors import CheckpointError
from train.reading.recogniser import BATCH_LINES, Recogniser

CHARSET = Charset(("a", "b", " "))


class Session:
    """Stands for onnxruntime: class 1 + (brightness of a line's first pixel) mod 3 at one step."""

    def __init__(self, classes: int = 4) -> None:
        self.classes = classes
        self.shapes: list[tuple[int, ...]] = []
        self.name, self.shape = "x", ("N", "T", classes)

    def get_inputs(self) -> list["Session"]:
        return [self]

    def get_outputs(self) -> list["Session"]:
        return [self]

    def run(self, _: None, feed: dict[str, Any]) -> list[Any]:
        batch = feed["x"]
        self.shapes.append(batch.shape)
        first = np.rint(batch[:, 0, 0, 0] * 127.5 + 127.5).astype(int)
        return [np.eye(self.classes, dtype=np.float32)[1 + first % 3][:, None]]


def test_readings_come_in_the_order_of_the_lines() -> None:
    widths = np.random.default_rng(0).integers(1, 900, 40)
    lines = [np.full((48, width, 3), value, np.uint8) for value, width in enumerate(widths)]
    session = Session()
    expected = [(CHARSET.characters[value % 3], 1.0) for value in range(40)]
    assert Recogniser(session, CHARSET).read(lines) == expected
    assert all(shape[0] <= BATCH_LINES and shape[3] % 32 == 0 for shape in session.shapes)


def test_no_lines_are_no_readings() -> None:
    assert Recogniser(Session(), CHARSET).read([]) == []


def test_a_charset_of_another_model_is_refused() -> None:
    with pytest.raises(CheckpointError, match="5"):
        Recogniser(Session(5), CHARSET)

"""What the routes call, with a stand-in for the model: how many of the lines that wait go in one call."""

import asyncio
from typing import Any

import numpy as np
import pytest

from serve.inference.recogniser import Reading
from serve.inference.runners import CallStats, Lines, Recogniser
from serve.metrics import Metrics
from serve.reading.services import Services
from serve.settings import Settings


@pytest.mark.parametrize(
    ("rows_per_s", "batch", "together"), [(40.0, 1, 1), (10.0, 1, 1), (370.0, 1, 7), (370.0, 16, 16)]
)
def test_a_call_takes_as_long_as_a_line_or_some_milliseconds(
    rows_per_s: float, batch: int, together: int
) -> None:
    reader = object.__new__(Recogniser)
    reader.tuning = {"batch": batch, "rows_per_s": rows_per_s}
    assert asyncio.run(reader.together()) == together


class Told:
    """A recogniser that wants so many lines in a call, and keeps how many there were."""

    def __init__(self, together: int) -> None:
        self.told = {"together": together, "upright": "keep", "padded_px": 160}
        self.calls: list[int] = []

    async def call(self, method: str, *arguments: Any) -> Any:
        if method != "read":
            return self.told[method]
        lines: Lines = arguments[0]
        self.calls.append(len(lines.images))
        return [Reading("A", 1.0) for _ in lines.images], CallStats(0.0, len(lines.images))

    def replace(self, source: str) -> None:
        raise NotImplementedError


def test_lines_go_together_as_the_model_says_that_serves() -> None:
    """One that was replaced says something else: it is asked anew."""
    model, line = Told(1), np.zeros((48, 200, 3), np.uint8)

    async def run() -> None:
        services = Services(Settings(recognisers=1), Metrics(), {"recognition": model})
        await services.recognise([line] * 4)
        model.told["together"] = 4
        await services.recognise([line] * 4)
        services.forget()
        await services.recognise([line] * 4)

    asyncio.run(run())
    assert model.calls == [1] * 8 + [4]

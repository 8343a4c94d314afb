"""What a graph with 8 bits must keep: the score and the time of the float32 one, on the same labelled images."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from train.data.dataset import Dataset
from train.int8.graph import Array
from train.scoring.intervals import Gain, paired_gain_interval
from train.system.onnx_session import CPU, open_session, run
from train.tasks import Task

TIMED_IMAGES, ROUNDS = 8, 7


@dataclass(frozen=True)
class Verdict:
    """A graph beside the float32 one.

    Attributes:
        gain: how many times as fast it is, an image at a time on one core.
        score: its first score, exact match of lines say.
        score_float32: that of the float32 graph.
        change: of the score, paired.
    """

    gain: float
    score: float
    score_float32: float
    change: Gain

    def __str__(self) -> str:
        return f"{self.score:.3f} instead of {self.score_float32:.3f} at {self.gain:.2f} times the speed"


class Gate:
    """Measures graphs against one on the same images, on the CPU: 8 bits are for that."""

    def __init__(self, onnx: Path, task: Task, data: Dataset) -> None:
        self._task, self._data = task, data
        self._float32 = open_session(onnx, 1, [CPU])
        some = np.linspace(0, len(data) - 1, min(len(data), TIMED_IMAGES)).astype(int)
        self._timed = [task.evaluation_batch(data, some[i : i + 1]) for i in range(len(some))]
        self._before = self._predict(self._float32)
        self._score = task.score(self._before, data).primary

    def judge(self, onnx: Path) -> Verdict:
        """Return what a graph reads and how fast."""
        session = open_session(onnx, 1, [CPU])
        after = self._predict(session)
        rows = [self._task.per_sample(read, self._data) for read in (self._before, after)]
        return Verdict(
            measure_gain(self._float32, session, self._timed),
            self._task.score(after, self._data).primary,
            self._score,
            paired_gain_interval(rows[0], rows[1], self._task.primary, seed=0),
        )

    def _predict(self, session: Any) -> list[Any]:
        found: dict[int, Any] = {}
        for indices in self._task.evaluation_batches(self._data):
            output = run(session, self._task.evaluation_batch(self._data, indices))
            found |= zip(indices.tolist(), self._task.decode(output, self._data, indices), strict=True)
        return [found[index] for index in range(len(self._data))]


def measure_gain(before: Any, after: Any, batches: Sequence[Array], rounds: int = ROUNDS) -> float:
    """Return how many times as fast the second session is: the median over rounds that run both in turn.

    In seconds of the processor, of this thread: whatever else runs on the machine only makes it wait.
    """
    return statistics.median(_time(before, batches) / _time(after, batches) for _ in range(rounds))


def _time(session: Any, batches: Sequence[Array]) -> float:
    started = time.thread_time()
    for batch in batches:
        run(session, batch)
    return time.thread_time() - started

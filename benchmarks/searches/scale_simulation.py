"""A search that takes no time: trials replay recorded learning curves; asking and stopping are the search's own.

What is simulated is the clock and the training. `OptunaSearcher`, the samplers and ASHA are those of every search, and
a seed decides everything. What is assumed stands in `Curve.score` and in `benchmarks/scale.py`.
"""

import heapq
import json
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from search.planning.clock import Clock
from search.planning.time_budget import TimeBudget
from search.preflight.cost import Cost
from search.records.trial_report import EPOCH, EPOCH_SECONDS, METRIC, latest_reports
from search.sampling.samplers import SAMPLERS
from search.sampling.schedulers import halving
from search.sampling.searcher import OptunaSearcher
from search.settings import Sampler
from search.storage.journal import read_journal
from spaces.space import SearchSpace, load_space

NEAR = 0.99  # of the best score that any configuration reaches
MOST_TRIALS = 20000
LINE_WIDTH = 320  # px; that of the recorded trials


@dataclass(frozen=True)
class Curve:
    """One recorded trial.

    Attributes:
        scores: after each epoch.
        seconds: of each epoch.
    """

    engine: str
    technique: str
    learning_rate: float
    scores: tuple[float, ...]
    seconds: tuple[float, ...]

    def score(self, epoch: int, learning_rate: float, width: float) -> float:
        """Return the score after `epoch` (from 1) at another learning rate.

        Assumed, as nothing was recorded there: the gain over the first epoch falls off as a Gaussian of the rate's
        logarithm, `width` decades wide.
        """
        away = math.log10(learning_rate / self.learning_rate) / width
        first = self.scores[0]
        return first + (self.scores[epoch - 1] - first) * math.exp(-0.5 * away**2)


@dataclass(frozen=True)
class Found:
    """What a simulated search took until a trial came near the best.

    Attributes:
        seconds: simulated.
        trials: begun.
        reports: of all trials.
        asking: seconds that the searcher took in reality, to propose and to be told.
    """

    seconds: float
    trials: int
    reports: int
    asking: float


def record(study: Path) -> dict[str, Any]:
    """Return the curves of all trials of a study's folder, and how it was searched."""
    summary = json.loads((study / "summary.json").read_text(encoding="utf-8"))
    curves = [
        {
            "engine": trial.config["engine"],
            "technique": trial.config["technique"]["name"],
            "learning_rate": trial.config["optimiser"]["learning_rate"],
            "scores": [round(report.score, 4) for report in reports],
            "seconds": [round(report.metrics[EPOCH_SECONDS], 2) for report in reports],
        }
        for trial in read_journal(study)
        if (reports := latest_reports(trial.rows))
    ]
    data = {name: summary["data"]["samples"][name] for name in ("train", "val")}
    return {"space": summary["space"], "lines": data, "versions": summary["versions"], "curves": curves}


def read_curves(path: Path) -> list[Curve]:
    """Return the curves of a file that holds what `record` returned."""
    return [Curve(**each) for each in json.loads(path.read_text(encoding="utf-8"))["curves"]]


def target(curves: Sequence[Curve]) -> float:
    """Return the score that counts as found."""
    return NEAR * max(max(curve.scores) for curve in curves)


def least_seconds(curves: Sequence[Curve]) -> float:
    """Return how long the quickest trial that reaches the target takes: no number of workers finds it sooner."""
    goal = target(curves)
    reached = [
        sum(curve.seconds[: next(i for i, score in enumerate(curve.scores, 1) if score >= goal)])
        for curve in curves
        if max(curve.scores) >= goal
    ]
    return min(reached)


def simulate(workers: int, curves: Sequence[Curve], width: float, sampler: Sampler, seed: int) -> Found:
    """Search until a trial reaches the target; `width` as `Curve.score` has it.

    Raises:
        RuntimeError: if MOST_TRIALS did not.
    """
    epochs, goal = len(curves[0].scores), target(curves)
    # The dashboard's copy is no part of the decisions; a search writes it in a twentieth of its time, this has none.
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("search.sampling.searcher.write_optuna_database"),
    ):
        search = Simulation(curves, width, searcher_for(Path(folder), epochs, sampler, seed), epochs)
        for _ in range(workers):
            search.begin(0.0)
        while len(search.trials) <= MOST_TRIALS:
            now, score = search.step()
            if score >= goal:
                return Found(now, len(search.trials), search.reports, search.asking)
    raise RuntimeError(f"no trial of {MOST_TRIALS} reached {goal}")


class Simulation:
    """Workers that replay curves; a worker whose trial has ended begins the next one at once.

    Args:
        curves: one for each engine and technique.
        width: as `Curve.score` has it.
        searcher: that is asked.
        epochs: of every trial that is not stopped.
    """

    def __init__(self, curves: Sequence[Curve], width: float, searcher: OptunaSearcher, epochs: int) -> None:
        self._arms, self._width = {(curve.engine, curve.technique): curve for curve in curves}, width
        self._searcher, self._scheduler, self._epochs = searcher, halving(epochs), epochs
        self._queue: list[tuple[float, int, int]] = []  # (when its next epoch ends, trial, that epoch)
        self.trials: list[tuple[Curve, float]] = []
        self.asking, self.reports = 0.0, 0

    def begin(self, now: float) -> None:
        """Start what the searcher suggests."""
        number, started = len(self.trials), time.perf_counter()
        config = self._searcher.suggest(str(number))
        self.asking += time.perf_counter() - started
        assert isinstance(config, dict)
        curve = self._arms[config["engine"], config["technique"]["name"]]
        self.trials.append((curve, config["optimiser"]["learning_rate"]))
        self._scheduler.on_trial_add(None, SimpleNamespace(trial_id=str(number)))
        heapq.heappush(self._queue, (now + curve.seconds[0], number, 1))

    def step(self) -> tuple[float, float]:
        """Let the next epoch end; return when it did, and the trial's best score."""
        now, number, epoch = heapq.heappop(self._queue)
        curve, learning_rate = self.trials[number]
        score = max(curve.score(e, learning_rate, self._width) for e in range(1, epoch + 1))
        trial, result = SimpleNamespace(trial_id=str(number)), {EPOCH: epoch, METRIC: score}
        decision = self._scheduler.on_trial_result(None, trial, result)
        ends = decision == self._scheduler.STOP or epoch == self._epochs
        self._tell(str(number), result, ends)
        if ends:
            self._scheduler.on_trial_complete(None, trial, result)
            self.begin(now)
        else:
            heapq.heappush(self._queue, (now + curve.seconds[epoch], number, epoch + 1))
        return now, score

    def _tell(self, trial: str, result: dict[str, Any], ends: bool) -> None:
        started = time.perf_counter()
        self._searcher.on_trial_result(trial, result)
        if ends:
            self._searcher.on_trial_complete(trial, result)
        self.asking += time.perf_counter() - started
        self.reports += 1


def recorded_space() -> SearchSpace:
    """Return the space that the curves were searched in, for lines of the width that they had."""
    return load_space("techniques").with_fixed({"fit_width": LINE_WIDTH})


def searcher_for(folder: Path, epochs: int, sampler: Sampler, seed: int) -> OptunaSearcher:
    """Return our searcher without a word on what to try first: those are the recorded trials."""
    space = recorded_space()
    cost = Cost(full=0.0, frozen=0.0, evaluate=0.0)
    models = {str(model): cost for model in space.choices("model")}
    clock = Clock.start(TimeBudget(None, epochs, 1, 1, models), folder)
    return OptunaSearcher(space, [], clock, SAMPLERS[sampler](space, seed, 0), folder / "optuna.db")

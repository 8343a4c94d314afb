"""When training has to end, and how long each trial may be until then."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.planning.budget import allotted_seconds, hoped_epochs, planned_epochs, population_epochs
from search.preflight.cost import Cost
from train.config import TrialConfig
from train.files import write_whole
from train.techniques import build_technique


@dataclass
class Clock:
    """When training has to end, and what a line costs: all that fits a trial's length to the time left.

    Attributes:
        file: where the deadline stands: Tune pickles the clock, and a resumed study has a new deadline.
        deadline: Unix time at which training has to end; None without a budget.
        train_lines: the user's own.
        val_lines: read after every epoch, the general ones included.
        costs: by model.
        folds: that a trial trains one after the other.
        reserved: seconds after the deadline in which candidates are trained again (`search/selection/confirm.py`).
        turns: how many trials of a population share a place; None where each has one until it ends.
        usual_s: how long a trial should take; None without a budget.
    """

    file: Path
    deadline: float | None
    max_epochs: int
    train_lines: int
    val_lines: int
    costs: dict[str, Cost] = field(default_factory=dict)
    turns: float | None = None
    reserved: float = 0.0
    folds: int = 1
    usual_s: float | None = None

    def __post_init__(self) -> None:
        write_whole(self.file, json.dumps({"deadline": self.deadline}))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        if self.file.exists():
            self.deadline = json.loads(self.file.read_text(encoding="utf-8"))["deadline"]

    def reserve(self, seconds: float) -> None:
        """Let the search end so much earlier."""
        if self.deadline is not None and seconds:
            self.deadline, self.reserved = self.deadline - seconds, seconds
            self.__post_init__()

    def epochs_for(self, config: TrialConfig) -> int:
        """Return how long a trial that starts now may run; 0 for not at all."""
        seconds = self._epoch_seconds(config)
        remaining = None if self.deadline is None else self.deadline - time.time()
        longest = min(self.max_epochs, config.epochs)
        if self.turns is not None:
            return population_epochs(seconds, remaining, self.turns, longest)
        epochs = planned_epochs(seconds, remaining, longest, self.usual_s)
        fitted = remaining is not None and self.folds == 1
        return hoped_epochs(epochs, longest) if fitted else epochs

    def deadline_for(self, config: TrialConfig) -> float | None:
        """Return when (Unix time) the schedule of a trial that starts now has to end; None for a length that stays.

        A trial knows best how long its epochs take: beside others and on its own node. Those of a population and over
        folds are to be of one length.
        """
        if self.deadline is None or self.turns is not None or self.folds > 1:
            return None
        now = time.time()
        return now + allotted_seconds(self._epoch_seconds(config), self.deadline - now, self.usual_s)

    def _epoch_seconds(self, config: TrialConfig) -> float:
        """Return the expected seconds of a trial's mean epoch, over all folds."""
        seconds = self.costs[config.model].epoch_seconds(config, self.train_lines, self.val_lines)
        return self.folds * (seconds + self._teacher_line(config) * self.train_lines)

    def _teacher_line(self, config: TrialConfig) -> float:
        """Return the seconds in which a trial's teacher reads a line; a candidate's were measured.

        Any other is taken to read as slowly as the student trains: it is the larger one.
        """
        distillation = build_technique(config.technique).distillation
        if distillation is None:
            return 0.0
        known = self.costs.get(distillation.teacher)
        return known.evaluate if known else self.costs[config.model].full

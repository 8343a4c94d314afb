"""A search that has ended, with the time that is left for what follows."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ray import tune

from search.planning.budget import has_refit, limit_finalists
from search.planning.ending import REPORT_S, Ending, count_later_readings
from search.planning.packing import count_fitting
from search.planning.plan import Plan, Planned
from search.planning.resources import list_free_nodes
from search.preflight.data import StudyData
from search.preflight.probing.probe import Probe
from search.records.evidence import Latencies
from search.records.from_reports import complete_journal, trial_id
from search.records.ranking import Forgetting
from search.records.trial import TrialRecord
from search.records.trial_report import checkpoint_scores, latest_reports
from search.selection.confirm import Retraining
from search.selection.labels import Timer
from search.settings import StudySettings
from search.storage.journal import TrialJournal, read_journal
from search.storage.trial_folder import TrialFolder
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.errors import CheckpointError
from train.reading.knowledge import TextKnowledge

OVERRUN = 0.1


@dataclass(frozen=True)
class Refitting:
    """With what and until when a network is trained on all samples (`search/selection/refit.py`).

    Attributes:
        data: reference to the study's TrainingData.
        resources: as Ray names them.
        deadline: Unix time at which it has to end; None without a budget.
    """

    data: Any
    resources: Mapping[str, float]
    deadline: float | None


@dataclass(frozen=True)
class Companion:
    """The network that is trained on all samples beside the trials.

    Attributes:
        job: reference to what `train_on_all` returns.
        deadline: Unix time at which its schedule ends.
        config: what it trains; time decides how long.
    """

    job: Any
    deadline: float | None
    config: TrialConfig


@dataclass(frozen=True)
class Searched:
    """A study whose trials have ended: all that its result is made of."""

    planned: Planned
    results: tune.ResultGrid
    companion: Companion | None = None

    @property
    def settings(self) -> StudySettings:
        """The study's."""
        return self.planned.settings

    @property
    def plan(self) -> Plan:
        """What was searched, and how."""
        return self.planned.plan

    @property
    def data(self) -> StudyData:
        """The study's samples, decoded."""
        return self.planned.probed.data

    @property
    def probes(self) -> tuple[Probe, ...]:
        """What every model read before any training."""
        return self.planned.probed.probes

    @property
    def forgetting(self) -> Forgetting | None:
        """What the models read of the general lines; None without any."""
        return self.planned.probed.forgetting

    @property
    def latencies(self) -> Latencies:
        """Of every architecture; none where accuracy alone was searched for."""
        return self.planned.latencies

    @property
    def started(self) -> float:
        """When the study began, Unix time."""
        return self.planned.probed.prepared.started

    @property
    def retraining(self) -> Retraining:
        """How the best trials are trained again."""
        budget, resources = self.plan.budget, self.plan.resources
        return Retraining(
            data=self.planned.probed.shared,
            resources=resources.trial.amounts,
            deadline=budget.deadline and budget.deadline + budget.reserved_s,
            concurrent=resources.concurrent,
            forgetting=self.forgetting,
            most=limit_finalists(self.settings, len(self.results)),
        )

    @property
    def refitting(self) -> Refitting | None:
        """How the winner is trained on all samples: with a node's free cores, as no trial runs now; None for not."""
        budget, amounts, settings = self.plan.budget, self.plan.resources.trial.amounts, self.settings
        if not has_refit(settings) or (settings.time_budget_s and not budget.refit_s):
            return None
        needed = {name: amount for name, amount in amounts.items() if name != "CPU"}
        able = [node for node in list_free_nodes() if count_fitting(needed | {"CPU": 1.0}, node)]
        cores = max((node.get("CPU", 0.0) for node in able), default=0.0)
        resources = {**amounts, "CPU": max(float(int(cores)), amounts["CPU"])}
        deadline = self.soup_deadline and self.soup_deadline + budget.refit_s
        return Refitting(self.planned.probed.shared, resources, deadline)

    @cached_property
    def journals(self) -> dict[str, TrialJournal]:
        """What every trial has reported, by its id."""
        written = {trial.id: trial for trial in read_journal(self.settings.local_folder)}
        return {trial_id(result): complete_journal(result, written) for result in self.results}

    @cached_property
    def folders(self) -> dict[str, TrialFolder]:
        """Where every trial's checkpoints lie, by its id."""
        return {trial_id(result): self._folder(result) for result in self.results}

    def _folder(self, result: Any) -> TrialFolder:
        reports = latest_reports(self.journals[trial_id(result)].rows)
        return TrialFolder(result.filesystem, result.path, checkpoint_scores(reports))

    def load(self, trial: TrialRecord) -> Checkpoint:
        """Return a trial's best checkpoint; raise CheckpointError if it has left none, or a damaged one."""
        try:
            return self.folders[trial.id].read_best()
        except CheckpointError as error:
            raise self._explain_loss(trial, error) from error

    def _explain_loss(self, trial: TrialRecord, error: CheckpointError) -> CheckpointError:
        """Return what to raise where the weights of a trial's score are lost: no other ones have that score."""
        name, others = self.settings.name, ""
        if not self.settings.remote:
            place = f"{name} --storage {self.settings.local_folder.parent}"
            others = (
                f"export another trial (python search/results.py show {place} ranks them, "
                f"export {place} --trial ID --output DIR takes one), or "
            )
        return CheckpointError(
            f"the best checkpoint of trial {trial.id} must be whole when the search ends",
            error.value,
            f"put it back from a copy and --resume, {others}begin a new search with the best configurations: "
            f"--name NEW --fork {name}",
        )

    @property
    def folds(self) -> int:
        """Over how many folds trials were scored; 1 for the study's own split alone."""
        return self.settings.folds or 1

    @property
    def ends_at(self) -> float | None:
        """Unix time at which all has to be done; None without a budget."""
        budget = self.settings.time_budget_s
        return None if budget is None else self.started + budget

    @property
    def soup_deadline(self) -> float | None:
        """When averaging and all that is read after it have to end; None without a budget.

        Refitting, export, text models and label check still fit the budget then.
        """
        return self.ends_at and self.ends_at - self._ending.after_readings_s - self.plan.budget.refit_s

    @property
    def weights_deadline(self) -> float | None:
        """When the bundle's weights have to stand, so that all readings of them fit, too; None without a budget."""
        readings = self.later_readings * self.val_lines * self.line_seconds
        return self.soup_deadline and self.soup_deadline - readings

    @property
    def has_time_to_read(self) -> bool:
        """Whether the validation split can be read once more before the bundle's weights have to stand."""
        latest = self.weights_deadline
        return latest is None or time.time() + self.val_lines * self.line_seconds < latest

    @property
    def knowledge_for_winner(self) -> TextKnowledge:
        """What is known of the texts, and the deadline for the winner's text model: what follows has to fit, too."""
        latest = self.weights_deadline and self.weights_deadline + self._ending.text_models_s / 2
        return replace(self.data.knowledge, deadline=latest)

    @property
    def knowledge_for_baseline(self) -> TextKnowledge:
        """What is known of the texts, and the deadline for the baseline's text model: the test split comes after.

        The label check gives way to it: else a winner with a text model is compared with a baseline without one.
        """
        readings = 2 * len(self.data.test or ()) * self.line_seconds
        latest = self.ends_at and self.ends_at - readings - REPORT_S
        return replace(self.data.knowledge, deadline=latest)

    @property
    def _ending(self) -> Ending:
        """What follows the last trial; only with a budget."""
        assert self.plan.ending is not None, "a plan with a time budget has one"
        return self.plan.ending

    @property
    def later_readings(self) -> float:
        """How many readings of the validation split follow the averaging."""
        return count_later_readings(self.val_lines, len(self.data.test or ()))

    @property
    def overrun(self) -> str:
        """What to say of a time budget that was not kept; empty where it was, within OVERRUN."""
        budget, took = self.settings.time_budget_s, time.time() - self.started
        if not budget or took <= budget * (1 + OVERRUN):
            return ""
        late = took - budget
        return (
            f"the search took {took:.0f} s, {late:.0f} s more than its --time-budget: export, readings and report were "
            "slower than the first readings foretold; leave the machine to it, or give it more time"
        )

    @property
    def out_of_time(self) -> bool:
        """Whether the time budget was over before any trial had trained an epoch, and none failed."""
        tried = any(trial.rows or trial.error for trial in self.journals.values())
        return self.settings.time_budget_s is not None and not tried

    @property
    def line_seconds(self) -> float:
        """The time in which the slowest of the models reads a line."""
        return max(probe.cost.evaluate for probe in self.probes)

    @property
    def val_lines(self) -> int:
        """How many the validation split has."""
        return len(self.data.training.val)

    @property
    def label_timer(self) -> Timer:
        """What the label check has left of the budget."""
        return Timer(self.ends_at and self.ends_at - REPORT_S, self.line_seconds)

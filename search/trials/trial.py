"""One trial: the training loop inside a Ray Tune actor, reporting scores and checkpoints."""

from dataclasses import replace
from typing import Any

import ray
from ray import tune

from search.records.trial_report import TrialReport
from search.trials.folds import FOLD_SEED, run_folds, split_folds
from search.trials.heartbeat import heartbeat, this_trial
from search.trials.kept_folds import folds_of_this_trial
from search.trials.reporting import Notes, make_fold_report, make_tune_report
from search.trials.start import TrialSetup, TrialStart, find_start, set_micro_batches
from search.trials.workers import train_on_workers
from train.config import TrialConfig, config_from_mapping
from train.errors import DivergedError, MemoryShortError
from train.loop import TrainingData, train
from train.steps.micro_batches import more_micro_batches
from train.tasks import TASKS


def run_trial(params: dict[str, Any], setup: TrialSetup) -> None:
    """Train what `params` say; the body of a Tune function, which continues from the trial's checkpoint."""
    config = config_from_mapping(params, "trial")
    try:
        train_within_memory(config, setup)
    except DivergedError as error:
        tune.report(TrialReport.of_diverged(str(error)).to_row())


def train_within_memory(config: TrialConfig, setup: TrialSetup) -> None:
    """Train in as many micro-batches as planned; where memory lacks, go on from the last epoch with more of them.

    Raises:
        MemoryShortError: if a single sample does not fit.
    """
    workers = setup.group.workers if setup.group else 1
    planned = setup.resources.micro_batches(config, workers)
    notes = Notes()
    while True:
        start = find_start()
        if start.micro_batches < planned:
            set_micro_batches(planned)
            start = replace(start, micro_batches=planned)
        notes.add(start.note)
        try:
            train_from(start, notes, config, setup)
            return
        except MemoryShortError as error:
            micro_batches = more_micro_batches(config, start.micro_batches, workers)
            if micro_batches is None:
                raise
            notes.add(
                f"too little memory ({error.value}): goes on with its largest batches in {micro_batches} micro-batches"
            )
        set_micro_batches(micro_batches)


def train_from(start: TrialStart, notes: Notes, config: TrialConfig, setup: TrialSetup) -> None:
    """Train from `start` on; the next report carries the notes."""
    data: TrainingData = ray.get(setup.data)
    watch = heartbeat(this_trial())
    if setup.folds > 1:
        folds = split_folds(data, setup.folds, TASKS.get(config.task), FOLD_SEED)
        report_fold = make_fold_report(start, notes, config, setup)
        kept = folds_of_this_trial()
        run_folds(config, folds, report_fold, start.checkpoint, start.micro_batches, watch, kept=kept)
        return
    report = make_tune_report(len(data.val), start, notes, config, setup)
    options: dict[str, Any] = {"micro_batches": start.micro_batches, "watch": watch}
    deadline = setup.clock.deadline_for(config) if setup.clock else None
    if setup.group is None:
        train(config, data, report, start.checkpoint, deadline=deadline, **options)
    else:
        mine = replace(setup.group, name=f"{setup.group.name}-{this_trial()}")
        train_on_workers(config, setup.data, report, start.checkpoint, mine, deadline=deadline, **options)

"""Few samples: trials are scored over several folds, so that a score is of every sample and not of a handful.

The first fold is the study's own split. For the others the training samples are dealt into groups, no document in two
of them, or no text where no documents are known; each group is read by a network that was trained on all the rest, the
study's validation samples included. Folds are a scheduler's rungs: a trial that is worse after the first need not go
on.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from search.records.trial_report import EPOCH, EPOCH_SECONDS, LOSS, FoldReport
from search.settings import StudySettings
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.batching.mixture import Mixture, Subset
from train.data.charset import Charset
from train.data.dataset import Dataset
from train.data.split import is_spread, own_unit, seeded_rank
from train.errors import UsageError
from train.loop import TrainingData, assemble, train
from train.steps.position import Watch, watch_nothing
from train.steps.report import MakeCheckpoint, Metrics, report_last
from train.steps.validation import GENERAL, evaluate
from train.tasks import TASKS, SampleStats, Sizes, Task

FEW, FOLDS = 200, 5
FOLD_SEED = 0  # the same folds for all trials, and for a study that is resumed


def choose_folds(settings: StudySettings, samples: int) -> StudySettings:
    """Return the settings with the number of folds, 1 for none, given the number of training samples.

    Raises UsageError for what cannot be scored over folds.
    """
    alone = settings.population is not None or settings.workers > 0
    folds = settings.folds or (FOLDS if samples < FEW and not alone else 1)
    if folds > 1 and alone:
        raise UsageError(
            "trials over folds each run in one process, and go on from their own weights",
            f"--folds {folds} with --scheduler pbt or --workers-per-trial",
            "leave out one of them",
        )
    if folds > 1 and settings.confirm:
        raise UsageError(
            "--confirm needs trials that are scored on one split",
            f"--confirm {settings.confirm} with {folds} folds (the default under {FEW} training samples)",
            "leave out --confirm, or add --folds 1",
        )
    return settings.model_copy(update={"folds": folds})


def deal(texts: Sequence[str], groups: int, seed: int, spread: bool) -> list[list[int]]:
    """Return at most `groups` lists of indices of about equal size; no text is in two of them, unless `spread`.

    Args:
        texts: of the samples, or their documents.
        groups: how many.
        seed: of the order in which equally frequent texts are dealt.
        spread: whether each text is dealt to all groups instead: it is a class.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        places[text].append(index)
    ordered = sorted(places, key=lambda text: (-len(places[text]), seeded_rank(seed, text)))
    found: list[list[int]] = [[] for _ in range(groups)]
    for text in ordered:
        for part in [[index] for index in places[text]] if spread else [places[text]]:
            min(found, key=len).extend(part)
    return [sorted(group) for group in found if group]


def split_folds(data: TrainingData, folds: int, task: type[Task], seed: int) -> list[TrainingData]:
    """Return what each fold trains on and is scored on; every sample is in one fold's validation split."""
    units, groups, spread = _grouped(data, folds, task, seed)
    both, every = pool_splits(data).val, [data]
    for mine in groups:
        held, of_group = {units[index] for index in mine}, set(mine)
        rest = [i for i in range(len(both)) if i not in of_group and (spread or units[i] not in held)]
        every.append(replace(data, train=Subset(both, rest), val=Subset(both, mine)))
    return every


def fold_order(data: TrainingData, folds: int, task: type[Task], seed: int) -> list[int]:
    """Return where each sample that the folds read, one after the other, stands among `pool_splits`."""
    _, groups, _ = _grouped(data, folds, task, seed)
    return [*range(len(data.val)), *chain.from_iterable(groups)]


def _grouped(
    data: TrainingData, folds: int, task: type[Task], seed: int
) -> tuple[Sequence[str], list[list[int]], bool]:
    """Return of all samples what is dealt whole, the indices of each fold but the first, and whether it is spread."""
    both, start = pool_splits(data).val, len(data.val)
    documents = fold_documents(data, both, folds)
    named = zip(both.texts, both.sources, strict=True)
    units = documents or [task.text_of(text) or own_unit(Path(source)) for text, source in named]
    spread = not documents and is_spread(both.texts, task.classes, task.text_of)
    dealt = deal(units[start:], folds - 1, seed, spread)
    return units, [[start + index for index in group] for group in dealt], spread


def fold_documents(data: TrainingData, both: Dataset, folds: int) -> tuple[str, ...] | None:
    """Return the documents of all samples; None where none are known, or too few for so many folds."""
    documents = data.documents_in(both)
    return documents if documents and len(set(documents[len(data.val) :])) >= folds else None


def pool_splits(data: TrainingData) -> TrainingData:
    """Return the data with every sample to be read, as all folds together do; the validation samples come first."""
    return replace(data, val=Mixture([data.val, data.train]))


class Predicted(NamedTuple):
    """What a fold's network says of its samples, to choose settings by.

    Attributes:
        val: its samples.
        predictions: of `Task.at_best`.
        learnt: sizes of the images that it was trained on.
    """

    val: Dataset
    predictions: list[Any]
    learnt: Sizes


@dataclass(frozen=True)
class Fold:
    """How one fold went.

    Attributes:
        metrics: of its last epoch: it is given, not chosen.
        rows: how each of its samples was done (`Task.per_sample`).
        samples: number of them.
        checkpoint: None of a later fold that was trained before an interruption.
        predicted: what is to be chosen by; None where the task chooses nothing.
    """

    metrics: Metrics
    rows: SampleStats
    samples: int
    seconds: float
    checkpoint: Checkpoint | None = None
    predicted: Predicted | None = None


def train_fold(
    config: TrialConfig,
    data: TrainingData,
    seed_checkpoint: Checkpoint | None = None,
    micro_batches: int = 1,
    watch: Watch = watch_nothing,
) -> Fold:
    """Train and score one fold, or score the checkpoint that it ended with before; raise DivergedError.

    Its last epoch is scored, so it has no patience: that would end it epochs past its best one, chosen by its labels.
    Batches are computed in so many micro-batches; `watch` hears of each.
    """
    started = time.monotonic()
    last: list[tuple[Metrics, Checkpoint]] = []

    def keep(metrics: Metrics, make: MakeCheckpoint) -> None:
        last.append((metrics, make()))

    if seed_checkpoint is None:
        whole = config.model_copy(update={"patience": 0})
        train(whole, data, report_last(keep), micro_batches=micro_batches, watch=watch)
    else:
        last = [(seed_checkpoint.metrics, seed_checkpoint)]
    metrics, checkpoint = last[0]
    engine, task = assemble(config, data.train, checkpoint)
    predictions = evaluate(engine, task.at_best, data.val)[1]
    rows = task.at_best.per_sample(predictions, data.val)
    predicted = Predicted(data.val, predictions, data.train.sizes) if task.tunes else None
    return Fold(metrics, rows, len(data.val), time.monotonic() - started, checkpoint, predicted)


def average_folds(done: Sequence[Fold], of: int, config: TrialConfig) -> tuple[dict[str, float], FoldReport]:
    """Return what is reported after the last of these folds: scores of all samples, and what only a fold says."""
    told = TASKS.get(config.task).scores.names
    weights = [fold.samples for fold in done]
    names = [*told, *(GENERAL + name for name in told if GENERAL + name in done[0].metrics), LOSS]
    means = {
        name: float(np.average([fold.metrics[name] for fold in done], weights=weights)) for name in names
    }
    counted = {EPOCH: len(done), EPOCH_SECONDS: done[-1].seconds}
    together = [fold.predicted for fold in done if fold.predicted]
    scores, rows, chosen = choose_for_all(together, config) if together else ({}, done[-1].rows, "")
    last = FoldReport(len(done), of, sum(weights), json.dumps(rows.tolist()), chosen)
    return {**means, **counted, **scores}, last


def choose_for_all(
    folds: Sequence[Predicted], config: TrialConfig
) -> tuple[dict[str, float], SampleStats, str]:
    """Choose what needs no training once for the samples of all folds, as it is for pretrained baselines.

    A choice for each fold, of a handful of samples, would flatter.

    Returns the scores, how each sample is done, and the configuration as JSON.
    """
    task = TASKS.get(config.task)(config, Charset(())).at_best
    read = Mixture([fold.val for fold in folds])
    predictions = [one for fold in folds for one in fold.predictions]
    seen = np.concatenate([read.sizes, *(fold.learnt for fold in folds)])
    chosen = task.chosen(predictions, seen).model_dump_json()
    return task.score(predictions, read).metrics(), task.per_sample(predictions, read), chosen


def run_folds(
    config: TrialConfig,
    folds: Sequence[TrainingData],
    report: Callable[[Metrics, FoldReport, Checkpoint | None], None],
    saved: Checkpoint | None,
    micro_batches: int = 1,
    watch: Watch = watch_nothing,
    *,
    kept: MutableMapping[int, Fold] | None = None,
) -> None:
    """Train fold after fold and report after each what all so far say; the first one's checkpoint is kept.

    Later ones that were kept are not trained again, but reported: the interruption may have come before their report.

    Args:
        config: what to train; every fold for all of its epochs.
        folds: their data, the study's own split first.
        report: called after each fold, with the checkpoint to keep.
        saved: the first fold's checkpoint of an interrupted trial, which is not trained again.
        micro_batches: in which the largest batches are computed, to keep to its memory.
        watch: called after every batch.
        kept: later folds, by number; each that is trained is added, unless settings are chosen by what it reads.
    """
    done: list[Fold] = []
    kept = {} if kept is None else kept
    for number, data in enumerate(folds, 1):
        again = saved if number == 1 else None
        fold = kept.get(number) or train_fold(
            config, data, again, micro_batches, _of_fold(watch, number, len(folds))
        )
        if number > 1 and number not in kept and fold.predicted is None:
            kept[number] = replace(fold, checkpoint=None)
        done.append(fold)
        if again is None:
            report(*average_folds(done, len(folds), config), done[0].checkpoint if number == 1 else None)


def _of_fold(watch: Watch, fold: int, folds: int) -> Watch:
    return lambda place: watch(replace(place, fold=fold, folds=folds))

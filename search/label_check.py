"""Asks several good trials for labels that they all read otherwise; what they say is for a person to judge."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from search.doubts import LEAST_VOTERS, Ballot, LabelCheck, Vote, choose_voters, doubted, likely
from search.journal import read_journal
from search.results import TrialRecord, write_text_atomically
from search.studies import Study, read_result
from train.checkpoint import Checkpoint
from train.data.corrections import DoubtedLabel, merged, read_table, table_text
from train.data.dataset import Dataset
from train.errors import CheckpointError, ModelError, UsageError
from train.loop import TrainingData, assemble
from train.tasks import TASKS
from train.validation import read

TABLE = "label_mistakes.tsv"
WINNER = "winner"
TRAIN_SECONDS = 60.0
UNSPELLED = "only labels that are texts are compared with what models read; this task's are none"
Ballots = dict[str, list[Ballot]]


class Timer:
    """How long reading takes, and whether there is time for more.

    Args:
        deadline: Unix time; None for none.
        line_seconds: expected for a line.
    """

    def __init__(self, deadline: float | None, line_seconds: float) -> None:
        self._deadline, self._line = deadline, line_seconds

    def has_time_for(self, lines: int) -> bool:
        """Tell whether so many lines can be read before the deadline."""
        return self._deadline is None or time.time() + lines * self._line < self._deadline

    def is_cheap(self, lines: int) -> bool:
        """Tell whether so many lines are read in TRAIN_SECONDS, and before the deadline."""
        return lines * self._line <= TRAIN_SECONDS and self.has_time_for(lines)


def check_labels(
    voters: Sequence[tuple[str, Callable[[], Checkpoint]]], data: TrainingData, timer: Timer
) -> LabelCheck:
    """Let models vote on every validation label and, where that is cheap, training label.

    Args:
        voters: names and what loads their checkpoints, the best first.
        data: the study's.
        timer: says when to stop; with LEAST_VOTERS heard, there is something to say.
    """
    ballots: Ballots = {"val": [], "train": []}
    names: list[str] = []
    lost: list[str] = []
    with_train = timer.is_cheap(len(voters) * (len(data.val) + len(data.train)))
    for name, load in voters:
        if not timer.has_time_for(len(data.val)):
            break
        try:
            checkpoint = load()
        except (CheckpointError, ModelError) as error:  # a search's result does not hang on one voter
            lost.append(f"trial {name} could not be asked: {error}")
            continue
        _hear(checkpoint, data, with_train, ballots)
        names.append(name)
    splits = {"val": data.val, "train": data.train}
    found = [
        sample
        for split, dataset in splits.items()
        for sample in doubted(ballots[split], dataset.sources, split)
    ]
    return LabelCheck(
        samples=tuple(sorted(found, key=likely)),
        voters=tuple(names),
        splits={split: len(part) for split, part in splits.items() if len(ballots[split]) >= LEAST_VOTERS},
        why_not="; ".join(lost) or _left_out(len(names), len(voters), with_train),
    )


def _left_out(heard: int, asked: int, with_train: bool) -> str:
    if asked < LEAST_VOTERS:
        return "that takes two good trials"
    if heard < asked:
        return f"the time budget was over after {heard} of {asked} models"
    return "" if with_train else "reading the training lines as well would have taken too long"


def _hear(checkpoint: Checkpoint, data: TrainingData, with_train: bool, ballots: Ballots) -> None:
    """Add what a checkpoint says of each split."""
    engine, task = assemble(checkpoint.config, data.train, checkpoint)
    parts: Mapping[str, Dataset] = {"val": data.val} | ({"train": data.train} if with_train else {})
    for split, dataset in parts.items():
        predictions, losses = read(engine, task, dataset)
        wrong = task.mistakes(predictions, dataset)
        votes = {mistake.index: Vote(label=mistake.label, reading=mistake.reading) for mistake in wrong}
        ballots[split].append(Ballot(votes=votes, losses=tuple(losses)))


def voters_of(ranked: Sequence[TrialRecord], winner: Sequence[str]) -> list[TrialRecord]:
    """Return the trials to ask beside the winner, which is made of the trials `winner`."""
    able = [trial for trial in ranked if trial.eligible and trial.score is not None]
    kinds = [(t.id, t.score or 0.0, f"{t.config.model} {t.config.technique.name}") for t in able]
    by_id = {trial.id: trial for trial in able}
    return [by_id[name] for name in choose_voters(kinds, winner)] if able else []


def can_check(task: str) -> bool:
    """Tell whether labels of this task are texts that can be compared with readings."""
    kind = TASKS.get(task)
    return kind.words.spelled and not kind.classes


def write_table(check: LabelCheck, folder: Path) -> Path:
    """Write label_mistakes.tsv; what a person has already said in an older one stays."""
    path = folder / TABLE
    rows = [
        DoubtedLabel(s.split, s.source, s.label, s.reading, f"{s.votes}/{s.voters}", s.chance)
        for s in check.samples
    ]
    edited = read_table(path) if path.is_file() else []
    write_text_atomically(path, table_text(merged(rows, edited)))
    return path


def check_study(study: Study) -> LabelCheck:
    """Let the good trials of a study vote on its labels, and write label_mistakes.tsv; as a search's end does it.

    Raises:
        UsageError: for a task whose labels are no texts.
    """
    from search.export_trial import best_checkpoint, decoded_splits

    if not can_check(study.settings.task_name):
        raise UsageError(
            "labels must be texts to be checked", study.settings.task_name, "look at report.html"
        )
    journals = {trial.id: trial for trial in read_journal(study.folder)}
    voters = [
        (trial.id, partial(best_checkpoint, study, journals[trial.id]))
        for trial in voters_of(read_result(study).ranked, ())
    ]
    splits = decoded_splits(study.settings, ("train", "val"))
    check = check_labels(voters, TrainingData(**splits), Timer(None, 0.0))
    write_table(check, study.folder)
    return check

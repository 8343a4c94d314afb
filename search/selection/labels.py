"""Possible label errors: labels of which several good models agree on another text."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from search.records.evidence import LabelCheck, LabelError
from search.records.trial import TrialRecord
from train.config import Frozen
from train.data.checks.corrections import LabelErrorRow, merge_rows, read_table, table_text
from train.data.dataset import Dataset
from train.errors import CheckpointError, ModelError
from train.loop import TrainingData
from train.system.files import write_whole
from train.trained.loaded import Loaded

TABLE = "label_mistakes.tsv"
WINNER = "winner"
"""What the winner, an average of trials, is called among the voters."""
ON_ALL = "one trained on all samples"
"""What trained on all samples beside the trials is called. It has learned the labels that it judges."""
UNSPELLED = "only labels that are texts are compared with what models read; this task's are none"
LEAST_VOTERS, MOST_VOTERS = 2, 4
"""Models that vote; MOST_VOTERS are asked besides the winner."""
GOOD_SHARE = 0.9
"""Of the best first score: what a voter has at least."""
AGREE_SHARE = 2 / 3
MOST_CHANCE = 1e-3
"""What is less likely may be a wrong label, else the picture is hard (VIN photos: docs/measured/search.md)."""
TRAIN_SECONDS = 60.0
"""What reading the training lines may take."""


class Vote(Frozen):
    """What one model reads where a label says something else."""

    label: str
    reading: str


class Ballot(Frozen):
    """What one model reads in a split.

    Attributes:
        votes: by sample, where its reading is not the label.
        losses: of each label, in nats; infinite where the task has no losses.
    """

    votes: dict[int, Vote]
    losses: tuple[float, ...]


def count_needed_votes(voters: int) -> int:
    """Return how many of so many models have to agree."""
    return max(LEAST_VOTERS, math.ceil(AGREE_SHARE * voters))


def find_label_errors(ballots: Sequence[Ballot], sources: Sequence[str], split: str) -> list[LabelError]:
    """Return the labels against which enough models agree, and which all of them find unlikely.

    Args:
        ballots: of each model.
        sources: paths of the split's images.
        split: its name.
    """
    errors = []
    for index in sorted({index for ballot in ballots for index in ballot.votes}):
        against = [ballot.votes[index] for ballot in ballots if index in ballot.votes]
        reading, count = Counter(vote.reading for vote in against).most_common(1)[0]
        chance = math.exp(-sum(ballot.losses[index] for ballot in ballots) / len(ballots))
        if len(ballots) < LEAST_VOTERS or count < count_needed_votes(len(ballots)) or chance > MOST_CHANCE:
            continue
        errors.append(
            LabelError(
                split=split,
                index=index,
                source=sources[index],
                label=against[0].label,
                reading=reading,
                votes=count,
                voters=len(ballots),
                chance=chance,
            )
        )
    return errors


def sort_by_chance(errors: Iterable[LabelError]) -> list[LabelError]:
    """Sort: the least likely label first, of equals the one against which the larger share agrees."""
    return sorted(errors, key=lambda one: (one.chance, -one.votes / one.voters))


def choose_by_kind(ranked: Sequence[tuple[str, float, str]], winner: Sequence[str]) -> list[str]:
    """Return the ids of the trials to ask: good ones, of every kind the best one first, at most MOST_VOTERS.

    Args:
        ranked: (trial id, first score, kind, e.g. model and technique), best first.
        winner: the trials that its weights are made of: the first is the winner itself, or nearly.
    """
    good = [
        (trial, kind)
        for trial, score, kind in ranked
        if score >= GOOD_SHARE * ranked[0][1] and score > 0 and trial not in winner[:1]
    ]
    seen = {kind for trial, _, kind in ranked if trial in winner[:1]}
    first: list[str] = []
    others: list[str] = []
    for trial, kind in good:
        (others if kind in seen else first).append(trial)
        seen.add(kind)
    return [*first, *others][:MOST_VOTERS]


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


@dataclass(frozen=True)
class Voter:
    """A model to ask: the name that the report gives it, and what builds its network."""

    name: str
    load: Callable[[], Loaded]


def check_labels(voters: Sequence[Voter], data: TrainingData, timer: Timer) -> LabelCheck:
    """Let models vote on every validation label and, where that is cheap, training label.

    Args:
        voters: the best first.
        data: the study's.
        timer: says when to stop; LEAST_VOTERS are enough for a result.
    """
    with_train = timer.is_cheap(len(voters) * (len(data.val) + len(data.train)))
    splits = {"val": data.val} | ({"train": data.train} if with_train else {})
    ballots: dict[str, list[Ballot]] = {split: [] for split in splits}
    voted, lost = [], []
    for voter in voters:
        if not timer.has_time_for(len(data.val)):
            break
        try:
            network = voter.load()
        except (CheckpointError, ModelError) as error:  # a search's result does not hang on one voter
            lost.append(f"{voter.name} could not be asked: {error}")
            continue
        for split, dataset in splits.items():
            ballots[split].append(_ask(network, dataset))
        voted.append(voter.name)
    errors = [find_label_errors(ballots[split], dataset.sources, split) for split, dataset in splits.items()]
    return LabelCheck(
        samples=tuple(sort_by_chance(chain.from_iterable(errors))),
        voters=tuple(voted),
        splits={split: len(part) for split, part in splits.items() if len(ballots[split]) >= LEAST_VOTERS},
        why_not="; ".join(lost) or _explain_gaps(len(voted), len(voters), with_train),
    )


def _explain_gaps(voted: int, voters: int, with_train: bool) -> str:
    if voters < LEAST_VOTERS:
        return "it takes two good trials"
    if voted < voters:
        return f"the time budget was over after {voted} of {voters} models"
    return "" if with_train else "reading the training lines as well would have taken too long"


def _ask(network: Loaded, data: Dataset) -> Ballot:
    """Return the ballot of a network on a split."""
    reading = network.read(data)
    wrong = network.task.mistakes(reading.predictions, data)
    votes = {mistake.index: Vote(label=mistake.label, reading=mistake.reading) for mistake in wrong}
    return Ballot(votes=votes, losses=tuple(reading.losses))


def choose_voters(ranked: Sequence[TrialRecord], winner: Sequence[str]) -> list[TrialRecord]:
    """Return the trials to ask beside the winner, which is made of the trials `winner`."""
    able = [trial for trial in ranked if trial.eligible and trial.score is not None]
    kinds = [(t.id, t.score or 0.0, f"{t.config.model} {t.config.technique.name}") for t in able]
    by_id = {trial.id: trial for trial in able}
    return [by_id[name] for name in choose_by_kind(kinds, winner)] if able else []


def write_table(check: LabelCheck, folder: Path) -> Path:
    """Write label_mistakes.tsv; what a person has already said in an older one stays."""
    path = folder / TABLE
    rows = [
        LabelErrorRow(s.split, s.source, s.label, s.reading, f"{s.votes}/{s.voters}", s.chance)
        for s in check.samples
    ]
    edited = read_table(path) if path.is_file() else []
    write_whole(path, table_text(merge_rows(rows, edited)))
    return path

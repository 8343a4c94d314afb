"""Labels that several good models read otherwise, all alike: pure decisions."""

import math
from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from train.config import Frozen

LEAST_VOTERS, MOST_VOTERS = 2, 4
GOOD_SHARE = 0.9
"""Of the best first score: what a voter has at least."""
AGREE_SHARE = 2 / 3
MOST_CHANCE = 1e-3
"""Between labels that are wrong and readings that are, on VIN photos: docs/search.md has the figures."""


class DoubtedSample(Frozen):
    """A sample whose label is likely wrong.

    Attributes:
        split: `val` or `train`.
        index: of the sample in that dataset.
        source: path of the image.
        reading: what the models that agree read.
        votes: how many read that.
        voters: how many were asked.
        chance: of the label, as all voters see it: the geometric mean of its probabilities, in [0, 1]; 0 where the
            task tells none.
    """

    split: str
    index: int
    source: str
    label: str
    reading: str
    votes: int
    voters: int
    chance: float


class LabelCheck(Frozen):
    """What became of the search for wrong labels.

    Attributes:
        samples: the likeliest mistake first.
        voters: who was asked: `winner` and ids of trials.
        splits: split -> how many samples each of them read.
        why_not: why not all was looked at; empty if all was.
    """

    samples: tuple[DoubtedSample, ...] = ()
    voters: tuple[str, ...] = ()
    splits: dict[str, int] = Field(default_factory=dict)
    why_not: str = ""


class Vote(Frozen):
    """What one model reads where a label says something else."""

    label: str
    reading: str


class Ballot(Frozen):
    """What one model says of a split.

    Attributes:
        votes: by sample, where its reading is not the label.
        losses: of each label, in nats; infinite where the task tells none.
    """

    votes: dict[int, Vote]
    losses: tuple[float, ...]


def needed(voters: int) -> int:
    """Return how many of so many have to agree."""
    return max(LEAST_VOTERS, math.ceil(AGREE_SHARE * voters))


def doubted(ballots: Sequence[Ballot], sources: Sequence[str], split: str) -> list[DoubtedSample]:
    """Return the samples on which enough models agree against a label that all find unlikely.

    Args:
        ballots: of each model.
        sources: paths of the split's images.
        split: its name.
    """
    found = []
    for index in sorted({index for ballot in ballots for index in ballot.votes}):
        against = [ballot.votes[index] for ballot in ballots if index in ballot.votes]
        reading, count = Counter(vote.reading for vote in against).most_common(1)[0]
        chance = math.exp(-sum(ballot.losses[index] for ballot in ballots) / len(ballots))
        if len(ballots) < LEAST_VOTERS or count < needed(len(ballots)) or chance > MOST_CHANCE:
            continue
        found.append(
            DoubtedSample(
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
    return found


def likely(sample: DoubtedSample) -> tuple[float, float]:
    """Sort key, the likeliest mistake first: how unlikely the label is, then the share that agrees."""
    return sample.chance, -sample.votes / sample.voters


def choose_voters(ranked: Sequence[tuple[str, float, str]], winner: Sequence[str]) -> list[str]:
    """Return whom to ask beside the winner: good trials, of every kind the best one first, at most MOST_VOTERS.

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

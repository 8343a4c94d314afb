"""A trained detector and reader beside the published models that they began as: what each is worth end to end."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from train.data.sample import Sample
from train.data.split import Splits
from train.end_to_end.pair import read_end_to_end
from train.end_to_end.spread import spread
from train.scoring.intervals import Gain, describe_points
from train.scoring.regions import RegionScores, count_ahead, gain_in_reading
from train.sets.found import Quads
from train.trained.readers import Read

MOST_PHOTOS, MOST_BOXES = 60, 500
"""That each pair reads: about a minute for all of them."""
FEWEST_UNSEEN = 20
"""Test photos that may compare pairs; where they are fewer, validation photos do, which chose the trained pair."""
MOST_BY_CHANCE = 2
"""Photos that one pair may win more than it loses by one or two texts alone."""
TRAINED, PUBLISHED = "trained", "published"
Halves = tuple[str, str]
"""Of detector and reader, whether it is the trained or the published one."""
BOTH: Halves = (TRAINED, TRAINED)

Find = Callable[[Sequence[Sample]], Sequence[Quads]]
Rows = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PairChoice:
    """How the pairs read the same photos.

    Attributes:
        chosen: the trained pair, unless another one reads more right, as surely as `_is_better` asks.
        tried: scores of each, the trained pair first.
        gains: of the trained pair over each other one.
        unseen: whether nothing of the trained pair was chosen by these photos; else they flatter it.
    """

    chosen: Halves
    tried: Mapping[Halves, RegionScores]
    gains: Mapping[Halves, Gain]
    unseen: bool

    def __str__(self) -> str:
        """Say it in a line."""
        first, by = self.tried[BOTH], "significantly" if self.unseen else "by more than a standard error"
        others = [
            f"{self.tried[pair].hmean:.3f} with {_name(pair)} (the trained pair gains {describe_points(gain)})"
            for pair, gain in self.gains.items()
        ]
        return (
            f"pair: hmean of what is read right in {first.n} {self._photos} {first.hmean:.3f}; {'; '.join(others)}"
            + ("" if self.chosen == BOTH else f"; {_name(self.chosen)} taken: better {by}")
        )

    @property
    def _photos(self) -> str:
        return "test photos" if self.unseen else "validation photos, which also chose the trained pair,"

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "chosen": _name(self.chosen),
            "split": "test" if self.unseen else "validation",
            "hmean": {_name(pair): scores.hmean for pair, scores in self.tried.items()},
            "gain_over": {_name(pair): gain.model_dump(mode="json") for pair, gain in self.gains.items()},
        }


def compare_halves(
    splits: Splits, detectors: Mapping[str, Find], readers: Mapping[str, Read]
) -> PairChoice | None:
    """Return how photos are read by each detector with each reader; None where there is nothing to compare.

    Args:
        splits: whose test photos are read if they are enough, else the validation photos; some, where they are many.
        detectors: TRAINED, and PUBLISHED where it is to be compared.
        readers: the same.
    """
    if len(detectors) * len(readers) < 2:
        return None
    unseen = len(splits.test) >= FEWEST_UNSEEN
    photos = splits.test if unseen else splits.val
    some = [photos[place] for place in spread(len(photos), MOST_PHOTOS)]
    found = {name: find(some) for name, find in detectors.items()}
    most = max(sum(map(len, boxes)) for boxes in found.values())
    places = spread(len(some), len(some) * MOST_BOXES // max(most, 1))
    rows = {
        (finder, name): read_end_to_end(
            [some[place] for place in places], [boxes[place] for place in places], reader
        ).counts
        for finder, boxes in found.items()
        for name, reader in readers.items()
    }
    return choose_pair({pair: np.array(counts, np.float64) for pair, counts in rows.items()}, unseen)


def choose_pair(rows: Mapping[Halves, Rows], unseen: bool) -> PairChoice:
    """Return the pair that reads best of those whose counts of every photo, (N, 5), are given."""
    gains = {pair: gain_in_reading(counts, rows[BOTH]) for pair, counts in rows.items() if pair != BOTH}
    better = [pair for pair, gain in gains.items() if _is_better(rows[pair], rows[BOTH], gain, unseen)]
    chosen = min(better, key=lambda pair: gains[pair].difference, default=BOTH)
    scores = {pair: RegionScores.measured(counts, read=True) for pair, counts in rows.items()}
    return PairChoice(chosen, scores, gains, unseen)


def _is_better(other: Rows, trained: Rows, gain: Gain, unseen: bool) -> bool:
    """Tell whether another pair is surely enough better than the trained one, which gains so much over it.

    On test photos, whose score is reported, it is significantly better. The trained pair was chosen by the validation
    photos, and is behind on them in spite of that: there a standard error is enough, where more than
    MOST_BY_CHANCE photos are won beyond those that are lost: of one or two photos no error can be told.
    """
    if unseen:
        return gain.interval.high < 0
    ahead = count_ahead(other, trained) > MOST_BY_CHANCE
    return ahead and gain.difference < -gain.standard_error


def _name(pair: Halves) -> str:
    detector, reader = pair
    return f"both {detector}" if detector == reader else f"the {detector} detector and the {reader} reader"

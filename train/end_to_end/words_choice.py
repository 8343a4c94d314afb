"""Whether lines are divided into words: where labels lie in larger boxes, both ways are tried end to end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from train.data.photos.lines import is_line
from train.data.photos.regions import regions_of
from train.data.sample import Sample
from train.end_to_end.pair import read_end_to_end
from train.end_to_end.spread import spread
from train.scoring.intervals import Gain, describe_points
from train.scoring.regions import RegionScores, gain_in_reading, judge, lie_within, polygons
from train.sets.found import Quads
from train.tasks import TASKS
from train.trained.readers import Read

WORTH_TRYING = 0.05
"""Share of the labelled texts that are missed because they lie in a larger box."""
MOST_BOXES = 1000


@dataclass(frozen=True)
class WordsChoice:
    """What was found in photos.

    Attributes:
        words: whether lines are divided.
        inside: labelled texts that are no hit and lie in a larger box.
        labels: labelled texts.
        tried: how much is found and read right by lines, and by words; None where that was not tried.
        gain: of words over lines.
    """

    words: bool
    inside: int
    labels: int
    tried: tuple[RegionScores, RegionScores] | None = None
    gain: Gain | None = None

    def __str__(self) -> str:
        """Say it in a line."""
        inside = f"{self.inside} of {self.labels} labelled texts lie in a larger box"
        if self.tried is None or self.gain is None:
            return f"words: {inside}: lines stay whole"
        lines, words = (f"{one.hmean:.3f}" for one in self.tried)
        return (
            f"words: {inside}; found and read right in {self.tried[0].n} photos: hmean {lines} by lines, {words} by "
            f"words ({describe_points(self.gain)}): "
            + ("lines are divided" if self.words else "lines stay whole")
        )


def choose_words(photos: Sequence[Sample], boxes: Sequence[Quads], reader: Read) -> WordsChoice:
    """Return whether lines are to be divided: as the reader has it, unless the other way reads significantly more.

    Args:
        photos: of the validation split.
        boxes: that the detector finds in each.
        reader: a model of lines, with the cut that it has until now.
    """
    usual = reader.config.cut.words
    inside, labels = count_inside(photos, boxes)
    if not TASKS.get(reader.config.task).worded or not (usual or inside > WORTH_TRYING * labels):
        return WordsChoice(usual, inside, labels)
    places = spread(len(photos), len(photos) * MOST_BOXES // max(sum(map(len, boxes)), 1))
    some, found = [photos[place] for place in places], [boxes[place] for place in places]
    lines, words = (_read(some, found, reader, words) for words in (False, True))
    gain = gain_in_reading(lines, words)
    chosen = gain.interval.high >= 0 if usual else gain.interval.low > 0
    tried = RegionScores.measured(lines, read=True), RegionScores.measured(words, read=True)
    return WordsChoice(chosen, inside, labels, tried, gain)


def tell_inside(photos: Sequence[Sample], boxes: Sequence[Quads], reader: Read) -> str:
    """Return a line on labels that lie in larger boxes, where they are many; empty if the reader divides or cannot."""
    inside, labels = count_inside(photos, boxes)
    can = TASKS.get(reader.config.task).worded and not reader.config.cut.words
    if not can or inside <= WORTH_TRYING * labels:
        return ""
    return (
        f"{inside} of {labels} labelled texts lie in a larger box: where labels are words and the detector finds "
        "lines, a search of a reader with --detection divides lines into words if that reads more"
    )


def count_inside(photos: Sequence[Sample], boxes: Sequence[Quads]) -> tuple[int, int]:
    """Return how many labelled texts are missed because they lie in a larger box, and how many there are."""
    counts = np.array([_count(*one) for one in zip(photos, boxes, strict=True)]).reshape(-1, 2)
    inside, labels = counts.sum(axis=0).tolist()
    return inside, labels


def _count(photo: Sample, quads: Quads) -> tuple[int, int]:
    regions, found = regions_of(photo.text, photo.source), polygons(list(quads))
    texts = np.array([is_line(region) for region in regions], bool)
    hit = np.isin(np.arange(len(regions)), [place for _, place in judge(found, regions).hits])
    return int((texts & ~hit & lie_within(found, regions).any(axis=0)).sum()), int(texts.sum())


def _read(
    photos: Sequence[Sample], boxes: Sequence[Quads], reader: Read, words: bool
) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    cut = reader.config.cut.model_copy(update={"words": words})
    asked = replace(reader, config=reader.config.model_copy(update={"cut": cut}))
    return np.array(read_end_to_end(photos, boxes, asked).counts, np.float64)

"""How lines are cut out of a detector's boxes for a reader: each cut is tried on the same boxes, and read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from train.cut import CUTS_TO_TRY, PADDLEOCR, Cut
from train.data import images
from train.data.dataset import MemoryDataset, gather
from train.data.geometry.crops import Quad, crop
from train.data.photos.lines import is_line
from train.data.photos.regions import regions_of
from train.data.sample import Sample
from train.end_to_end.photos import as_line
from train.end_to_end.spread import spread
from train.scoring.regions import judge, polygons
from train.sets.found import Quads
from train.trained.readers import Read, read

FEWEST_LINES, MOST_LINES = 20, 200
SIGNIFICANT = 2.58
"""Standard errors by which a cut has to be better: 99 %, since it is the best of several."""

Similarities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CutChoice:
    """What was tried on lines of photos.

    Attributes:
        cut: the chosen one.
        tried: each with the mean similarity of its readings to the labels.
        lines: that were read with each.
    """

    cut: Cut
    tried: tuple[tuple[Cut, float], ...]
    lines: int

    def __str__(self) -> str:
        """Say it in a line."""
        if not self.tried:
            return f"cut: {self.cut.of_pixels} ({self.lines} lines found, too few to choose another)"
        scores = "; ".join(f"{similarity:.3f} {cut}" for cut, similarity in self.tried)
        return f"cut: {self.cut.of_pixels}; similarity of {self.lines} validation lines: {scores}"


def choose_cut(
    photos: Sequence[Sample],
    boxes: Sequence[Quads],
    reader: Read,
    usual: Cut = PADDLEOCR,
) -> CutChoice:
    """Return the cut with which a reader's texts are most like the labels; the usual one unless that is significant.

    Args:
        photos: of the validation split.
        boxes: that the detector finds in each.
        reader: a model of lines.
        usual: what its lines are cut like until now; whether one is divided into words is left (`choose_words`).
    """
    pairs = _hits(photos, boxes)
    cuts = list(dict.fromkeys([usual.of_pixels, *CUTS_TO_TRY]))
    if len(pairs) < FEWEST_LINES:
        return CutChoice(usual, (), len(pairs))
    lines = _lines(pairs, cuts)
    texts = [text for text, _ in read(reader, lines)[1]]
    similar = np.array(
        [Levenshtein.normalized_similarity(*pair) for pair in zip(texts, lines.texts, strict=True)]
    ).reshape(len(cuts), -1)
    tried = tuple(zip(cuts, similar.mean(axis=1).tolist(), strict=True))
    best = cuts[significant_best(similar)]
    return CutChoice(best.model_copy(update={"words": usual.words}), tried, similar.shape[1])


def significant_best(similar: Similarities) -> int:
    """Return which of (K, N) cuts is the best over N lines; the first, unless one is significantly better."""
    best = int(similar.mean(axis=1).argmax())
    gain = similar[best] - similar[0]
    error = float(gain.std(ddof=1)) / math.sqrt(len(gain))
    return best if gain.mean() > SIGNIFICANT * error else 0


_Hit = tuple[Sample, Quads, str]


def _hits(photos: Sequence[Sample], boxes: Sequence[Quads]) -> list[_Hit]:
    """Return photo, box and text of MOST_LINES labelled texts that were found, spread over the photos."""
    found = []
    for photo, quads in zip(photos, boxes, strict=True):
        regions = regions_of(photo.text, photo.source)
        hits = judge(polygons(list(quads)), regions).hits
        found += [(photo, quads[i], regions[j].text) for i, j in hits if is_line(regions[j])]
    return [found[place] for place in spread(len(found), MOST_LINES)]


def _lines(hits: Sequence[_Hit], cuts: Sequence[Cut]) -> MemoryDataset:
    """Return the lines of each cut, one cut behind the other; one photo is decoded at a time."""
    of_hits: list[list[images.Image]] = []
    for path, own in groupby(hits, key=lambda hit: hit[0].path):
        photo = images.read(path)
        of_hits += [[_line(photo, quad, how) for how in cuts] for _, quad, _ in own]
    lines = [line for of_cut in zip(*of_hits, strict=True) for line in of_cut]
    samples = [Sample(photo.path, text, photo.source) for _ in cuts for photo, _, text in hits]
    return gather(samples, [(line, (line.shape[0], line.shape[1])) for line in lines])


def _line(photo: images.Image, quad: Quad, how: Cut) -> images.Image:
    line = as_line(crop(photo, quad, how))
    return np.zeros((images.HEIGHT_PX, images.HEIGHT_PX, 3), np.uint8) if line is None else line

"""A detector's thresholds, chosen for what a reader reads in its boxes: each box is read once for all thresholds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt

from train.cut import PADDLEOCR, Cut
from train.data import images
from train.data.charset import Charset
from train.data.geometry.crops import Quad, crop
from train.data.geometry.detection import DetectionParameters, decode_boxes
from train.data.photos.regions import Region
from train.data.sample import Sample
from train.end_to_end.finder import PhotoFiles
from train.end_to_end.photos import Line, Reading, ReadLines, as_line, list_judged, read_boxes
from train.end_to_end.spread import spread
from train.reading.settings import ReadingSettings, TextReading
from train.scoring.regions import Overlaps, RegionCounts, RegionScores, gain_in_reading, polygons
from train.scoring.thresholds import PhotoMap
from train.sets.found import Quads
from train.system.machine.processor import count_cores
from train.system.onnx_session import run
from train.tasks.detection import Detection
from train.tasks.detection_at_best import GRID
from train.trained.readers import Read, read

MOST_PHOTOS, MOST_LINES = 200, 2000
NAMES = ("thresh", "box_thresh", "unclip_ratio")

Part = tuple[Quad, Reading]
"""What is read in a box, or in a part of it, and where."""
Triple = tuple[float, ...]
Rows = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ThresholdChoice:
    """What was chosen on photos.

    Attributes:
        parameters: the given ones, unless others are significantly better.
        before: scores of what is found and read right with those that were given.
        after: with the chosen ones.
    """

    parameters: DetectionParameters
    before: RegionScores
    after: RegionScores

    def __str__(self) -> str:
        """Say it in a line."""
        values = ", ".join(f"{name} {getattr(self.parameters, name):g}" for name in NAMES)
        scores = f"hmean of what is read right in {self.before.n} photos {self.before.hmean:.3f}"
        if self.after is self.before:
            return f"thresholds stay ({values}): no others read significantly better; {scores}"
        return f"thresholds for the reader: {values}; {scores} before, {self.after.hmean:.3f} with them"


@dataclass(frozen=True)
class Reader:
    """Who reads what is found.

    Attributes:
        read_lines: what every line of a dataset says.
        cut: how lines are cut for it.
        text_model: behind it; None for none.
    """

    read_lines: ReadLines
    cut: Cut = PADDLEOCR
    text_model: ReadingSettings | None = None


@dataclass(frozen=True)
class _Boxes:
    """Boxes of a photo at a threshold and ratio, and where each stands among the lines that are read."""

    quads: Quads
    scores: Rows
    places: list[int]


def choose_thresholds(
    photos: Sequence[Sample], maps: Sequence[PhotoMap], reader: Reader, given: DetectionParameters
) -> ThresholdChoice:
    """Return the thresholds with which most is found and read right; the given ones unless the gain is significant.

    Args:
        photos: of the validation split.
        maps: what the detector says of each.
        reader: where its format looks for some texts, only boxes that can be one count.
        given: thresholds that the detector has.
    """
    own = tuple(getattr(given, name) for name in NAMES)
    tried = list(dict.fromkeys([own, *product(*GRID)]))
    sets = list(dict.fromkeys((thresh, ratio) for thresh, _, ratio in tried))
    least = min(box_thresh for _, box_thresh, _ in tried)
    found = [[_find(one, given, pair, least) for pair in sets] for one in maps]
    some = _few_enough(found)
    texts = _read(some, photos, found, reader)
    rows = np.array([_counts(photos[i], sets, found[i], texts[i], tried, reader) for i in some])  # (P, K, 5)
    best = max(range(len(tried)), key=lambda k: _rank(rows[:, k], tried[k], own))
    gain = gain_in_reading(rows[:, 0], rows[:, best])
    before = RegionScores.measured(rows[:, 0], read=True)
    if gain.interval.low <= 0:
        return ThresholdChoice(given, before, before)
    chosen = replace(given, **dict(zip(NAMES, tried[best], strict=True)))
    return ThresholdChoice(chosen, before, RegionScores.measured(rows[:, best], read=True))


def _rank(rows: Rows, triple: Triple, own: Triple) -> tuple[float, int, float]:
    """Return a sort key: what is read right, then the nearest to the own thresholds, then the sharper boxes."""
    scores = RegionScores.of(rows, read=True)
    return scores.hmean, sum(a == b for a, b in zip(triple, own, strict=True)), scores.iou


def suit_reader(found: Read, photos: Sequence[Sample], reader: Read) -> ThresholdChoice:
    """Return the thresholds of a detection bundle that suit a reader, chosen on some of these photos."""
    assert found.bundle is not None, "only a bundle has thresholds of its own"
    some = [photos[place] for place in spread(len(photos), MOST_PHOTOS)]
    task, data = Detection(found.config, Charset(())), PhotoFiles(some)
    session = found.bundle.session(count_cores())
    maps: dict[int, PhotoMap] = {}
    for indices in task.evaluation_batches(data):
        output = run(session, task.evaluation_batch(data, indices))
        maps |= {i: task.photo_map(one, data, i) for i, one in zip(indices.tolist(), output, strict=True)}
    how = reader.config.cut
    who = Reader(lambda lines: read(reader, lines, words=how.words)[1], how, reader.text_model)
    return choose_thresholds(some, [maps[i] for i in range(len(some))], who, task.how)


def _find(one: PhotoMap, given: DetectionParameters, pair: Triple, least: float) -> _Boxes:
    how = replace(given, thresh=pair[0], box_thresh=least, unclip_ratio=pair[1])
    quads, scores = decode_boxes(one.probabilities, one.source_size, how)
    return _Boxes(quads, scores, [])


def _few_enough(found: Sequence[Sequence[_Boxes]]) -> list[int]:
    """Return photos, spread over all, whose boxes are not too many to read."""
    total = sum(len(one.quads) for sets in found for one in sets)
    return spread(len(found), len(found) * MOST_LINES // max(total, 1))


def _read(
    some: Sequence[int], photos: Sequence[Sample], found: Sequence[Sequence[_Boxes]], reader: Reader
) -> dict[int, list[list[Part]]]:
    """Return what every different box of each photo says, in the order of its first appearance."""
    lines: list[Line] = []
    boxes: list[Quad] = []
    spans: dict[int, slice] = {}
    for i in some:
        start = len(lines)
        seen: dict[bytes, int] = {}
        picture = images.read(photos[i].path)
        for one in found[i]:
            for quad in one.quads:
                place = seen.setdefault(quad.tobytes(), len(seen))
                one.places.append(place)
                if place == len(lines) - start:
                    lines.append(as_line(crop(picture, quad, reader.cut)))
                    boxes.append(quad)
        spans[i] = slice(start, len(lines))
    readings = read_boxes(boxes, lines, reader.read_lines, reader.cut)
    return {i: readings[span] for i, span in spans.items()}


def _counts(
    photo: Sample,
    sets: Sequence[Triple],
    found: Sequence[_Boxes],
    said: Sequence[Sequence[Part]],
    tried: Sequence[Triple],
    reader: Reader,
) -> list[RegionCounts]:
    """Return the counts of a photo with each of the thresholds that are tried."""
    regions = list_judged(photo, reader.text_model)
    counted: dict[Triple, Callable[[float], RegionCounts]] = {}
    for pair, one in zip(sets, found, strict=True):
        parts = [part for place in one.places for part in said[place]]
        scores = np.repeat(one.scores, np.array([len(said[place]) for place in one.places], int))
        overlaps = Overlaps(polygons([quad for quad, _ in parts]), regions)
        counted[pair] = partial(_count, scores, [reading for _, reading in parts], overlaps, regions)
    return [counted[thresh, ratio](box_thresh) for thresh, box_thresh, ratio in tried]


def _count(
    scores: Rows,
    readings: Sequence[Reading],
    overlaps: Overlaps,
    regions: Sequence[Region],
    box_thresh: float,
) -> RegionCounts:
    can_be = [not isinstance(r, TextReading) or r.found is not False for r in readings]
    judged = overlaps.judge((scores >= box_thresh) & np.array(can_be, bool))
    texts = [text for text, _ in readings]
    right = sum(texts[i] == regions[j].text for i, j in judged.hits)
    return RegionCounts(len(judged.hits), judged.detections, judged.labels, sum(judged.ious), right)

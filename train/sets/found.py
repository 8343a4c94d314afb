"""The lines of photos as a detector finds them: what a reader is given in use, and so what it is trained on.

photos of each split -> boxes -> matched with the labels -> lines; for training, further pictures of each, cut by boxes
that err as the detector was seen to err.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from train.cut import Cut
from train.data.batching.versions import MARK
from train.data.folders.documents import find_documents
from train.data.folders.unpacked import unpack
from train.data.photos.box_errors import FEWEST, BoxError, Deviations, apply, describe, measure
from train.data.photos.lines import PhotoLine, is_line, labelled_lines, require_texts, write_lines
from train.data.photos.regions import regions_of
from train.data.sample import Sample
from train.data.split import Splits
from train.errors import DataError
from train.scoring.regions import judge, polygons
from train.sets.joined_words import JoinedWords, join_words

PICTURES = 5
"""Further pictures of every training line."""
BOXES = "boxes.json"

Quads = npt.NDArray[np.int32]


class Finder(Protocol):
    """A detector."""

    @property
    def name(self) -> str:
        """Folder or name of the model."""

    @property
    def key(self) -> str:
        """Key of its boxes in a cache: what may find other boxes has another one."""

    @property
    def may_know_photos(self) -> bool:
        """Whether it may have been trained on these photos."""

    def find(self, photos: Sequence[Sample]) -> Sequence[Quads]:
        """Return the (N, 4, 2) corners of the boxes in each photo, in its pixels; none in one that is unreadable."""


@dataclass(frozen=True)
class FoundLines:
    """Lines as they are found.

    Attributes:
        splits: their samples.
        pictures: further ones of the training lines.
        messages: on what was found, a line each.
    """

    splits: Splits
    pictures: Sequence[Sample]
    messages: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    """The labelled lines of a split's photos, and the box of each that was found, by the line's name.

    `joined` of the lines are of several labelled words.
    """

    photos: Sequence[Sample]
    lines: Sequence[Sequence[PhotoLine]]
    boxes: Mapping[str, Quads]
    joined: int = 0

    @property
    def texts(self) -> int:
        return sum(map(len, self.lines))


def cut_as_found(photos: Splits, finder: Finder, how: Cut, seed: int) -> FoundLines:
    """Return the lines of photos, cut by the detector's boxes.

    A text that is missed is cut by its label: it is read, too, but end to end it is wrong. For a reader whose lines are
    divided into words, the words of a box that holds several are one line.
    """
    parts = {name: _match(samples, finder, how.words) for name, samples in photos.items()}
    deviations, told = _deviations(parts, finder)
    messages = [_tell(name, part, finder) for name, part in parts.items()]
    messages.append(f"training boxes err {told}")
    for name in ("train", "val"):
        _require(name, parts[name], finder)
    lines = {name: tuple(_write(part, how)) for name, part in parts.items()}
    pictures = _pictures(parts["train"], deviations.draw, np.random.default_rng(seed))
    splits = replace(
        photos,
        train=lines["train"],
        val=lines["val"],
        test=lines.get("test", ()),
        documents=find_documents([line for part in lines.values() for line in part]),
    )
    return FoundLines(splits, write_lines(parts["train"].photos, pictures, how)[0], tuple(messages))


def boxes_of(photos: Sequence[Sample], finder: Finder) -> list[Quads]:
    """Return the boxes in each photo, found now or by an earlier run."""

    def make() -> Iterator[tuple[str, bytes]]:
        yield BOXES, json.dumps([quads.tolist() for quads in finder.find(photos)]).encode()

    folder = unpack((photo.path for photo in photos), f"{BOXES} {finder.key}", make)
    kept = json.loads((folder / BOXES).read_bytes())
    return [np.array(quads, np.int32).reshape(-1, 4, 2) for quads in kept]


def _match(photos: Sequence[Sample], finder: Finder, words: bool) -> _Found:
    lines = [labelled_lines(number, photo) for number, photo in enumerate(photos)]
    require_texts(lines)
    boxes: dict[str, Quads] = {}
    joined = 0
    for photo, of_photo, quads in zip(photos, lines, boxes_of(photos, finder), strict=True):
        regions = regions_of(photo.text, photo.source)
        places = [place for place, region in enumerate(regions) if is_line(region)]
        names = {place: line.name for place, line in zip(places, of_photo, strict=True)}
        hits = judge(polygons(list(quads)), regions).hits
        boxes |= {names[place]: quads[found] for found, place in hits if place in names}
        if words:
            joined += _join(of_photo, boxes, join_words(list(quads), regions), names)
    return _Found(photos, lines, boxes, joined)


def _join(
    lines: list[PhotoLine], boxes: dict[str, Quads], joined: Iterable[JoinedWords], names: Mapping[int, str]
) -> int:
    """Make one line of the words of a photo that were found together; return how many there are."""
    count = 0
    for count, one in enumerate(joined, 1):  # noqa: B007 - the last number is returned
        first, *others = (names[place] for place in one.places)
        place = next(i for i, line in enumerate(lines) if line.name == first)
        lines[place] = lines[place]._replace(text=one.text, corners=one.corners)
        lines[:] = [line for line in lines if line.name not in others]
        for name in others:
            boxes.pop(name, None)
        boxes[first] = one.box
    return count


def _deviations(parts: Mapping[str, _Found], finder: Finder) -> tuple[Deviations, str]:
    """Return how training boxes err, and a sentence on it; a bundle, which may know these photos, by validation."""
    own = _errors(parts["train"])
    if not finder.may_know_photos:
        return Deviations(own), f"as {finder.name} does on these photos: {describe(own)}"
    elsewhere = _errors(parts["val"])
    told = f"as {finder.name} does on the validation photos: {describe(elsewhere)}; here: {describe(own)}"
    return Deviations(elsewhere, seen=own), told


def _errors(part: _Found) -> list[BoxError]:
    """Return how the boxes lie to the labels."""
    lines = [line for of_photo in part.lines for line in of_photo if line.name in part.boxes]
    measured = [measure(line.corners, part.boxes[line.name]) for line in lines]
    return [error for error in measured if error is not None]


def _write(part: _Found, how: Cut) -> list[Sample]:
    """Return the lines as they are found; those that are missed as they are labelled."""
    chosen = [
        [line._replace(corners=part.boxes.get(line.name, line.corners)) for line in of_photo]
        for of_photo in part.lines
    ]
    as_lists = [[line._replace(corners=_listed(line.corners)) for line in of_photo] for of_photo in chosen]
    return write_lines(part.photos, as_lists, how)[0]


def _pictures(
    part: _Found, deviation: Callable[[np.random.Generator], BoxError], rng: np.random.Generator
) -> list[list[PhotoLine]]:
    """Return the outlines of further pictures of each line: its label, and boxes about the one that was found."""
    return [
        [picture for line in of_photo for picture in _pictures_of(line, part.boxes, deviation, rng)]
        for of_photo in part.lines
    ]


def _pictures_of(
    line: PhotoLine,
    boxes: Mapping[str, Quads],
    deviation: Callable[[np.random.Generator], BoxError],
    rng: np.random.Generator,
) -> Iterator[PhotoLine]:
    box = boxes.get(line.name, line.corners)
    around = (apply(box, deviation(rng)) for _ in range(1, PICTURES))
    for number, corners in enumerate((line.corners, *around)):
        name = f"{line.name.removesuffix('.png')}{MARK}{number}.png"
        yield line._replace(name=name, corners=_listed(np.asarray(corners, np.float64).round(1)))


def _listed(corners: npt.ArrayLike) -> list[list[float]]:
    """Return corners as lists, of which a cache's key can be made."""
    found: list[list[float]] = np.asarray(corners).tolist()
    return found


def _tell(name: str, part: _Found, finder: Finder) -> str:
    more = "; those that are missed are cut by their labels" if len(part.boxes) < part.texts else ""
    several = f", {part.joined} of them lines of several words" if part.joined else ""
    return f"{name}: {len(part.boxes)} of {part.texts} texts are found by {finder.name}{several}{more}"


def _require(name: str, part: _Found, finder: Finder) -> None:
    """Raise DataError where nothing is found; a handful of validation texts may all be missed."""
    handful = name == "val" and 0 < part.texts < FEWEST
    if not part.boxes and not handful:
        value = f"0 of {part.texts} in {len(part.photos)} photos of {name}, with {finder.name}"
        rule = "labelled texts must be found" if part.texts else "photos must have texts to train a reader on"
        raise DataError(rule, value, "name another --detection, or check the regions and their texts")

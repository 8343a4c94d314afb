"""Photos read end to end, as serving reads them: boxes, crops in reading order, texts; and how many texts are right."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from train.cut import PADDLEOCR, Cut
from train.data import images
from train.data.checks.contact_sheet import STYLE
from train.data.dataset import Dataset, MemoryDataset
from train.data.geometry.crops import Quad, cut
from train.data.photos.picture import draw_regions
from train.data.photos.regions import Region, regions_of
from train.data.sample import Sample
from train.data.texts.forms import in_unicode
from train.reading.settings import ReadingSettings, TextReading
from train.reading.words import Word
from train.scoring.regions import RegionCounts, RegionScores, count_reading, score_end_to_end, score_regions

Reading = tuple[str, float] | TextReading
ReadLines = Callable[[Dataset], Sequence[Any]]
"""Returns a `Reading` of every line, or for a cut that divides lines, its `Word`s."""
NOTHING: Reading = ("", 0.0)
Line = images.Image | None
"""A line as a reader takes it, (HEIGHT_PX, w, 3) uint8 BGR; None for a box that is no line of text."""
MOST_BYTES = 1 << 28
"""Of lines that are cut out before they are read."""


@dataclass(frozen=True)
class PhotoReading:
    """What was read in a photo.

    Attributes:
        quads: (4, 2) corners of every box, in reading order.
        readings: text and confidence of every box.
    """

    quads: Sequence[Quad]
    readings: Sequence[Reading]

    @property
    def wanted(self) -> "PhotoReading":
        """The lines that can be what a format looks for, best first; all, where it looks for nothing."""
        pairs = [*zip(self.quads, self.readings, strict=True)]
        told = [(quad, one) for quad, one in pairs if isinstance(one, TextReading)]
        if all(one.found is None for _, one in told):
            return self
        found = sorted([pair for pair in told if pair[1].found], key=lambda pair: -pair[1].score)
        return PhotoReading([quad for quad, _ in found], [one for _, one in found])

    @property
    def raw(self) -> "PhotoReading":
        """The same lines as they are read greedily."""
        readings = [
            (one.raw, one.raw_confidence) if isinstance(one, TextReading) else one for one in self.readings
        ]
        return PhotoReading(self.quads, readings)

    @property
    def texts(self) -> list[str]:
        """The texts of the boxes."""
        return [text for text, _ in self.readings]


def read_photos(
    samples: Sequence[Sample], found: Sequence[Sequence[Quad]], read_lines: ReadLines, how: Cut = PADDLEOCR
) -> list[PhotoReading]:
    """Cut the boxes out of the photos as they are, not as a study keeps them, and read them.

    Args:
        samples: the photos.
        found: boxes of each, in its own pixels.
        read_lines: what every line of a dataset says.
        how: the boxes are cut, the reader's own; where it divides lines, a page has its words.
    """
    cut_out = (_cut_lines(sample.path, quads, how) for sample, quads in zip(samples, found, strict=True))
    return [page for some in _portions(cut_out) for page in _read_pages(some, read_lines, how)]


_Lines = tuple[list[Quad], list[Line]]


def _cut_lines(photo: Path, quads: Sequence[Quad], how: Cut) -> _Lines:
    """Return the boxes of a photo in reading order, without empty ones, and their lines."""
    if not len(quads):  # nothing is found in a photo that cannot be read
        return [], []
    kept, crops = cut(images.read(photo), list(quads), how)
    return kept, [as_line(crop) for crop in crops]


def _portions(pages: Iterable[_Lines]) -> Iterator[list[_Lines]]:
    """Yield so many pages together that their lines take about MOST_BYTES."""
    some, size = list[_Lines](), 0
    for page in pages:
        some.append(page)
        size += sum(line.nbytes for line in page[1] if line is not None)
        if size >= MOST_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _read_pages(pages: Sequence[_Lines], read_lines: ReadLines, how: Cut) -> Iterator[PhotoReading]:
    boxes = [quad for quads, _ in pages for quad in quads]
    read = iter(read_boxes(boxes, [line for _, lines in pages for line in lines], read_lines, how))
    for quads, _ in pages:
        own = [part for _ in quads for part in next(read)]
        yield PhotoReading([quad for quad, _ in own], [reading for _, reading in own])


def read_boxes(
    quads: Sequence[Quad], lines: Sequence[Line], read_lines: ReadLines, how: Cut = PADDLEOCR
) -> list[list[tuple[Quad, Reading]]]:
    """Return what is read in each box, and where: one text, or its words; nothing in one that is no line of text."""
    shown = [line for line in lines if line is not None]
    readings = iter(read_lines(_dataset(shown)) if shown else ())
    nothing: Any = [Word(0.0, 1.0, NOTHING)] if how.words else NOTHING
    said: list[Any] = [nothing if line is None else next(readings) for line in lines]
    if not how.words:
        return [[(quad, one)] for quad, one in zip(quads, said, strict=True)]
    return [
        [(word.quad_in(quad, how), word.reading) for word in words]
        for quad, words in zip(quads, said, strict=True)
    ]


def as_line(crop: images.Image) -> Line:
    """Return a crop, (H, W, 3) uint8 BGR, as a line; None where it is empty, or too long, as a ruled line is."""
    if not crop.size or images.too_long(crop.shape[0], crop.shape[1]):
        return None
    return images.resize_line(crop)


def _dataset(lines: Sequence[images.Image]) -> MemoryDataset:
    """Return lines without labels as a dataset."""
    shapes = np.array([line.shape[:2] for line in lines], np.int32)
    pixels = np.concatenate([line.ravel() for line in lines])
    offsets = np.concatenate([[0], np.cumsum(shapes.astype(np.int64).prod(axis=1) * 3)])
    nothing = ("",) * len(lines)
    return MemoryDataset(pixels, offsets, shapes[:, 0], shapes[:, 1], shapes, nothing, nothing)


@dataclass(frozen=True)
class PhotoScores:
    """How photos were read.

    Attributes:
        read: only boxes that were read right count as right.
        found: of the detector alone.
        exact: share of the texts that were found that are read right.
        raw: the scores of reading greedily, where there is a text model.
    """

    read: RegionScores
    found: RegionScores
    exact: float
    raw: "PhotoScores | None" = None

    def __str__(self) -> str:
        """Say it in a line."""
        read, found = self.read, self.found
        return (
            f"{read.n} photos, found and read right: hmean {read.hmean:.3f}{read.within}, "
            f"precision {read.precision:.3f}, recall {read.recall:.3f}; "
            f"found alone: hmean {found.hmean:.3f}{found.within}, "
            f"precision {found.precision:.3f}, recall {found.recall:.3f}; "
            f"of the texts that were found {100 * self.exact:.1f} % read right"
            + (
                f", greedily {100 * self.raw.exact:.1f} % (hmean {self.raw.read.hmean:.3f})"
                if self.raw
                else ""
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the scores of reading, those of finding under `detection`, and those of reading greedily as `_raw`."""
        scores = {**self.read.as_dict(), "exact_match": self.exact, "detection": self.found.as_dict()}
        if self.raw is None:
            return scores
        raw = {**self.raw.read.values(), "exact_match": self.raw.exact}
        return scores | {f"{name}_raw": value for name, value in raw.items() if name != "iou"}


def count_photos(
    samples: Sequence[Sample],
    readings: Sequence[PhotoReading],
    rule: str,
    text_model: ReadingSettings | None = None,
) -> list[RegionCounts]:
    """Compare what was read with the labels, photo by photo.

    Args:
        samples: the photos.
        readings: of each.
        rule: of CHARSET_RULES.
        text_model: where its format looks for some texts, labels of others count for nothing, and whoever reads one
            there reads wrongly.
    """
    return [
        count_reading(
            np.array(page.quads).reshape(-1, 4, 2),
            page.texts,
            list_judged(sample, text_model),
            rule,
        )
        for sample, page in zip(samples, readings, strict=True)
    ]


def list_judged(photo: Sample, text_model: ReadingSettings | None) -> list[Region]:
    """Return a photo's regions that readings are compared with: not the texts that a format does not look for."""
    regions = regions_of(photo.text, photo.source)
    if text_model is None or not text_model.finds:
        return list(regions)
    return [region for region in regions if region.ignored or text_model.is_wanted(region.text)]


def score_photos(counts: Sequence[RegionCounts], raw: Sequence[RegionCounts] | None = None) -> PhotoScores:
    """Return the scores of what `count_photos` said, of reading greedily, too, where that is another thing."""
    hits = sum(one.hits for one in counts)
    exact = sum(one.read for one in counts) / hits if hits else 0.0
    greedy = score_photos(raw) if raw is not None else None
    return PhotoScores(score_end_to_end(counts), score_regions(counts), exact, greedy)


def misread_photos(
    samples: Sequence[Sample], readings: Sequence[PhotoReading], counts: Sequence[RegionCounts]
) -> list[tuple[str, str, str, str]]:
    """Return image, labelled texts, what was read, and the least confidence, of every photo that is not right."""
    rows = []
    for sample, page, one in zip(samples, readings, counts, strict=True):
        if one.read < max(one.labels, one.detections):
            labels = [region.text for region in regions_of(sample.text) if not region.ignored]
            least = min((confidence for _, confidence in page.readings), default=0.0)
            rows.append((str(sample.path), " | ".join(labels), " | ".join(page.texts), f"{least:.3f}"))
    return rows


SHOWN = 60


def photo_page(
    title: str,
    samples: Sequence[Sample],
    readings: Sequence[PhotoReading],
    counts: Sequence[RegionCounts],
) -> str:
    """Return the page, the photos with the most faults first; labels are green, what was found is orange."""
    found = sorted(zip(samples, readings, counts, strict=True), key=lambda one: -_faults(one[2]))
    right = sum(not _faults(one) for one in counts)
    total = add_counts(counts)
    faults = f" Of {total.labels:.0f} texts: {describe_faults(total) or 'all right'}."
    shown = f" The {SHOWN} worst are shown." if len(found) > SHOWN else ""
    figures = "".join(_figure(*one) for one in found[:SHOWN])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{right} of {len(counts)} photos have every text found and read right, and nothing else.{faults}"
        f"{shown} Labels are green, ignored ones grey, what was found is orange.</p>"
        f'<div class="grid">{figures}</div></body></html>\n'
    )


def _faults(one: RegionCounts) -> float:
    return one.labels + one.detections - 2 * one.read


def describe_faults(one: RegionCounts) -> str:
    """Say of a photo, or of several added up, what finding and what reading did wrong; nothing where all is right."""
    faults = {
        "not found": one.labels - one.hits,
        "found and misread": one.hits - one.read,
        "found beside the labels": one.detections - one.hits,
    }
    return ", ".join(f"{count:.0f} {what}" for what, count in faults.items() if count)


def add_counts(counts: Sequence[RegionCounts]) -> RegionCounts:
    """Return what all photos add up to."""
    return RegionCounts(*map(sum, zip(*counts, strict=True)))


def _figure(sample: Sample, page: PhotoReading, one: RegionCounts) -> str:
    regions = regions_of(sample.text, sample.source)
    labels = " | ".join(region.text for region in regions if not region.ignored)
    picture = images.data_uri(draw_regions(images.read(sample.path), regions, page.quads), "jpeg")
    verdict = describe_faults(one) or "right"
    return (
        f'<figure><img src="{picture}" alt="" loading="lazy"><figcaption><b>{escape(labels)}</b>'
        f"<small>read: {escape(' | '.join(page.texts)) or 'nothing'}</small>"
        f"<small>{verdict} · {escape(in_unicode(sample.path.name))}</small></figcaption></figure>"
    )

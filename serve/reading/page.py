"""A page's reading as PaddleX reports it: the keys, their order and their types are its `prunedResult`'s."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np

from serve.errors import UndecodableError
from serve.inference.recogniser import NOTHING, Reading
from serve.reading.words import Corners, count_steps, find_upright_boxes, find_word_boxes
from serve.schemas import DecodedText, OcrRequest, PageRequest
from train.cut import PADDLEOCR, Cut
from train.data.geometry.crops import Quad, outline
from train.data.geometry.detection import LIMIT_TYPES, DetectionParameters
from train.data.images import MAX_ASPECT
from train.reading.settings import TextReading

NOT_CLASSIFIED = -1


@dataclass(frozen=True)
class PageOptions:
    """How a page is read.

    Attributes:
        detection: as asked for; this is what is reported.
        search: as it is used: `detection` with the defaults for what is zero.
        orientation: text lines are turned upright.
        score_thresh: confidence that a line needs.
        words: words and their boxes are given too.
        raw: the text model is left out.
        find: where the bundle's format finds, the lines that can be what is looked for come alone, best first.
        cut: how the reader wants lines cut out of the page.
    """

    detection: DetectionParameters
    search: DetectionParameters
    orientation: bool
    score_thresh: float = 0.0
    words: bool = False
    raw: bool = False
    find: bool = True
    cut: Cut = PADDLEOCR


def read_options(
    request: PageRequest, defaults: DetectionParameters, orientation_served: bool, cut: Cut = PADDLEOCR
) -> PageOptions:
    """Return what a request asks for.

    Args:
        request: as received.
        defaults: of the detector that is served.
        orientation_served: there is a model that tells lines upside down; it is then used unless told otherwise.
        cut: of the recogniser that is served.

    Raises:
        UndecodableError: if it asks for a model that is not served, or for a limit type that is not known.
    """
    _check(request, orientation_served)
    wanted = {
        "limit_side_len": request.textDetLimitSideLen,
        "limit_type": request.textDetLimitType,
        "thresh": request.textDetThresh,
        "box_thresh": request.textDetBoxThresh,
        "unclip_ratio": request.textDetUnclipRatio,
    }
    requested: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    detection = DetectionParameters(**asdict(defaults) | requested)
    use = request.useTextlineOrientation
    return PageOptions(
        detection,
        detection.in_effect(defaults),
        orientation=orientation_served if use is None else use,
        score_thresh=request.textRecScoreThresh or 0.0,
        words=bool(request.returnWordBox),
        raw=request.decode == "raw",
        find=request.find is not False,
        cut=cut,
    )


def _check(request: OcrRequest, orientation_served: bool) -> None:
    """Refuse what would need a model that is not served, and a limit type that is not known."""
    if request.useDocOrientationClassify or request.useDocUnwarping:
        raise UndecodableError(
            "useDocOrientationClassify and useDocUnwarping must be false or null", True, "leave them out"
        )
    if request.useTextlineOrientation and not orientation_served:
        raise UndecodableError(
            "useTextlineOrientation must be false or null without an orientation model", True, "leave it out"
        )
    if request.textDetLimitType not in (None, "", *LIMIT_TYPES):
        rule = f"textDetLimitType must be one of {', '.join(LIMIT_TYPES)}"
        raise UndecodableError(rule, request.textDetLimitType, "leave it out for the default")


@dataclass(frozen=True)
class PageLine:
    """A line that was read well enough.

    Attributes:
        text: as read.
        score: confidence in [0, 1].
        quad: (4, 2) corners.
        words: its words, if asked for.
        word_quads: a box of each, in PaddleX's order.
        decoded: what the text model did; None without one.
        box: place of the box that it was read in among the page's.
    """

    text: str
    score: float
    quad: Quad
    words: tuple[str, ...] = ()
    word_quads: tuple[Corners, ...] = ()
    decoded: TextReading | None = None
    box: int = 0

    def scaled(self, factor: float) -> "PageLine":
        """Return the line in a picture that is `factor` times as large."""
        words = tuple(tuple((int(x * factor), int(y * factor)) for x, y in quad) for quad in self.word_quads)
        return replace(
            self,
            quad=scale_quad(self.quad, factor),
            word_quads=cast(tuple[Corners, ...], words),
        )


@dataclass(frozen=True)
class Page:
    """The reading of a page.

    Attributes:
        options: how it was read.
        quads: of all boxes, in reading order.
        angles: 1 for every box whose line stood on its head, 0 for the others; -1 if that was not looked for.
        lines: those over the score threshold.
        unread: (height, width) of the crops that are too long to be read.
    """

    options: PageOptions
    quads: list[Quad]
    angles: list[int]
    lines: list[PageLine]
    unread: tuple[tuple[int, int], ...] = ()

    def scaled(self, factor: float) -> "Page":
        """Return the page as if its picture were `factor` times as large."""
        return replace(
            self,
            quads=[scale_quad(quad, factor) for quad in self.quads],
            lines=[line.scaled(factor) for line in self.lines],
        )


def scale_quad(quad: Quad, factor: float) -> Quad:
    """Return the (4, 2) corners of a quad in a picture that is `factor` times as large."""
    return np.round(np.asarray(quad) * factor).astype(np.asarray(quad).dtype)


def assemble(
    options: PageOptions,
    quads: Sequence[Quad],
    crop_sizes: Sequence[tuple[int, int]],
    angles: Sequence[int] | None,
    readings: Sequence[Reading],
) -> Page:
    """Put together what was found in a page.

    Args:
        options: how it was read.
        quads: (4, 2) corners of every box in reading order (`crops.cut`).
        crop_sizes: (height, width) of every box's crop, in pixels.
        angles: 0 or 1 for every box (`orientation`); None if that was not looked for.
        readings: of every box.
    """
    readings_shown = [reading.greedy for reading in readings] if options.raw else readings
    turned = [False] * len(quads) if angles is None else list(map(bool, angles))
    lines = [
        replace(line, box=place)
        for place, box in enumerate(zip(quads, crop_sizes, readings_shown, turned, strict=True))
        for line in _make_lines(options, *box)
        if line.score >= options.score_thresh
    ]
    if options.find and any(line.decoded and line.decoded.found is not None for line in lines):
        found = [(line.decoded.score, line) for line in lines if line.decoded and line.decoded.found]
        lines = [line for _, line in sorted(found, key=lambda pair: -pair[0])]
    reported = [NOT_CLASSIFIED] * len(quads) if angles is None else list(angles)
    unread = tuple(size for size, reading in zip(crop_sizes, readings, strict=True) if reading is NOTHING)
    return Page(options, list(quads), reported, lines, unread)


def describe_unread(sizes: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Return the warning of lines that were not read, by the (height, width) of their crops; nothing for none."""
    if not sizes:
        return ()
    height, width = max(sizes, key=lambda size: size[1])
    rule = f"a line must be at most {MAX_ASPECT} times as wide as it is high"
    return (f"{rule}: {len(sizes)} were not read, one of {width}x{height} px; cut the picture in two",)


def _make_lines(
    options: PageOptions, quad: Quad, size: tuple[int, int], reading: Reading, turned: bool
) -> list[PageLine]:
    """Return what was read in a box: one line, or each of its words."""
    whole = [word.reading.text for word in reading.words] in ([], [reading.text])
    if not options.cut.words or whole:
        return [_make_line(options, quad, size, reading)]
    return [
        _make_word(options, word.quad_in(quad, options.cut, turned), word.reading) for word in reading.words
    ]


def _make_word(options: PageOptions, quad: Quad, reading: Reading) -> PageLine:
    found = PageLine(reading.text, reading.confidence, quad, decoded=reading.decoded)
    shown = options.words and reading.text
    return replace(found, words=(reading.text,), word_quads=(_corners(quad),)) if shown else found


def _corners(quad: Quad) -> Corners:
    return cast(Corners, tuple((int(x), int(y)) for x, y in quad))


def _make_line(options: PageOptions, quad: Quad, size: tuple[int, int], reading: Reading) -> PageLine:
    if not options.words:
        return PageLine(reading.text, reading.confidence, quad, decoded=reading.decoded)
    steps = count_steps(reading.steps, reading.padded_px, *size)
    shown = (
        quad if options.cut.of_pixels == PADDLEOCR else np.rint(outline(quad, options.cut)).astype(np.int32)
    )
    texts, boxes = find_word_boxes(reading.picture, reading.columns, steps, shown)
    return PageLine(reading.text, reading.confidence, quad, tuple(texts), tuple(boxes), reading.decoded)


def make_pruned_result(page: Page) -> dict[str, Any]:
    """Return a page as the protocol's `prunedResult`, of JSON's own types."""
    options, lines = page.options, page.lines
    result: dict[str, Any] = {
        "model_settings": {"use_doc_preprocessor": False, "use_textline_orientation": options.orientation},
        "dt_polys": [quad.tolist() for quad in page.quads],
        "text_det_params": asdict(options.detection),
        "text_type": "general",
    }
    if page.quads:
        result["textline_orientation_angles"] = page.angles
    result |= {
        "text_rec_score_thresh": options.score_thresh,
        "return_word_box": options.words,
        "rec_texts": [line.text for line in lines],
        "rec_scores": [line.score for line in lines],
        "rec_polys": [line.quad.tolist() for line in lines],
        "rec_boxes": find_upright_boxes([line.quad for line in lines]),
    }
    if options.cut.of_pixels != PADDLEOCR:
        result["rec_cuts"] = [
            np.round(outline(line.quad, options.cut).astype(float), 2).tolist() for line in lines
        ]
    if options.cut.words:
        result["rec_lines"] = [line.box for line in lines]
    if any(line.decoded for line in lines):
        result["rec_decoded"] = [
            DecodedText.of(line.decoded).model_dump() if line.decoded else None for line in lines
        ]
    if options.words:
        result["text_word_boxes"] = [find_upright_boxes(line.word_quads) for line in lines]
        result["text_word"] = [list(line.words) for line in lines]
    return result

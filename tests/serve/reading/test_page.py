"""Pages are read as PaddleOCR's own pipeline reads them, field by field."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from PIL import ImageFont

from serve.errors import UndecodableError
from serve.inference import pretrained
from serve.inference.recogniser import NOTHING, Reading
from serve.reading.page import (
    Page,
    PageOptions,
    assemble,
    describe_unread,
    make_pruned_result,
    read_options,
)
from serve.reading.visualize import draw, encode_jpeg
from serve.schemas import PageRequest
from tests.serve import paddle_reference as paddle
from train.data.geometry import crops, detection, orientation
from train.data.geometry.crops import Quad
from train.data.geometry.detection import DetectionParameters
from train.data.images import Image

DEFAULTS = DetectionParameters()
SETS = ("vin", "receipts", "scene_words")


def photos(data_dir: Path, per_set: int, skip: int = 0, sets: Sequence[str] = SETS) -> list[Path]:
    """Return real photos: a few of every data set."""
    found = [sorted((data_dir / name / "det_images").glob("*.jpg"))[skip : skip + per_set] for name in sets]
    assert all(len(part) == per_set for part in found)
    return [path for part in found for path in part]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return paddle.pipeline(tmp_path_factory.mktemp("models"))


def options(**fields: Any) -> PageOptions:
    return read_options(PageRequest(file="", **fields), DEFAULTS, orientation_served=True)


def read(image: Image, how: PageOptions) -> Page:
    """Read a page with the parts that serving puts together, its graphs run here."""
    prepared = detection.normalise([detection.prepare(image, how.search)])
    found = paddle.probabilities(pretrained.find_detection_graph(), prepared)[0, 0]
    quads, lines = crops.cut(image, detection.decode_boxes(found, image.shape[:2], how.search)[0])
    angles = upside_down(lines) if how.orientation else None
    upright = [
        orientation.turn(line) if angle else line
        for line, angle in zip(lines, angles or [0] * len(lines), strict=True)
    ]
    sizes = [line.shape[:2] for line in lines]
    return assemble(how, quads, sizes, angles, [paddle.read_line(line) for line in upright])


def upside_down(lines: Sequence[Image]) -> list[int]:
    """Run the wheel's graph as if it were PP-LCNet, for which PaddleX takes it."""
    if not lines:
        return []
    how = orientation.PP_LCNET
    batch = orientation.normalise([orientation.prepare(line, how) for line in lines], how)
    return orientation.angles(paddle.probabilities(pretrained.find_orientation_graph(), batch), how)


REQUESTS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"useTextlineOrientation": False, "returnWordBox": True, "textRecScoreThresh": 0.8},
        {"use_textline_orientation": False, "return_word_box": True, "text_rec_score_thresh": 0.8},
    ),
    ({}, {}),
    (
        {
            "useTextlineOrientation": False,
            "textDetLimitSideLen": 480,
            "textDetLimitType": "max",
            "textDetThresh": 0.2,
            "textDetBoxThresh": 0.45,
            "textDetUnclipRatio": 2.2,
        },
        {
            "use_textline_orientation": False,
            "text_det_limit_side_len": 480,
            "text_det_limit_type": "max",
            "text_det_thresh": 0.2,
            "text_det_box_thresh": 0.45,
            "text_det_unclip_ratio": 2.2,
        },
    ),
    (
        {
            "useTextlineOrientation": False,
            "textDetLimitSideLen": 0,
            "textDetThresh": 0,
            "textDetUnclipRatio": 0,
        },
        {
            "use_textline_orientation": False,
            "text_det_limit_side_len": 0,
            "text_det_thresh": 0.0,
            "text_det_unclip_ratio": 0.0,
        },
    ),
]


@pytest.mark.parametrize(
    ("request_fields", "arguments"),
    [REQUESTS[0], *(pytest.param(*request, marks=pytest.mark.slow) for request in REQUESTS[1:])],
)
def test_a_page_is_paddleocrs_to_the_letter(
    pipeline: Any, data_dir: Path, request_fields: dict[str, Any], arguments: dict[str, Any]
) -> None:
    per_set = 1 if request_fields else 2  # the defaults on more pages
    lines = 0
    for path in photos(data_dir, per_set):
        image = cv2.imread(str(path))
        (reference,) = pipeline.predict(image, **arguments)
        expected = paddle.pruned(reference)
        found = make_pruned_result(read(image, options(**request_fields)))
        assert json.dumps(found) == json.dumps(expected), path  # keys, order, types and values
        lines += len(found["dt_polys"])
    assert lines > 25 * per_set


def test_a_page_without_text_is_paddleocrs(pipeline: Any) -> None:
    blank = np.full((90, 200, 3), 255, np.uint8)
    (reference,) = pipeline.predict(blank, return_word_box=True)
    found = make_pruned_result(read(blank, options(returnWordBox=True)))
    assert found["dt_polys"] == []
    assert json.dumps(found) == json.dumps(paddle.pruned(reference))


SHAPES: dict[str, tuple[int, int, int]] = {
    "wide": (1200, 52, 19),
    "tall": (90, 700, 22),
    "tiny": (36, 20, 12),
    "dense": (330, 200, 11),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_picture_of_an_odd_shape_is_paddleocrs(shape: str, pipeline: Any) -> None:
    """Bounds, roundings and limits of detector, crops and lines show at pictures like these."""
    width, height, size = SHAPES[shape]
    font = ImageFont.truetype(str(pretrained.find_font()), size)
    picture = PIL.Image.new("RGB", (width, height), "white")
    pen, row = PIL.ImageDraw.Draw(picture), "2026-05-17 12:33:08 worker[18] id=9f31ac77 path=/api/v1/orders "
    for number, top in enumerate(range(2, height, size + 8)):
        pen.text((3, top), (row[number % 20 :] * 9)[: 2 * width // size - 1], fill="black", font=font)
    image = np.asarray(picture)[:, :, ::-1].copy()
    (reference,) = pipeline.predict(image, use_textline_orientation=False, return_word_box=True)
    found = make_pruned_result(read(image, options(useTextlineOrientation=False, returnWordBox=True)))
    assert json.dumps(found) == json.dumps(paddle.pruned(reference))
    assert len(found["rec_texts"]) >= (0 if shape == "tiny" else 2), found["rec_texts"]


@pytest.mark.parametrize(
    ("words", "sets"),
    [(False, ("vin", "scene_words")), pytest.param(True, SETS, marks=pytest.mark.slow)],
)
def test_the_picture_is_paddleocrs(pipeline: Any, data_dir: Path, words: bool, sets: Sequence[str]) -> None:
    with paddle.font_of_the_wheel():
        for path in photos(data_dir, 1, skip=2, sets=sets):
            image = cv2.imread(str(path))
            (reference,) = pipeline.predict(image, use_textline_orientation=False, return_word_box=words)
            expected = cv2.cvtColor(np.array(reference.img["ocr_res_img"]), cv2.COLOR_RGB2BGR)
            found = draw(image, read(image, options(useTextlineOrientation=False, returnWordBox=words)))
            assert found.shape == expected.shape
            different = (found != expected).any(axis=2).mean()
            assert different < 1e-4, (path, different)


@pytest.mark.parametrize("size", [(900, 2500), (2500, 900), (2001, 2001), (100, 2000), (3, 4000)])
def test_a_jpeg_is_shrunk_as_paddlexs(size: tuple[int, int]) -> None:
    common = paddle.serving_module("basic_serving._pipeline_apps._common.common")
    image = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    expected = common.postprocess_image(image, "id", "a.jpg", max_img_size=(2000, 2000))
    assert encode_jpeg(image) == base64.b64decode(expected)


def test_models_that_are_not_served_are_refused() -> None:
    for field in ("useDocOrientationClassify", "useDocUnwarping"):
        with pytest.raises(UndecodableError, match=field):
            options(**{field: True})
        options(**{field: False})
    asked = PageRequest(file="", useTextlineOrientation=True)
    with pytest.raises(UndecodableError, match="useTextlineOrientation"):
        read_options(asked, DEFAULTS, orientation_served=False)
    assert not read_options(PageRequest(file=""), DEFAULTS, orientation_served=False).orientation


def test_an_unknown_limit_type_is_the_requests_fault() -> None:
    with pytest.raises(UndecodableError, match="textDetLimitType must be one of max, min, resize_long"):
        options(textDetLimitType="middle")


def test_the_detectors_own_defaults_are_used_and_reported() -> None:
    own = DetectionParameters(limit_side_len=960, limit_type="max", unclip_ratio=2.0)
    how = read_options(PageRequest(file="", textDetUnclipRatio=0), own, orientation_served=False)
    assert how.detection.unclip_ratio == 0
    assert how.search == own


def test_lines_under_the_threshold_are_left_out_but_their_boxes_stay() -> None:
    quads: list[Quad] = [np.array([[0, 0], [9, 0], [9, 4], [0, 4]], np.int32)] * 2
    readings = [Reading("no", 0.3), Reading("yes", 0.9)]
    page = assemble(options(textRecScoreThresh=0.5), quads, [(4, 9)] * 2, [0, 1], readings)
    result = make_pruned_result(page)
    assert (len(result["dt_polys"]), result["rec_texts"], result["rec_boxes"]) == (2, ["yes"], [[0, 0, 9, 4]])
    assert result["textline_orientation_angles"] == [0, 1]


def test_a_line_that_is_too_long_is_told() -> None:
    quads: list[Quad] = [np.array([[0, 0], [9, 0], [9, 4], [0, 4]], np.int32)] * 2
    page = assemble(options(), quads, [(28, 6045), (20, 40)], None, [NOTHING, Reading("A", 0.9)])
    (warning,) = describe_unread(page.unread)
    assert "1 were not read, one of 6045x28 px" in warning
    assert describe_unread(()) == ()
    sizes, readings = [(28, 6045), (20, 40)], [NOTHING, Reading("A", 0.9)]
    unread, _ = assemble(options(returnWordBox=True), quads, sizes, None, readings).lines
    assert (unread.words, unread.word_quads) == ((), ())

"""`/ocr` over HTTP: a client written for PaddleX's basic serving gets what the PaddleOCR pipeline reads."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from tests.serve import paddle_reference as paddle
from tests.serve.reading.test_page import photos

pytestmark = pytest.mark.slow
OPTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    (
        {
            "returnWordBox": True,
            "textRecScoreThresh": 0.5,
            "textDetLimitSideLen": 640,
            "textDetLimitType": "max",
            "textDetBoxThresh": 0.5,
            "textDetUnclipRatio": 2.0,
        },
        {
            "return_word_box": True,
            "text_rec_score_thresh": 0.5,
            "text_det_limit_side_len": 640,
            "text_det_limit_type": "max",
            "text_det_box_thresh": 0.5,
            "text_det_unclip_ratio": 2.0,
        },
    ),
]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return paddle.pipeline(tmp_path_factory.mktemp("models"))


@pytest.fixture
def ask(serve_url: str) -> Callable[..., httpx.Response]:
    """Send a request as PaddleX's documentation has its clients do."""

    def post(data: bytes, file_type: int, **fields: Any) -> httpx.Response:
        payload = {"file": base64.b64encode(data).decode("ascii"), "fileType": file_type, **fields}
        return httpx.post(f"{serve_url}/ocr", json=payload, timeout=120)

    return post


@pytest.mark.parametrize(("sent", "wanted"), OPTIONS)
def test_pages_read_as_paddleocr_reads_them(
    ask: Callable[..., httpx.Response], pipeline: Any, data_dir: Path, sent: Any, wanted: Any
) -> None:
    """The options one by one are compared without HTTP, to the letter: `tests/serve/reading/test_page.py`."""
    texts, differing = 0, []
    for path in photos(data_dir, 1):
        answer = ask(path.read_bytes(), 1, visualize=False, logId="seven", **sent)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert list(body) == ["logId", "result", "errorCode", "errorMsg"]
        assert (body["logId"], body["errorCode"], body["errorMsg"]) == ("seven", 0, "Success")
        (page,) = body["result"]["ocrResults"]
        assert list(page) == ["prunedResult"], "PaddleX leaves out what there is not"
        (expected,) = pipeline.predict(str(path), use_textline_orientation=False, **wanted)
        found, expected = page["prunedResult"], paddle.pruned(expected)
        compare(found, expected)
        height, width = cv2.imread(str(path)).shape[:2]
        assert body["result"]["dataInfo"] == {"width": width, "height": height, "type": "image"}
        pairs = list(zip(found["rec_texts"], expected["rec_texts"], strict=True))
        texts += len(pairs)
        differing += [pair for pair in pairs if pair[0] != pair[1]]
    assert texts
    assert not differing


def compare(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Everything but the texts is the same, field by field, and scores nearly."""
    assert list(found) == list(expected)
    by_text = {"rec_texts", "rec_scores", "text_word", "text_word_boxes"}
    for key in found.keys() - by_text:
        assert found[key] == expected[key], key
    same = [
        abs(a - b)
        for a, b, one, other in zip(
            found["rec_scores"],
            expected["rec_scores"],
            found["rec_texts"],
            expected["rec_texts"],
            strict=True,
        )
        if one == other
    ]
    assert max(same, default=0.0) < 1e-3


def test_pictures_come_unless_declined(ask: Callable[..., httpx.Response], data_dir: Path) -> None:
    (path, *_) = photos(data_dir, 1)
    (page,) = ask(path.read_bytes(), 1).json()["result"]["ocrResults"]
    height, width = cv2.imread(str(path)).shape[:2]
    for key, wide in (("inputImage", width), ("ocrImage", 2 * width)):
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(page[key]), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape[1] / picture.shape[0] == pytest.approx(wide / height, rel=0.02)


def test_every_page_of_a_pdf_is_read(
    ask: Callable[..., httpx.Response], data_dir: Path, tmp_path: Path
) -> None:
    from PIL import Image

    pages = [Image.open(path).convert("RGB") for path in photos(data_dir, 1)]
    pages[0].save(tmp_path / "three.pdf", save_all=True, append_images=pages[1:], resolution=144)
    answer = ask((tmp_path / "three.pdf").read_bytes(), 0, visualize=False)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["result"]["dataInfo"]["numPages"] == 3
    assert body["result"]["dataInfo"]["type"] == "pdf"
    assert [bool(page["prunedResult"]["rec_texts"]) for page in body["result"]["ocrResults"]] == [True] * 3


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"fileType": None}, 422),
        ({"fileType": 0}, 422),
        ({"fileType": 7}, 422),
        ({"textDetLimitType": "huge"}, 422),
        ({"textDetThresh": 2}, 422),
        ({"useDocUnwarping": True}, 422),
        ({"useTextlineOrientation": True}, 422),
        ({"file": "https://example.com/x.png"}, 403),
        ({"file": "%%%"}, 422),
        ({"file": base64.b64encode(b"GIF89a").decode()}, 422),
        ({"file": base64.b64encode(b"plain words").decode()}, 415),
    ],
)
def test_a_wrong_field_is_refused_by_name(
    ask: Callable[..., httpx.Response], data_dir: Path, fields: dict[str, Any], status: int, serve_url: str
) -> None:
    (path, *_) = photos(data_dir, 1)
    good = {"file": base64.b64encode(path.read_bytes()).decode(), "fileType": 1, "visualize": False}
    answer = httpx.post(f"{serve_url}/ocr", json=good | fields, timeout=60)
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"logId", "errorCode", "errorMsg"}
    assert answer.json()["errorCode"] == status


def test_a_form_with_the_file_is_answered_as_json_is(
    ask: Callable[..., httpx.Response], serve_url: str, data_dir: Path
) -> None:
    data = photos(data_dir, 1)[0].read_bytes()
    by_json = ask(data, 1, visualize=False, textDetLimitSideLen=320, textDetLimitType="max").json()
    fields = {"visualize": "false", "textDetLimitSideLen": "320", "textDetLimitType": "max", "fileType": "1"}
    by_form = httpx.post(f"{serve_url}/ocr", data=fields, files={"file": data}, timeout=120).json()
    (one,), (other,) = (answer["result"]["ocrResults"] for answer in (by_json, by_form))
    assert one["prunedResult"]["dt_polys"] == other["prunedResult"]["dt_polys"]
    assert one["prunedResult"]["rec_texts"] == other["prunedResult"]["rec_texts"]
    refused = httpx.post(f"{serve_url}/ocr", data=fields, files={"other": data}, timeout=120)
    assert (refused.status_code, refused.json()["errorCode"]) == (422, 422)

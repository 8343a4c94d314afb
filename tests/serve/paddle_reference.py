"""The PaddleOCR pipeline itself, on an installed wheel's graphs, without a network: what serving must equal."""

import contextlib
import importlib
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import yaml

from serve.inference import pretrained
from serve.inference.recogniser import Reading
from train.data.charset import BLANK
from train.data.geometry.detection import DetectionParameters

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": 1 / 255}
DECODE = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}
MODELS: dict[str, dict[str, Any]] = {
    "text_detection": {
        "Global": {"model_name": "PP-OCRv6_small_det"},
        "PreProcess": {
            "transform_ops": [
                DECODE,
                {"DetResizeForTest": {"resize_long": 960}},
                {"NormalizeImage": IMAGENET | {"order": "hwc"}},
                {"ToCHWImage": None},
            ]
        },
        "PostProcess": {"name": "DBPostProcess", "max_candidates": 1000},
    },
    "text_recognition": {
        "Global": {"model_name": "PP-OCRv6_small_rec"},
        "PreProcess": {"transform_ops": [DECODE, {"RecResizeImg": {"image_shape": [3, 48, 320]}}]},
        "PostProcess": {
            "name": "CTCLabelDecode",
            "character_dict": list(pretrained.read_characters()[:-1]),
        },
    },
    "textline_orientation": {
        "Global": {"model_name": "PP-LCNet_x1_0_textline_ori"},
        "PreProcess": {
            "transform_ops": [
                {"ResizeImage": {"size": [160, 80]}},
                {"NormalizeImage": IMAGENET | {"order": "", "channel_num": 3}},
                {"ToCHWImage": None},
            ]
        },
        "PostProcess": {"Topk": {"topk": 1, "label_list": ["0_degree", "180_degree"]}},
    },
}
GRAPHS = {
    "text_detection": pretrained.find_detection_graph,
    "text_recognition": pretrained.find_recognition_graph,
    "textline_orientation": pretrained.find_orientation_graph,
}
DEFAULTS = DetectionParameters()


def pipeline(folder: Path, threads: int | None = 1) -> Any:
    """Return a PaddleOCR that reads with the wheel's graphs, one line at a time.

    In larger batches a line's text depends on the padding of the longest, and every line gets the angle of the
    batch's first: paddlex 3.7.2 does not split the array of class numbers.
    """
    from paddleocr import PaddleOCR

    where: dict[str, Any] = {}
    for task, settings in MODELS.items():
        place = folder / task
        place.mkdir()
        (place / "inference.onnx").symlink_to(GRAPHS[task]())
        (place / "inference.yml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        where |= {f"{task}_model_dir": str(place), f"{task}_model_name": settings["Global"]["model_name"]}
    return PaddleOCR(
        **where,
        text_recognition_batch_size=1,
        textline_orientation_batch_size=1,
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        engine="onnxruntime",
        engine_config={"intra_op_num_threads": threads} if threads else None,
    )


def serving_module(name: str) -> Any:
    """Import a module of PaddleX's server, which asks for packages that it needs only to run as a server."""
    with mock.patch("paddlex.utils.deps.require_serving_plugin"):
        return importlib.import_module(f"paddlex.inference.serving.{name}")


def pruned(result: Any) -> dict[str, Any]:
    """Return a page of the pipeline as PaddleX's server sends it."""
    common = serving_module("basic_serving._pipeline_apps._common.common")
    sent: dict[str, Any] = common.prune_result(result.json["res"])
    return sent


@cache
def session(path: Path) -> Any:
    """Return an onnxruntime session on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options)


def probabilities(path: Path, batch: Any) -> Any:
    """Return the first output of a graph."""
    return session(path).run(None, {"x": batch})[0]


def read_line(crop: Any) -> Reading:
    """Read one line with PaddleOCR's geometry and rounding: padded to 320 pixels, or not at all if it is longer."""
    ratio = crop.shape[1] / crop.shape[0]
    padded = int(48 * max(320 / 48, ratio))
    width = min(padded, math.ceil(48 * ratio))
    batch = np.zeros((1, 3, 48, padded), np.float32)
    batch[0, :, :, :width] = (
        cv2.resize(crop, (width, 48)).astype("float32").transpose(2, 0, 1) / 255 - 0.5
    ) / 0.5
    rows = probabilities(pretrained.find_recognition_graph(), batch)[0]
    best = rows.argmax(axis=1)
    kept = best != BLANK
    kept[1:] &= best[1:] != best[:-1]
    characters = pretrained.read_characters()
    text = "".join(characters[c - 1] for c in best[kept])
    confidence = float(rows.max(axis=1)[kept].mean()) if text else 0.0
    return Reading(text, confidence, tuple(np.flatnonzero(kept).tolist()), len(rows), padded, picture=text)


@contextlib.contextmanager
def font_of_the_wheel() -> Iterator[None]:
    """Let PaddleX draw with the wheel's copy of its font, which it would download."""
    from paddlex.utils.fonts import SIMFANG_FONT

    SIMFANG_FONT._local_path = str(pretrained.find_font())
    yield

"""inference.yml, with which PaddleOCR loads a bundle's folder as one of its own models; one function a task."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from train.bundle import SETTINGS
from train.data import images
from train.data.charset import Charset
from train.data.geometry.detection import MEAN_BGR, MOST_CONTOURS, STD_BGR, DetectionParameters
from train.data.geometry.orientation import PP_LCNET
from train.data.texts.forms import SPACE
from train.errors import CheckpointError
from train.system.files import write_whole


def write_recognition_settings(directory: Path, published_name: str, charset: Charset) -> None:
    """Write how PaddleOCR resizes lines, and the dictionary.

    PaddleOCR appends a space to every dictionary: a charset's own space must therefore be its last character,
    and is left out here; a charset without one only gives PaddleOCR a name for a class that never comes.
    """
    characters = list(charset.characters)
    if SPACE in characters[:-1]:
        raise CheckpointError(
            "the space must be a charset's last character, as PaddleOCR has it",
            f"it is number {characters.index(SPACE) + 1} of {len(characters)}",
            "train the model again with this version",
        )
    decode = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}
    resize = {"RecResizeImg": {"image_shape": [3, images.HEIGHT_PX, images.MIN_WIDTH_PX]}}
    dictionary = [character for character in characters if character != SPACE]
    after = {"name": "CTCLabelDecode", "character_dict": dictionary}
    _write(directory, published_name, [decode, resize], after)


def write_detection_settings(directory: Path, published_name: str, how: DetectionParameters) -> None:
    """Write how PaddleOCR shrinks photos, and the thresholds.

    PaddleOCR reads `limit_side_len` under the name `resize_long` and, for the models that it publishes, shrinks longer
    photos to it and enlarges none, whatever `limit_type` says.
    """
    decode = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}
    resize = {"DetResizeForTest": {"resize_long": how.limit_side_len}}
    normalise = {"mean": list(MEAN_BGR), "std": list(STD_BGR), "scale": 1 / 255, "order": "hwc"}
    after = {
        "name": "DBPostProcess",
        "thresh": how.thresh,
        "box_thresh": how.box_thresh,
        "max_candidates": MOST_CONTOURS,
        "unclip_ratio": how.unclip_ratio,
    }
    steps: list[dict[str, Any]] = [decode, resize, {"NormalizeImage": normalise}, {"ToCHWImage": None}]
    _write(directory, published_name, steps, after)


def write_orientation_settings(directory: Path, published_name: str, labels: Sequence[str]) -> None:
    """Write how PaddleOCR stretches and normalises lines, and what the classes are called."""
    resize = {"ResizeImage": {"size": [PP_LCNET.width_px, PP_LCNET.height_px]}}
    normalise = {
        "channel_num": 3,
        "mean": list(PP_LCNET.mean),
        "std": list(PP_LCNET.std),
        "scale": 1 / 255,
        "order": "",
    }
    steps: list[dict[str, Any]] = [resize, {"NormalizeImage": normalise}, {"ToCHWImage": None}]
    _write(directory, published_name, steps, {"Topk": {"topk": 1, "label_list": list(labels)}})


def _write(
    directory: Path, published_name: str, before: Sequence[Mapping[str, Any]], after: Mapping[str, Any]
) -> None:
    settings = {
        "Global": {"model_name": published_name},
        "PreProcess": {"transform_ops": before},
        "PostProcess": after,
    }
    text = yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)
    write_whole(directory / SETTINGS, text)

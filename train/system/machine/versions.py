"""The versions that a score, a bundle or a figure depends on."""

import importlib.metadata
import platform

PACKAGES = (
    "ocrtune",
    "numpy",
    "onnxruntime",
    "onnxscript",
    "opencv-contrib-python",
    "optuna",
    "paddle2onnx",
    "paddleocr",
    "paddlepaddle",
    "paddlex",
    "peft",
    "ray",
    "torch",
    "transformers",
)


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages; one that is only on the path, as in a Ray job, has none."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"

"""What a score depends on besides settings and data."""

import sys

from train.versions import installed_versions

PACKAGES = (
    "ray", "optuna", "paddlepaddle", "paddleocr", "paddle2onnx", "torch", "transformers", "onnxruntime", "numpy"
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages."""
    return {"python": sys.version.split()[0]} | installed_versions(PACKAGES)

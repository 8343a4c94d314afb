"""The pages of a PDF, as PaddleX's serving sees them."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np

from serve.errors import TooLargeError, UndecodableError
from serve.settings import Limits
from train.data.images import Image

log = logging.getLogger("ray.serve")

PDF_SECONDS = 30
_PDFIUM_BYTES = 2**30  # address space of Python and pdfium beside the pages
_WORKER = Path(__file__).with_name("pdf_worker.py")


def render_pdf(data: bytes, limits: Limits, timeout_s: int = PDF_SECONDS) -> list[Image]:
    """Render every page of a PDF in a process of its own, bounded in memory and time.

    Returns:
        (H, W, 3) uint8 BGR of each page at 144 dots an inch, smaller where it would exceed `limits.pixels`.

    Raises:
        TooLargeError: pages or bytes are over the limits; nothing was rendered.
        UndecodableError: pdfium cannot read it, needs a password, too much memory or too long.
    """
    asked = {
        "max_pages": limits.pages,
        "max_pixels": limits.pixels,
        "max_bytes": limits.decoded_bytes,
        "memory_bytes": _PDFIUM_BYTES + 2 * limits.decoded_bytes + 2 * len(data),
        "seconds": timeout_s,
    }
    # -P: the folder of the script, ours, must not shadow modules
    command = [sys.executable, "-P", str(_WORKER), json.dumps(asked)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=timeout_s + 5, check=False)
    except subprocess.TimeoutExpired as error:
        raise _not_rendered(f"more than {timeout_s} s") from error
    if done.returncode:
        log.warning("a PDF ended its worker: status %d, %.500r", done.returncode, done.stderr[-500:])
        raise _not_rendered(f"an end with status {done.returncode}")
    return _parse(done.stdout)


def _not_rendered(value: str) -> UndecodableError:
    return UndecodableError("a PDF must render in bounded time and memory", value, "print it to a new PDF")


def _parse(output: bytes) -> list[Image]:
    """Read what the worker wrote."""
    end = output.index(b"\n") + 1
    answer = json.loads(output[:end])
    if "refusal" in answer:
        kind, rule, value, remedy = answer["refusal"]
        raise (TooLargeError if kind == "large" else UndecodableError)(rule, value, remedy)
    pages = []
    for width, height, stride in answer["pages"]:
        rows = np.frombuffer(output, np.uint8, height * stride, end).reshape(height, stride)
        pages.append(np.ascontiguousarray(rows[:, : 3 * width].reshape(height, width, 3)))
        end += height * stride
    return pages

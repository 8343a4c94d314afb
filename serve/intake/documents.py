"""The pages of a PDF, as PaddleX's serving sees them: rendered one after another."""

import fcntl
import json
import logging
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np

from serve.errors import TooLargeError, UndecodableError
from serve.settings import Limits
from train.data.images import Image

Size = tuple[int, int]  # width, height in pixels

log = logging.getLogger("ray.serve")

PDF_SECONDS = 30
PAGE_SECONDS = 3
"""Of computing that a document may take for each page, where that is more than PDF_SECONDS."""
PATIENCE = 3
"""A worker waits for a core, too: how much longer than its seconds of computing a page may take."""
_PDFIUM_BYTES = 2**30  # address space of Python and pdfium beside the pages
_PIPE_BYTES = 2**20
_WORKER = Path(__file__).with_name("pdf_worker.py")


class PdfPages:
    """The pages of a PDF, rendered as they are asked for by a process of its own, bounded in memory and time."""

    def __init__(self, data: bytes, limits: Limits, seconds: int = PDF_SECONDS) -> None:
        """Take the file and the bounds; `open` starts the process."""
        pixels = min(limits.pixels, limits.decoded_bytes // 3)
        self._data, self._seconds = data, seconds
        self._asked = {
            "max_pages": limits.pages,
            "max_pixels": pixels,
            "memory_bytes": _PDFIUM_BYTES + 8 * pixels + 2 * len(data),
            "seconds": seconds,
            "page_seconds": PAGE_SECONDS,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def open(self) -> list[Size]:
        """Start the process; return (width, height) of every page in pixels.

        They are at 144 dots an inch, smaller where a page would exceed `limits.pixels`.

        Raises:
            TooLargeError: the pages are over the limits; nothing was rendered.
            UndecodableError: pdfium cannot read it, needs a password, too much memory or too long.
        """
        # -P: the folder of the script, ours, must not shadow modules
        command = [sys.executable, "-P", str(_WORKER), json.dumps(self._asked)]
        self._process = process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        if self._closed:  # by another thread, meanwhile
            self.close()
        assert process.stdin is not None
        assert process.stdout is not None
        self._pixels = process.stdout
        with suppress(OSError):
            fcntl.fcntl(self._pixels, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        with suppress(BrokenPipeError):  # what it has to say comes from its end
            process.stdin.write(self._data)
        with suppress(BrokenPipeError):
            process.stdin.close()
        return [(width, height) for width, height in self._answer()["sizes"]]

    def render(self) -> Image:
        """Return the next page, (H, W, 3) uint8 BGR; raises as `open`."""
        width, height, stride = self._answer()["page"]
        rows = self._read(height * stride).reshape(height, stride)
        return np.ascontiguousarray(rows[:, : 3 * width].reshape(height, width, 3))

    def close(self) -> None:
        """End the process; another thread that waits for a page gets an UndecodableError."""
        self._closed = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self) -> dict[str, Any]:
        """Read a line of JSON; raise what it refuses."""
        line = bytearray()
        while not line.endswith(b"\n"):
            line += self._read(1).tobytes()
        answer: dict[str, Any] = json.loads(line)
        if "refusal" in answer:
            kind, rule, value, remedy = answer["refusal"]
            raise (TooLargeError if kind == "large" else UndecodableError)(rule, value, remedy)
        return answer

    def _read(self, count: int) -> "np.ndarray[Any, np.dtype[np.uint8]]":
        """Read so many bytes."""
        assert self._process is not None
        found = np.empty(count, np.uint8)
        view, descriptor, poll = found.data, self._pixels.fileno(), select.poll()
        poll.register(descriptor, select.POLLIN)
        until = time.monotonic() + PATIENCE * self._seconds + 5
        while view:
            left = until - time.monotonic()
            if left <= 0 or not poll.poll(1000 * left):
                raise _not_rendered(f"more than {PATIENCE * self._seconds} s")
            read = os.readv(descriptor, [view])
            if not read:
                status = self._process.wait()
                log.warning("a PDF ended its worker: status %d", status)
                raise _not_rendered(f"an end with status {status}")
            view = view[read:]
        return found


def _not_rendered(value: str) -> UndecodableError:
    return UndecodableError("a PDF must render in bounded time and memory", value, "print it to a new PDF")

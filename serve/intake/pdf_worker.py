"""Renders one PDF in a process of its own: PDF on stdin; on stdout a line of JSON with the sizes of its pages, then
for each page a line of JSON and its pixels, no faster than they are read.

pdfium is large, written in C++ and not thread-safe, and a small file can ask it for hours or gigabytes; here
such a file costs this process only. Started by `serve.intake.documents`, as a script that imports nothing of ours.

The rules are those of PaddleX's `pdf_rendering` (scale 2, smaller to stay within the pixels, 0.1 at least),
so that clients get the same pixels.
"""

import json
import math
import os
import resource
import sys
from typing import Any

import pypdfium2

SCALE = 2.0  # 144 dots an inch
MIN_SCALE = 0.1
NICENESS = 5  # pictures go first
_HALVINGS = 32


class RefusedError(Exception):
    """A document that is not rendered: kind ("large" or "broken"), rule, value, remedy."""


def compute_pixel_size(width_pt: float, height_pt: float, scale: float) -> tuple[int, int]:
    """Return (width, height) in pixels of a page at this scale."""
    return math.ceil(width_pt * scale), math.ceil(height_pt * scale)


def fit_scale(width_pt: float, height_pt: float, max_pixels: int) -> float:
    """Return SCALE, or the largest scale at which the page has at most `max_pixels`; raise RefusedError without one."""

    def fits(scale: float) -> bool:
        return math.prod(compute_pixel_size(width_pt, height_pt, scale)) <= max_pixels

    if not (0 < width_pt < math.inf and 0 < height_pt < math.inf):
        raise RefusedError(
            "broken", "a PDF's pages must have a size", f"{width_pt} x {height_pt}", "repair it"
        )
    if fits(SCALE):
        return SCALE
    if not fits(MIN_SCALE):
        raise RefusedError(
            "large",
            f"a page must have at most {max_pixels} pixels at scale {MIN_SCALE}",
            f"{width_pt:.0f} x {height_pt:.0f} points",
            "send a smaller page",
        )
    lower, upper = MIN_SCALE, min(SCALE, math.sqrt(max_pixels / (width_pt * height_pt)))
    for _ in range(_HALVINGS):
        scale = (lower + upper) / 2
        lower, upper = (scale, upper) if fits(scale) else (lower, scale)
    return lower


def plan(document: Any, max_pages: int, max_pixels: int) -> list[tuple[float, tuple[int, int]]]:
    """Return the scale and the size in pixels of every page; raise RefusedError for too many pages, or none."""
    count = len(document)
    if count > max_pages:
        rule = f"a document must have at most {max_pages} pages"
        raise RefusedError("large", rule, count, "send its pages in parts")
    if not count:
        raise RefusedError("broken", "a PDF must have a page", 0, "send one that has")
    sizes_pt = [document.get_page_size(i) for i in range(count)]
    scales = [fit_scale(width, height, max_pixels) for width, height in sizes_pt]
    return [
        (scale, compute_pixel_size(width, height, scale))
        for (width, height), scale in zip(sizes_pt, scales, strict=True)
    ]


def render(document: Any, index: int, scale: float) -> tuple[int, int, int, Any]:
    """Return width, height, stride and the BGR bytes of a page."""
    page = document[index]
    bitmap = page.render(scale=scale)
    page.close()
    return bitmap.width, bitmap.height, bitmap.stride, bitmap.buffer


def _open(data: bytes) -> Any:
    try:
        document = pypdfium2.PdfDocument(data)
        document.init_forms()
        return document
    except pypdfium2.PdfiumError as error:
        rule, remedy = "a PDF must be valid and open without a password", "repair or unlock it"
        raise RefusedError("broken", rule, str(error), remedy) from error


def _say(fields: dict[str, Any], pixels: Any = b"") -> None:
    out = sys.stdout.buffer
    out.write(json.dumps(fields).encode() + b"\n")
    out.write(pixels)
    out.flush()


def _answer(data: bytes, limits: dict[str, int]) -> None:
    """Write the sizes of the pages, then the pages."""
    document = _open(data)
    pages = plan(document, limits["max_pages"], limits["max_pixels"])
    _say({"sizes": [size for _, size in pages]})
    _bound_seconds(max(limits["seconds"], limits["page_seconds"] * len(pages)))
    for index, (scale, _) in enumerate(pages):
        width, height, stride, pixels = render(document, index, scale)
        _say({"page": (width, height, stride)}, pixels)


def _bound_seconds(seconds: int) -> None:
    """End this process when it has computed for so long."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))


def main() -> None:
    """Read limits from the command line (JSON) and the PDF from stdin; write pages or the refusal."""
    limits = json.loads(sys.argv[1])
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _bound_seconds(limits["seconds"])
    try:
        _answer(sys.stdin.buffer.read(), limits)
    except RefusedError as refusal:
        _say({"refusal": refusal.args})
    except pypdfium2.PdfiumError as error:
        _say({"refusal": ("broken", "a PDF's pages must be readable", str(error), "repair or print it")})


if __name__ == "__main__":
    main()

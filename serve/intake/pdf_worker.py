"""Renders one PDF in a process of its own: PDF on stdin, a line of JSON and the pixels on stdout.

pdfium is large, written in C++ and not thread-safe, and a small file can ask it for hours or gigabytes; here
such a file costs this process only. Started by `serve.intake.documents`, as a script that imports nothing of ours.

The rules are those of PaddleX's `pdf_rendering` (scale 2, smaller to stay within the pixels, 0.1 at least),
so that clients get the same pixels.
"""

import json
import math
import resource
import sys
from typing import Any

import pypdfium2  # type: ignore[import-untyped]

SCALE = 2.0  # 144 dots an inch
MIN_SCALE = 0.1
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


def plan_scales(sizes_pt: list[tuple[float, float]], max_pixels: int, max_bytes: int) -> list[float]:
    """Return the scale of every page; raise RefusedError if together they take more than `max_bytes`."""
    scales = [fit_scale(*size, max_pixels) for size in sizes_pt]
    total = 3 * sum(
        math.prod(compute_pixel_size(*size, scale)) for size, scale in zip(sizes_pt, scales, strict=True)
    )
    if total > max_bytes:
        rule = f"a document's pages must take at most {max_bytes} bytes when decoded"
        raise RefusedError("large", rule, total, "send its pages in parts")
    return scales


def render(data: bytes, max_pages: int, max_pixels: int, max_bytes: int) -> list[tuple[int, int, int, bytes]]:
    """Return (width, height, stride, BGR bytes) of every page; raise RefusedError before anything is rendered."""
    document = _open(data)
    count = len(document)
    if count > max_pages:
        rule = f"a document must have at most {max_pages} pages"
        raise RefusedError("large", rule, count, "send its pages in parts")
    try:
        scales = plan_scales([document.get_page_size(i) for i in range(count)], max_pixels, max_bytes)
        pages = []
        for i, scale in enumerate(scales):
            page = document[i]
            bitmap = page.render(scale=scale)
            pages.append((bitmap.width, bitmap.height, bitmap.stride, bytes(bitmap.buffer)))
            bitmap.close()
            page.close()
    except pypdfium2.PdfiumError as error:
        raise RefusedError(
            "broken", "a PDF's pages must be readable", str(error), "repair or print it"
        ) from error
    if not pages:
        raise RefusedError("broken", "a PDF must have a page", 0, "send one that has")
    return pages


def _open(data: bytes) -> Any:
    try:
        document = pypdfium2.PdfDocument(data)
        document.init_forms()
        return document
    except pypdfium2.PdfiumError as error:
        rule, remedy = "a PDF must be valid and open without a password", "repair or unlock it"
        raise RefusedError("broken", rule, str(error), remedy) from error


def main() -> None:
    """Read limits from the command line (JSON) and the PDF from stdin; write pages or the refusal."""
    limits = json.loads(sys.argv[1])
    for kind, bound in (
        (resource.RLIMIT_AS, limits.pop("memory_bytes")),
        (resource.RLIMIT_CPU, limits.pop("seconds")),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (bound, bound))
    out = sys.stdout.buffer
    try:
        pages = render(sys.stdin.buffer.read(), **limits)
    except RefusedError as refusal:
        out.write(json.dumps({"refusal": refusal.args}).encode() + b"\n")
        return
    out.write(json.dumps({"pages": [page[:3] for page in pages]}).encode() + b"\n")
    for page in pages:
        out.write(page[3])


if __name__ == "__main__":
    main()

"""What the winner still gets wrong, with the images and the differing characters."""

import base64
from collections.abc import Callable, Sequence
from html import escape

import cv2
import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

from search.results import Misreading
from search.table import percent

ImageOf = Callable[[int], npt.NDArray[np.uint8]]
SHOWN = 36


def worst(misreadings: Sequence[Misreading]) -> list[Misreading]:
    """Sort: the least similar reading first, of equals the one the model was surest of."""
    return sorted(
        misreadings,
        key=lambda m: (Levenshtein.normalized_similarity(m.text, m.reading), -m.confidence),
    )


def differences(text: str, reading: str) -> tuple[str, str]:
    """Return label and reading as HTML, differing characters marked and gaps shown as `_`, equally long."""
    marked: tuple[list[str], list[str]] = ([], [])
    for step in Levenshtein.opcodes(text, reading):
        pieces = text[step.src_start : step.src_end], reading[step.dest_start : step.dest_end]
        for side, piece in zip(marked, pieces, strict=True):
            shown = escape(piece or "_" * max(map(len, pieces)))
            side.append(shown if step.tag == "equal" else f"<mark>{shown}</mark>")
    return "".join(marked[0]), "".join(marked[1])


def data_uri(image: npt.NDArray[np.uint8]) -> str:
    """Return `image`, (h, w, 3) uint8 BGR, as a PNG inside a URI."""
    _, png = cv2.imencode(".png", image)
    return "data:image/png;base64," + base64.b64encode(png.tobytes()).decode("ascii")


def gallery(misreadings: Sequence[Misreading], image_of: ImageOf) -> str:
    """Return the SHOWN worst ones as HTML; `image_of(index)` gives (h, w, 3) uint8 BGR."""
    return f'<div class="lines">{"".join(_figure(m, image_of) for m in worst(misreadings)[:SHOWN])}</div>'


def _figure(line: Misreading, image_of: ImageOf) -> str:
    text, reading = differences(line.text, line.reading)
    return (
        f'<figure><img src="{data_uri(image_of(line.index))}" alt="labelled {escape(line.text)}">'
        f"<code><span>label</span>{text}</code><code><span>read</span>{reading}</code>"
        f"<figcaption>{escape(line.source)}, confidence {percent(line.confidence)}</figcaption></figure>"
    )

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
LINE_PX = 96


def worst(misreadings: Sequence[Misreading]) -> list[Misreading]:
    """Sort: the most faults first, then the least similar reading, of equals the one the model was surest of."""
    return sorted(
        misreadings,
        key=lambda m: (-m.faults, Levenshtein.normalized_similarity(m.text, m.reading), -m.confidence),
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
    """Return `image`, (h, w, 3) uint8 BGR, inside a URI: a line as PNG, a photo as JPEG, a tenth of the size."""
    kind = "png" if image.shape[0] <= LINE_PX else "jpeg"
    _, data = cv2.imencode(f".{kind}", image)
    return f"data:image/{kind};base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def gallery(misreadings: Sequence[Misreading], image_of: ImageOf, spelled: bool = True) -> str:
    """Return the SHOWN worst ones as HTML.

    Args:
        misreadings: all that there are.
        image_of: index -> (h, w, 3) uint8 BGR.
        spelled: label and reading are texts, and are compared character by character.
    """
    figures = (_figure(m, image_of, spelled) for m in worst(misreadings)[:SHOWN])
    kind = "lines" if spelled else "lines photos"
    return f'<div class="{kind}">{"".join(figures)}</div>'


def _figure(line: Misreading, image_of: ImageOf, spelled: bool) -> str:
    pair = line.text, line.reading
    text, reading = differences(*pair) if spelled else map(escape, pair)
    said = "read" if spelled else "found"
    return (
        f'<figure><img src="{data_uri(image_of(line.index))}" alt="labelled {escape(line.text)}">'
        f"<code><span>label</span>{text}</code><code><span>{said}</span>{reading}</code>"
        f"<figcaption>{escape(line.source)}, confidence {percent(line.confidence)}</figcaption></figure>"
    )

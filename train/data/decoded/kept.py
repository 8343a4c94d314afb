"""Lines that a bundle keeps, with their texts: what a server measures itself on at its start."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from train.data.dataset import Dataset
from train.data.images import Image

FILE = "samples.zip"
LABELS = "rec_gt.txt"
MOST = 32


class KeptLine(NamedTuple):
    """A line, (48, w, 3) uint8 BGR, and what it says."""

    image: Image
    text: str


def write_kept_lines(data: Dataset, path: Path) -> None:
    """Write up to MOST lines of a split, of all widths: a ZIP of PNGs and a label list, as PaddleOCR has it.

    A list cannot hold a text of several lines, which JSON and tables can; nothing is written where all are such.
    """
    able = np.array([place for place, text in enumerate(data.texts) if "\n" not in text], int)
    if not len(able):
        return
    by_width = able[np.argsort(data.widths[able], kind="stable")]
    chosen = by_width[np.linspace(0, len(by_width) - 1, min(MOST, len(by_width))).astype(int)]
    labels = []
    with zipfile.ZipFile(path, "w") as archive:  # PNGs are packed already
        for number, index in enumerate(chosen.tolist()):
            name = f"images/{number:02}.png"
            written, encoded = cv2.imencode(".png", data.image(index))
            assert written  # it is 48 px high, and at most 9,600 px wide
            _add(archive, name, encoded.tobytes())
            labels.append(f"{name}\t{data.texts[index]}\n")
        _add(archive, LABELS, "".join(labels).encode())


def read_kept_lines(path: Path) -> tuple[KeptLine, ...]:
    """Return the lines, narrow ones first."""
    with zipfile.ZipFile(path) as archive:
        listed = archive.read(LABELS).decode().split("\n")
        rows = [row.split("\t", 1) for row in listed if "\t" in row]
        decoded = (
            cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR) for name, _ in rows
        )
        return tuple(KeptLine(image, text) for image, (_, text) in zip(decoded, rows, strict=True))


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name), content)  # without the time, so that one network is one bundle

"""Sets of lines for `benchmarks/portfolio.py`: photos of three kinds, drawn lines of four."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np

from benchmarks.common import data_folder
from benchmarks.searches.portfolio_choice import Cell
from train.data.augment import sample_rng
from train.data.dataset import MemoryDataset, decode_samples, gather
from train.data.decoded.stored import LINES
from train.data.drawing import STYLES, draw_line
from train.data.drawing.fonts import aileron
from train.data.drawing.styles import Style
from train.data.formats.loading import load_file
from train.data.sample import Sample
from train.data.split import make_splits

FEW, VAL, TEST = 24, 96, 240
MORE_TEST = {60: 360, 200: 360}
"""Where it is not TEST, by the cell's lines."""
FIT_WIDTH = {"vin": 320}
"""Where it is not 0: what the pretrained model reads best at."""

PHOTOS = ("vin", "receipts", "scene_words")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
ONSETS, NUCLEI, CODAS = list("bcçdfghjklmnñprsßtvwz"), list("aàâäeéèêiîoôöuûü"), ["", *"lnrst"]


class Lines(NamedTuple):
    """A cell's lines; no text of one stands in another, but the few are the first of val."""

    train: MemoryDataset
    few: MemoryDataset
    val: MemoryDataset
    test: MemoryDataset


def meter(rng: np.random.Generator) -> str:
    """Draw a reading of 5 to 8 digits."""
    return "".join(map(str, rng.integers(10, size=int(rng.integers(5, 9)))))


def container(rng: np.random.Generator) -> str:
    """Draw a number as freight containers bear it."""
    owner = "".join(rng.choice(list(LETTERS), 3))
    return f"{owner}U {rng.integers(10**6):06d} {rng.integers(10)}"


def date(rng: np.random.Generator) -> str:
    """Draw a day in one of three notations."""
    year, month, day = rng.integers((1990, 1, 1), (2040, 13, 29)).tolist()
    notations = (
        f"{year}-{month:02d}-{day:02d}",
        f"{day:02d}.{month:02d}.{year}",
        f"{day} {MONTHS[month - 1]} {year}",
    )
    return notations[int(rng.integers(3))]


def words(rng: np.random.Generator) -> str:
    """Draw one to three words that might be of a language with accents."""
    return " ".join(_word(rng) for _ in range(int(rng.integers(1, 4))))


def _word(rng: np.random.Generator) -> str:
    syllables = (rng.choice(ONSETS) + rng.choice(NUCLEI) for _ in range(int(rng.integers(1, 4))))
    return "".join(syllables) + str(rng.choice(CODAS))


DRAWN: dict[str, Callable[[np.random.Generator], str]] = {
    "meters": meter,
    "containers": container,
    "dates": date,
    "words": words,
}
PLACES = (*PHOTOS, *DRAWN)


@lru_cache(1)
def lines_of(cell: Cell) -> Lines:
    """Return a cell's lines; a small set has fewer to test with."""
    return _drawn(cell) if cell.place in DRAWN else _photographed(cell)


def _photographed(cell: Cell) -> Lines:
    """Split the lines of both of a set's lists anew."""
    paths = [data_folder() / cell.place / f"rec_gt_{split}.txt" for split in ("train", "val")]
    samples = [sample for path in paths for sample in load_file(path)]
    wanted = cell.lines + VAL + MORE_TEST.get(cell.lines, TEST)
    some = random.Random(cell.seed).sample(samples, min(len(samples), wanted))
    shares = VAL / len(some), 1 - (cell.lines + VAL) / len(some)
    splits = make_splits({"all": some}, cell.seed, *shares)
    return Lines(*map(decode_samples, (splits.train, splits.val[:FEW], splits.val, splits.test)))


def _drawn(cell: Cell) -> Lines:
    """Draw as many different texts as are wanted."""
    rng = np.random.default_rng((cell.seed, PLACES.index(cell.place)))
    texts: dict[str, None] = {}
    while len(texts) < cell.lines + VAL + TEST:
        texts.setdefault(DRAWN[cell.place](rng))
    train, rest = list(texts)[: cell.lines], list(texts)[cell.lines :]
    return Lines(*(_pictures(cell, part) for part in (train, rest[:FEW], rest[:VAL], rest[VAL:])))


def _pictures(cell: Cell, texts: list[str]) -> MemoryDataset:
    """Draw lines as `train.data.synthetic` does; accents in the one font that has them."""
    samples, decoded = [], []
    for text in texts:
        image = draw_line(text, _styles(text), sample_rng(cell.seed, 0, crc32(text.encode())))
        samples.append(Sample(Path("drawn", text), text, "drawn"))
        decoded.append((LINES.prepare(image), (image.shape[0], image.shape[1])))
    return gather(samples, decoded)


def _styles(text: str) -> list[Style]:
    lines = [style for name, style in STYLES.items() if name != "peened"]
    return lines if text.isascii() else [replace(style, fonts=(aileron,)) for style in lines]

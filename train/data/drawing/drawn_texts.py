"""Drawn lines of one's own texts in one's own fonts, in PaddleOCR's form.

The manifest comes first, the label list last, and every file appears whole: an interrupted run goes on where it was.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from train.data.drawing.typeset import can_shape, draw_text, face_of
from train.data.formats.line_lists.paddleocr import WHOLE
from train.data.texts.text_list import read_texts
from train.errors import DataError, UsageError
from train.system.files import write_whole
from train.system.machine.processes import start_helpers

MANIFEST = "manifest.json"
VERSION = 1  # raise it when the same parameters would draw other lines
SUFFIXES = (".ttf", ".otf")
ORDER, FONT, LOOK = 201, 202, 203  # parts of the seed
CHUNK, FOLDER = 200, 1000
LISTED = 5
UNSHAPED = "; right-to-left scripts and combining marks need a Pillow that is built with raqm"

Line = tuple[int, str, Path]  # number, text, font


def draw_texts(
    texts: Path, fonts: Path, directory: Path, count: int | None = None, seed: int = 0, processes: int = 2
) -> Path:
    """Draw `count` lines of the texts (None: each once) into `directory`; return their label list.

    Texts come in a random order, all of them before any comes again. More lines of the same texts, fonts and seed
    may be asked for later; those that are there are kept.

    Raises:
        DataError: no texts or fonts, a text that no font can draw, or a folder that holds something else.
        UsageError: a count or seed that cannot be.
    """
    if seed < 0 or (count is not None and count < 1):
        raise UsageError(
            "--count must be positive and --seed not negative", f"{count}, {seed}", "change them"
        )
    words, files = read_texts(texts), font_files(fonts)
    able = fonts_for(words, files)
    manifest = {"version": VERSION, "seed": seed, "texts": _digest(words), "fonts": _digest(files)}
    _claim(directory, json.dumps(manifest))
    lines = list(islice(_lines(words, able, seed), len(words) if count is None else count))
    _draw_missing(directory, lines, seed, processes)
    rows = "".join(f"{image_name(number)}\t{text}\n" for number, text, _ in lines)
    write_whole(directory / WHOLE, rows)
    return directory / WHOLE


def font_files(folder: Path) -> list[Path]:
    """Return the fonts under a folder, sorted; raise DataError if there are none."""
    found = sorted(p.absolute() for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise DataError("the folder of fonts must hold .ttf or .otf files", folder, "check the path")
    return found


def fonts_for(words: Sequence[str], files: Sequence[Path]) -> dict[str, list[Path]]:
    """Return for every text the fonts that have all its characters; raise DataError for a text without any."""
    characters = set().union(*words)
    missing = {file: face_of(file).lacks(characters) for file in files}
    able = {word: [file for file in files if missing[file].isdisjoint(word)] for word in dict.fromkeys(words)}
    if bad := [word for word, some in able.items() if not some]:
        shown = [f"{word!r} ({''.join(_least(word, missing))!r})" for word in bad[:LISTED]]
        raise DataError(
            "every text must have a font with all its characters",
            f"{len(bad)} texts without, with what the best font lacks: {', '.join(shown)}",
            "add a font or remove them" + ("" if can_shape() else UNSHAPED),
        )
    return able


def _least(word: str, missing: Mapping[Path, set[str]]) -> list[str]:
    return min((sorted(lacking & set(word)) for lacking in missing.values()), key=len)


def image_name(number: int) -> str:
    """Return where a line's image lies in its folder."""
    return f"images/{number // FOLDER:04d}/{number:07d}.jpg"


def _lines(words: Sequence[str], able: Mapping[str, Sequence[Path]], seed: int) -> Iterator[Line]:
    """Yield lines without end, the same ones for the same seed however many are taken."""
    number = 0
    while True:
        for index in np.random.default_rng((seed, ORDER, number // len(words))).permutation(len(words)):
            word = words[index]
            choice = np.random.default_rng((seed, FONT, number)).integers(len(able[word]))
            yield number, word, able[word][int(choice)]
            number += 1


def _claim(directory: Path, manifest: str) -> None:
    """Make the folder this very dataset's; raise DataError if it holds something else."""
    path = directory / MANIFEST
    if path.is_file():
        found = path.read_text("utf-8", "replace")
    else:
        found = "no manifest" if directory.is_dir() and any(directory.iterdir()) else manifest
    if found != manifest:
        raise DataError(
            f"{directory} must be new, empty or hold these lines, {manifest}",
            found[:200],
            "remove the folder or name another one",
        )
    directory.mkdir(parents=True, exist_ok=True)
    write_whole(path, manifest)


def _draw_missing(directory: Path, lines: Sequence[Line], seed: int, processes: int) -> None:
    for folder in range(0, len(lines), FOLDER):
        (directory / image_name(folder)).parent.mkdir(parents=True, exist_ok=True)
    missing = [line for line in lines if not (directory / image_name(line[0])).exists()]
    chunks = [missing[start : start + CHUNK] for start in range(0, len(missing), CHUNK)]
    if len(chunks) < 2:
        for chunk in chunks:
            _draw(directory, chunk, seed)
        return
    with start_helpers(processes) as pool:
        try:
            for future in [pool.submit(_draw, directory, chunk, seed) for chunk in chunks]:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _draw(directory: Path, lines: Sequence[Line], seed: int) -> None:
    for number, text, font in lines:
        image = draw_text(text, face_of(font), np.random.default_rng((seed, LOOK, number)))
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
        write_whole(directory / image_name(number), data.tobytes())


def _digest(things: Sequence[str | Path]) -> str:
    """Return a digest of texts, or of the names and contents of files."""
    digest = hashlib.blake2b(digest_size=16)
    for thing in things:
        parts = (thing.name, thing.read_bytes()) if isinstance(thing, Path) else (thing,)
        digest.update(repr(parts).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()

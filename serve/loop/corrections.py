"""Corrected lines on disk: a PNG and a JSON file each, in the form that training reads (`image_json`).

Training reads every PNG of the folder and asks for its JSON file, so the PNG is written last and removed first:
a correction exists as soon as, and as long as, its PNG does, and one that was cut short is never seen. A JSON file that
somebody damaged is listed as such, and kept aside when its picture is corrected anew.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from serve.errors import ConflictError, TooLargeError, UndecodableError, UnknownError
from serve.loop.files import make_damage_error, read_fields
from train.data.images import Image, decode
from train.data.texts.forms import HALVES, invisible_places, name_character, normal_form
from train.errors import CheckpointError, DataError
from train.system.files import locked, remove_durably, write_whole

TEXT_KEY, ORIGINAL_KEY = "corrected_text", "original_text"
MAX_TEXT = 1000
MOST_TYPED = 4 * MAX_TEXT
"""Of a text whose letters and marks are not composed yet."""
ID_LENGTH = 32
NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Correction:
    """A line image and its right text.

    Attributes:
        id: 32 hexadecimal digits of the sha256 of its pixels.
        text: what it says, as a person typed it, without outer white space.
        original: what was read instead; None if that was not sent.
        created: UTC, ISO 8601, when the image first came.
        damaged: what is wrong with its file, and what to do, where that cannot be read; its text is empty then.
    """

    id: str
    text: str
    original: str | None
    created: str
    damaged: str | None = None


class CorrectionStore:
    """The folder of corrections; any number of processes may use it at a time."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; it is made with the first correction."""
        self.folder = folder

    def add(
        self, image: Image, text: str, original: str | None = None, extra: Mapping[str, Any] = NOTHING
    ) -> tuple[Correction, bool]:
        """Store a line; the same pixels once more replace its text.

        Args:
            image: (H, W, 3) uint8 BGR.
            text: what it says.
            original: what was read instead.
            extra: what else its JSON file shall hold.

        Returns:
            The correction, and whether its image is new.

        Raises:
            UndecodableError: for a text that cannot be a line's.
            TooLargeError: for a text over MAX_TEXT characters.
        """
        text, original = check_text(text), original and _clean(original)
        key = hash_image(image)
        labels, pixels = self._paths(key)
        with locked(self.folder):
            new = not (labels.exists() and _holds(pixels, key))
            created = _format(datetime.now(UTC)) if new else _keep_created(labels, pixels)
            correction = Correction(key, text, original, created)
            encoded = _encode_png(image) if new else b""
            write_whole(labels, _encode_json(correction, extra), durable=True)
            if new:
                try:
                    write_whole(pixels, encoded, durable=True)
                except OSError:  # a full disk
                    if not pixels.exists():
                        labels.unlink(missing_ok=True)
                    raise
        return correction, new

    def page(self, offset: int = 0, limit: int = 100) -> list[Correction]:
        """Return some of the corrections, the newest first."""
        return [found for key in self._keys()[offset : offset + limit] if (found := self._find(key))]

    def count(self) -> int:
        """Return how many there are."""
        return len(self._keys())

    def image(self, key: str) -> bytes:
        """Return a correction's PNG; raise UnknownError if there is none of that id."""
        try:
            return self._find_paths(key)[1].read_bytes()
        except FileNotFoundError:
            raise _unknown(key) from None

    def remove(self, key: str) -> None:
        """Remove a correction; raise UnknownError if there is none of that id."""
        labels, pixels = self._find_paths(key)
        with locked(self.folder):
            if not pixels.exists():
                raise _unknown(key)
            remove_durably(pixels)
            remove_durably(labels)
            for kept in _kept(labels):
                kept.unlink()

    def snapshot(self, folder: Path) -> list[Correction]:
        """Copy all corrections, as they are at one moment, into an existing folder; return them, the oldest first.

        Raises:
            ConflictError: for one whose text somebody took away or damaged.
        """
        with locked(self.folder):
            keys = self._keys()[::-1]
            for path in (path for key in keys for path in self._paths(key)):
                try:
                    shutil.copyfile(path, folder / path.name)
                except FileNotFoundError as error:
                    rule, remedy = "a correction must have its text", _tell_remedy(path)
                    raise ConflictError(rule, f"{path}: none", remedy) from error
        try:
            return [_read(folder / f"{key}.json") for key in keys]
        except CheckpointError as error:
            raise ConflictError(error.rule, error.value, error.remedy) from error

    def _keys(self) -> list[str]:
        """Return all ids, the newest first: a PNG is written once, whereas its text may change."""
        written = []
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                key, _, suffix = entry.name.partition(".")
                if suffix == "png" and _is_id(key):
                    with suppress(FileNotFoundError):  # removed since the folder was listed
                        written.append((entry.stat().st_mtime_ns, key))
        return [key for _, key in sorted(written, reverse=True)]

    def _find(self, key: str) -> Correction | None:
        """Return a correction, None if it was removed since its name was read."""
        labels, pixels = self._paths(key)
        try:
            return _read(labels)
        except FileNotFoundError:
            return None
        except CheckpointError as error:
            with suppress(FileNotFoundError):
                return Correction(key, "", None, _find_time(pixels), str(error))
            return None

    def _find_paths(self, key: str) -> tuple[Path, Path]:
        if not _is_id(key):
            raise _unknown(key)
        return self._paths(key)

    def _paths(self, key: str) -> tuple[Path, Path]:
        return self.folder / f"{key}.json", self.folder / f"{key}.png"


def hash_image(image: Image) -> str:
    """Return an image's id: 32 hexadecimal digits of the sha256 of its pixels."""
    shape = "x".join(map(str, image.shape))
    return hashlib.sha256(shape.encode() + np.ascontiguousarray(image).tobytes()).hexdigest()[:ID_LENGTH]


def check_text(text: str) -> str:
    """Return a line's text without outer white space; raise UndecodableError or TooLargeError if it is none."""
    text = text.strip()
    _require_short(text, MOST_TYPED)  # composing takes the square of the marks on a letter
    text = normal_form(text).strip()
    if not text:
        raise UndecodableError("text must not be empty", repr(text), "type what the line says")
    if wrong := sorted({text[place] for place in invisible_places(text)} | set(HALVES.findall(text))):
        raise UndecodableError(
            "text must be one line of characters that can be seen",
            ", ".join(map(name_character, wrong)),
            "leave them out",
        )
    _require_short(text, MAX_TEXT)
    return text


def _require_short(text: str, most: int) -> None:
    if len(text) > most:
        raise TooLargeError(f"text must be at most {MAX_TEXT} characters", len(text), "send a line at a time")


def _clean(text: str) -> str:
    """Return a text that came from outside as one that can be stored: cut, and without lone surrogates."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode("utf-8")


def _tell_remedy(path: Path) -> str:
    return f"restore it, or DELETE /corrections/{path.stem}"


def _read(path: Path) -> Correction:
    remedy = _tell_remedy(path)
    fields = {ORIGINAL_KEY: None} | read_fields(path, (TEXT_KEY, "created"), remedy)
    for name in (TEXT_KEY, "created", ORIGINAL_KEY):
        if not isinstance(fields[name], str) and (name, fields[name]) != (ORIGINAL_KEY, None):
            raise make_damage_error(path, f"{name} is {fields[name]!r:.40}, no text", remedy)
    return Correction(path.stem, fields[TEXT_KEY], fields[ORIGINAL_KEY], fields["created"])


def _holds(pixels: Path, key: str) -> bool:
    """Say whether a correction's PNG is there and whole."""
    try:
        return hash_image(decode(pixels.read_bytes(), "")) == key
    except (FileNotFoundError, DataError):
        return False


def _keep_created(labels: Path, pixels: Path) -> str:
    """Return when a correction first came; a damaged JSON file is kept aside: somebody may have written in it."""
    try:
        return _read(labels).created
    except CheckpointError:
        names = (labels.with_name(f"{labels.name}.damaged{number or ''}") for number in count())
        shutil.copyfile(labels, next(path for path in names if not path.exists()))
        return _find_time(pixels)


def _kept(labels: Path) -> list[Path]:
    """Return the damaged files of a correction that are kept: .damaged, .damaged1 and so on."""
    return [*labels.parent.glob(f"{labels.name}.damaged*")]


def _find_time(pixels: Path) -> str:
    """Return when a picture was written, which is once."""
    return _format(datetime.fromtimestamp(pixels.stat().st_mtime, UTC))


def _format(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _encode_json(correction: Correction, extra: Mapping[str, Any]) -> bytes:
    fields = {
        **extra,
        TEXT_KEY: correction.text,
        ORIGINAL_KEY: correction.original,
        "created": correction.created,
    }
    return json.dumps(fields, indent=1).encode("ascii")


def _encode_png(image: Image) -> bytes:
    written, data = cv2.imencode(".png", image)
    if not written:
        raise UndecodableError("an image must be one that PNG holds", image.shape, "send another one")
    return data.tobytes()


def _is_id(key: str) -> bool:
    return len(key) == ID_LENGTH and set(key) <= set("0123456789abcdef")


def _unknown(key: str) -> UnknownError:
    return UnknownError("a correction must exist", repr(key), "list them with GET /corrections")

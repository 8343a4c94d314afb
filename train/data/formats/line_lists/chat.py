"""Conversations about an image, as language models that see are trained on: LLaVA, ms-swift, ERNIEKit, OpenAI."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from train.data.folders.split_names import entries, only_one
from train.data.formats import FORMATS, Format, by_split
from train.data.formats.places import find_images
from train.data.formats.splits import files_by_split, splits_told
from train.data.formats.tables.image_names import is_inside
from train.data.formats.tables.rows import json_rows
from train.data.sample import Sample
from train.errors import DataError

SUFFIXES = (".jsonl", ".ndjson", ".json")
TURNS = ("messages", "conversations", "text_info", "response")
"""Where the answer stands: of a model that was shown the image, it is the text."""
ANSWERS = {"role": "assistant", "from": "gpt", "tag": "no_mask"}
WORDS = ("content", "value", "text")
"""How a turn tells who speaks, and what is said."""
IMAGES = ("images", "image", "image_info")


@FORMATS.register("chat")
class Chat(Format):
    """A file with a conversation a line, or a list of them, or one for each split: one image, one answer."""

    task = "recognition"
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the files by the split in their names, or in the names of their folders."""
        if root.is_file():
            return {"all": root} if is_chat(root) else {}
        if files := files_by_split(root, _files(root)):
            return files
        folders = by_split(root, lambda folder: bool(_files(folder)))
        return {split: only_one(folder, split, _files(folder)) for split, folder in folders.items()}

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a conversation."""
        rows = [(source, _image(record, source), _text(record, source)) for source, record in json_rows(path)]
        names = [name for _, name, _ in rows]
        paths = find_images(path, names, options.get("root", ""))
        for (source, name, text), split in zip(rows, splits_told(path, names), strict=True):
            yield Sample(paths[name], text, source, split)


def is_chat(path: Path) -> bool:
    """Whether the first row of a file is a conversation."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        first = dict[str, Any](next(islice((record for _, record in json_rows(path)), 1), {}))
        return any(key in first for key in TURNS) and bool(_images(first))
    except DataError:
        return False


def _files(folder: Path) -> list[Path]:
    return list(filter(is_chat, entries(folder)))


def _text(record: dict[str, Any], source: str) -> str:
    turns = (
        next(record[key] for key in TURNS if key in record) if any(map(record.__contains__, TURNS)) else None
    )
    answers = [turns] if isinstance(turns, str) else list(_answers(turns))
    if len(answers) != 1 or not isinstance(answers[0], str):
        raise DataError(
            "a conversation must have one answer, a text",
            f"{source} with {len(answers)}",
            "leave the one that says what the image shows",
        )
    return answers[0]


def _answers(turns: Any) -> Iterator[Any]:
    for turn in _objects(turns):
        if any(turn.get(key) == name for key, name in ANSWERS.items()):
            said = next((turn[key] for key in WORDS if key in turn), None)
            parts = [part["text"] for part in _objects(said) if isinstance(part.get("text"), str)]
            yield "".join(parts) if isinstance(said, list) else said


def _image(record: dict[str, Any], source: str) -> str:
    names = _images(record)
    if len(names) != 1:
        raise DataError(
            "a conversation must be about one image", f"{source} with {len(names)}", "leave one, or remove it"
        )
    if is_inside(names[0]):
        raise DataError(
            "a conversation must name its image", f"{source}: {names[0][:40]}", "write the images as files"
        )
    return names[0]


def _images(record: dict[str, Any]) -> list[str]:
    """Return what a conversation calls its images, which stand beside the turns or in one of them."""
    held = next((record[key] for key in IMAGES if key in record), None)
    parts = [part for turn in _objects(record.get(TURNS[0])) for part in _objects(turn.get("content"))]
    named = held if isinstance(held, list) else [held] if held is not None else parts
    return [name for one in named if (name := _address(one))]


def _address(held: Any) -> str:
    """Return an image's name, which stands in an object under one of several keys."""
    if isinstance(held, dict):
        return next(
            (name for key in ("image_url", "url", "image", "path") if (name := _address(held.get(key)))), ""
        )
    return held if isinstance(held, str) else ""


def _objects(held: Any) -> list[dict[str, Any]]:
    return [one for one in held if isinstance(one, dict)] if isinstance(held, list) else []

"""MMOCR's lists of lines: JSON with `data_list`, of images that have one instance each, with its text."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from train.data.folders.split_names import lists_or_whole
from train.data.formats import FORMATS, Format, itself
from train.data.formats.json_files import peek_json, read_json
from train.data.formats.photo_lists.set_json_kinds import has_places
from train.data.formats.places import find_images
from train.data.formats.splits import splits_told
from train.data.sample import Sample
from train.errors import DataError

LISTS, WHOLE = ("textrecog_{}.json", "{}.json"), "labels.json"
LINES, NAME, INSTANCES, TEXT = "data_list", "img_path", "instances", "text"


@FORMATS.register("mmocr")
class Mmocr(Format):
    """`textrecog_train.json` or `train.json` and their like, or `labels.json`, in a folder for each split, too."""

    task = "recognition"
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the lists of lines by split."""
        return (
            itself(root, ".json", _is_ours)
            if root.is_file()
            else lists_or_whole(root, LISTS, WHOLE, _is_ours)
        )

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image, in the file's order; its source has its number."""
        lines = [_line(held, f"{path}:{i}") for i, held in enumerate(_lines(read_json(path), path), 1)]
        names = [name for name, _ in lines]
        paths = find_images(path, names, options.get("root", ""))
        seen: set[str] = set()
        for number, ((name, text), split) in enumerate(zip(lines, splits_told(path, names), strict=True), 1):
            source = f"{path}:{number}"
            if name in seen:
                raise DataError(
                    "each image must have one text", f"{source}: {name!r} again", "remove one of them"
                )
            seen.add(name)
            yield Sample(paths[name], text, source, split)


def _lines(content: Any, path: Path) -> list[Any]:
    lines = content.get(LINES) if isinstance(content, dict) else None
    if not isinstance(lines, list):
        raise DataError(f"MMOCR's labels must have a list {LINES}", f"{path}:1", "see docs/other-tools.md")
    return lines


def _line(held: Any, source: str) -> tuple[str, str]:
    """Return the name and the text of an image with one instance."""
    name, instances = (held.get(NAME), held.get(INSTANCES)) if isinstance(held, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(instances, list) or len(instances) != 1:
        raise DataError(
            f"an image must have an {NAME} and one instance",
            f"{source}: {json.dumps(held)[:80]}",
            "lines alone are read: cut them out, or remove the image",
        )
    text = instances[0].get(TEXT) if isinstance(instances[0], dict) else None
    if not isinstance(text, str):
        raise DataError(
            f"the text of {name!r} must be a string",
            f"{source}: {json.dumps(text)[:60]}",
            "write its text in quotes, or remove it",
        )
    return name, text


def _is_ours(path: Path) -> bool:
    content = peek_json(path)
    lines = content.get(LINES) if isinstance(content, dict) else None
    first = lines[0] if isinstance(lines, list) and lines else None
    return isinstance(first, dict) and {NAME, INSTANCES} <= first.keys() and not has_places(content)

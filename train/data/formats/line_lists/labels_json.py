"""docTR's `labels.json`, `{"x.png": "text"}` with the images in `images/` beside it; text_renderer's is alike."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from train.data.folders.split_names import in_order, lists_by_split
from train.data.formats import FORMATS, Format, by_split, itself, read_text
from train.data.formats.json_files import peek_json, read_json
from train.data.formats.places import find_images, has_image_name
from train.data.formats.splits import splits_told
from train.data.sample import Sample
from train.errors import DataError

LABELS = "labels.json"
LISTS = ("{}.json", "{}_labels.json", "labels_{}.json")
INNER = "labels"
"""The key under which text_renderer has the texts."""
FAR = 1 << 16
"""Characters behind a name within which the next one begins."""


@FORMATS.register("labels_json")
class LabelsJson(Format):
    """`labels.json`, in a folder for each split, or `train.json`, `val.json`, `test.json`."""

    task = "recognition"
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the files of texts by split."""
        if root.is_file():
            return itself(root, ".json", _is_ours)
        files = lists_by_split(root, LISTS, _is_ours)
        folders = by_split(root, lambda folder: _is_ours(folder / LABELS))
        return in_order(files) or {split: folder / LABELS for split, folder in folders.items()}

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a name, in the file's order."""
        read_json(path)  # for its errors, which name a line
        content = read_text(path)
        texts = _texts(json.loads(content, object_pairs_hook=_pairs), path)
        paths = find_images(path, [name for name, _ in texts], options.get("root", ""))
        splits = splits_told(path, [*paths])
        line, position, number = 1, 0, 0
        for (name, text), split in zip(texts, splits, strict=True):
            end = (
                position + FAR
            )  # else each name that is written in another way would be looked for in all of it
            found = max(content.find(form, position, end) for form in (json.dumps(name), f'"{name}"'))
            if found > position:
                line, position = line + content.count("\n", position, found), found
            number = max(line, number + 1)  # its own, where a line holds many
            if not isinstance(text, str):
                raise DataError(
                    f"the text of {name!r} must be a string",
                    f"{path}:{number}: {json.dumps(text)[:60]}",
                    "write its text in quotes, or remove it",
                )
            yield Sample(paths[name], text, f"{path}:{number}", split)


class _Pairs(list[tuple[str, Any]]):
    """The pairs of a JSON object, those with equal keys too."""


def _pairs(pairs: list[tuple[str, Any]]) -> _Pairs:
    return _Pairs(pairs)


def _texts(content: Any, path: Path) -> _Pairs:
    """Return names with texts; raise DataError if a name stands twice."""
    inner = dict(content).get(INNER) if isinstance(content, _Pairs) else None
    texts = inner if isinstance(inner, _Pairs) else content
    if not isinstance(texts, _Pairs):
        raise DataError(
            "labels must be a JSON object of names and texts",
            f"{path}:1: {type(content).__name__}",
            'write {"x.png": "text"}',
        )
    seen: set[str] = set()
    for name, _ in texts:
        if name in seen:
            raise DataError(
                "each image must have one text", f"{path}:1: {name!r} twice", "remove one of them"
            )
        seen.add(name)
    return texts


def _is_ours(path: Path) -> bool:
    if not path.is_file() or not isinstance(content := peek_json(path), dict):
        return False
    inner = content.get(INNER)
    name, text = next(iter((inner if isinstance(inner, dict) else content).items()), ("", None))
    return (inner is not None or has_image_name(name)) and isinstance(text, str)

"""docTR's `labels.json`, `{"x.png": "text"}` with the images in `images/` beside it; text_renderer's is alike."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from train.data.folders.split_names import in_order, lists_by_split
from train.data.formats import FORMATS, Format, by_split, itself, read_text
from train.data.formats.json_files import peek_json, read_json
from train.data.formats.places import find_images, has_image_name
from train.data.formats.splits import splits_told
from train.data.formats.tables.rows import BLANK, past
from train.data.sample import Sample
from train.errors import DataError

LABELS = "labels.json"
LISTS = ("{}.json", "{}_labels.json", "labels_{}.json")
INNER = "labels"
"""The key under which text_renderer has the texts."""
DECODER = json.JSONDecoder()


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
        texts = _texts(read_text(path), path)
        paths = find_images(path, [label.name for label in texts], options.get("root", ""))
        splits = splits_told(path, [*paths])
        for label, split in zip(texts, splits, strict=True):
            if not isinstance(label.text, str):
                raise DataError(
                    f"the text of {label.name!r} must be a string",
                    f"{label.source}: {json.dumps(label.text)[:60]}",
                    "write its text in quotes, or remove it",
                )
            yield Sample(paths[label.name], label.text, label.source, split)


class _Member(NamedTuple):
    """A name in a JSON object, and what stands behind it; `at`: where the name begins, and what is behind it."""

    name: str
    value: Any
    at: tuple[int, int]


class _Label(NamedTuple):
    """What stands behind a name, and the name's line; its number, if a line holds several names."""

    name: str
    text: Any
    source: str


def _texts(content: str, path: Path) -> list[_Label]:
    """Return names with texts; raise DataError if a name stands twice."""
    start = past(content, 0, BLANK)
    if content[start] != "{":
        raise DataError(
            "labels must be a JSON object of names and texts",
            f"{path}:1: {content[start : start + 40]}",
            'write {"x.png": "text"}',
        )
    members = list(_members(content, start))
    inner = next((one for one in members if one.name == INNER and isinstance(one.value, dict)), None)
    members = list(_members(content, inner.at[1])) if inner else members
    seen: set[str] = set()
    labels = []
    for member, number in zip(members, _numbers(content, [one.at[0] for one in members]), strict=True):
        if member.name in seen:
            raise DataError(
                "each image must have one text",
                f"{path}:{number}: {member.name!r} twice",
                "remove one of them",
            )
        seen.add(member.name)
        labels.append(_Label(member.name, member.value, f"{path}:{number}"))
    return labels


def _members(content: str, at: int) -> Iterator[_Member]:
    """Yield what stands in the JSON object that begins at a place; it is known to be valid."""
    at = past(content, at + 1, BLANK)
    while content[at] != "}":
        name, end = DECODER.raw_decode(content, at)
        inner = past(content, end, BLANK + ":")
        value, end = DECODER.raw_decode(content, inner)
        yield _Member(name, value, (at, inner))
        at = past(content, end, BLANK + ",")


def _numbers(content: str, places: Sequence[int]) -> list[int]:
    """Return the lines of ascending places; the number of an entry where a line holds several."""
    lines, line, counted, number = [], 1, 0, 0
    for place in places:
        line, counted = line + content.count("\n", counted, place), place
        number = max(line, number + 1)
        lines.append(number)
    return lines


def _is_ours(path: Path) -> bool:
    if not path.is_file() or not isinstance(content := peek_json(path), dict):
        return False
    inner = content.get(INNER)
    name, text = next(iter((inner if isinstance(inner, dict) else content).items()), ("", None))
    return (inner is not None or has_image_name(name)) and isinstance(text, str)

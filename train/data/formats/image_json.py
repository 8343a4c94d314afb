"""A folder of PNG images, each with a JSON file of the same name that holds its corrected text."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.formats import FORMATS, by_split, images_in, read_text
from train.data.sample import Sample
from train.errors import DataError

TEXT_KEY = "corrected_text"


@FORMATS.register("image_json")
class ImageJson:
    """A folder of pairs (or one each for train, val, test); option `text_key` names the JSON key."""

    task: ClassVar[str] = "recognition"
    options: ClassVar[Mapping[str, str]] = {"text_key": TEXT_KEY}
    explicit: ClassVar[frozenset[str]] = frozenset()

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders with at least one pair."""
        return by_split(root, _is_ours)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a PNG, by name; a PNG without a JSON file is refused."""
        key = options.get("text_key", TEXT_KEY)
        for image in _pngs(path.absolute()):
            labels = image.with_suffix(".json")
            if not labels.is_file():
                raise DataError(
                    "every PNG must have a JSON file of its name", image, "label it or move it elsewhere"
                )
            yield Sample(image, _text(labels, key), f"{labels}:1")


def _pngs(folder: Path) -> list[Path]:
    return [path for path in images_in(folder) if path.suffix.lower() == ".png"]


def _is_ours(folder: Path) -> bool:
    return any(path.with_suffix(".json").is_file() for path in _pngs(folder))


def _text(path: Path, key: str) -> str:
    content = read_text(path)
    try:
        labels = json.loads(content)
    except json.JSONDecodeError as error:
        raise DataError(
            "a label must be JSON", f"{path}:{error.lineno}: {error.msg}", "mend it at that line"
        ) from error
    text = labels.get(key) if isinstance(labels, dict) else None
    if not isinstance(text, str):
        keys = ", ".join(labels) if isinstance(labels, dict) else type(labels).__name__
        raise DataError(
            f"a label must hold a text under {key!r}",
            f"{path}:1 with {keys or 'nothing'}",
            "name the right key with --option text_key=KEY",
        )
    return text

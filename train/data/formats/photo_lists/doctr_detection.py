"""docTR's `labels.json` for detection, `{"x.png": {"polygons": [...]}}`, with the photos in `images/` beside it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from train.data.formats import FORMATS, Format, by_split, itself
from train.data.formats.json_files import peek_json, read_json
from train.data.formats.places import find_images
from train.data.formats.shapes import numbers_of, rounded
from train.data.photos.regions import as_region, label_of
from train.data.sample import Sample
from train.errors import DataError

LABELS, POLYGONS = "labels.json", "polygons"


@FORMATS.register("doctr_detection")
class DoctrDetection(Format):
    """`labels.json`, in a folder for each split; what is written there is not known."""

    task = "detection"
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the files of outlines by split."""
        if root.is_file():
            return itself(root, ".json", _is_ours)
        folders = by_split(root, lambda folder: _is_ours(folder / LABELS))
        return {split: folder / LABELS for split, folder in folders.items()}

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a name, in the file's order; its source has its number."""
        content = read_json(path)
        paths = find_images(path, list(content), options.get("root", ""))
        for number, (name, held) in enumerate(content.items(), 1):
            source = f"{path}:{number}"
            outlines = [rounded(numbers_of(outline, source)) for outline in _outlines(held, source)]
            yield Sample(paths[name], label_of(as_region(numbers, "") for numbers in outlines), source)


def _outlines(held: Any, source: str) -> list[Any]:
    """Return the outlines of a photo, which may be listed by class."""
    outlines = held.get(POLYGONS) if isinstance(held, dict) else None
    if isinstance(outlines, dict):
        outlines = [
            outline for some in outlines.values() for outline in (some if isinstance(some, list) else [None])
        ]
    if not isinstance(outlines, list):
        raise DataError(
            "a photo must have a list of polygons", f"{source}: {str(held)[:60]!r}", "export it again"
        )
    return outlines


def _is_ours(path: Path) -> bool:
    content = peek_json(path) if path.is_file() else None
    first = next(iter(content.values()), None) if isinstance(content, dict) else None
    return isinstance(first, dict) and POLYGONS in first

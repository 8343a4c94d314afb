"""A folder of images, each with a JSON file of the same name that holds its corrected text."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from train.data.folders.beside import Neighbours
from train.data.folders.notes import note
from train.data.formats import FORMATS, Format, by_split, images_in, read_text
from train.data.formats.line_files.text_files import empty_samples
from train.data.formats.photo_files.page_json_kinds import KINDS
from train.data.sample import Sample
from train.errors import DataError

TEXT_KEY = "corrected_text"
TOLD = frozenset({"version", "imagePath", "imageData"})
"""Texts that labelling tools save with their own shapes."""
TOLD_OF_PAGES = frozenset(
    {
        *("input_path", "description", "status", "createdDateTime", "lastUpdatedDateTime", "version"),
        *("modelVersion", "JobStatus", "AnalyzeDocumentModelVersion", "DetectDocumentTextModelVersion"),
    }
)
"""Texts that stand beside the regions of a photo in what `page_json` reads, as the time of a service's answer."""
PLACES = frozenset({"bbox", "box", "points", "polygon", "vertices", "quad"})
LOOKED_INTO = 20


@FORMATS.register("image_json")
class ImageJson(Format):
    """A folder of pairs (or one each for train, val, test); option `text_key` names the JSON key."""

    task = "recognition"
    options: ClassVar[Mapping[str, str]] = {"text_key": TEXT_KEY}

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders with at least one pair."""
        return by_split(root, _is_ours)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image, by name, then those of images without a JSON file; one of two is refused."""
        key = options.get("text_key", TEXT_KEY)
        images: dict[Path, Path] = {}
        unlabelled: list[Path] = []
        beside = Neighbours(path.absolute())
        for image in images_in(path.absolute()):
            labels = _labels(image, beside)
            if labels is None:
                unlabelled.append(image)
                continue
            if labels in images:
                raise DataError(
                    "every image must have a JSON file of its own with its name",
                    f"{image} and {images[labels].name}",
                    "move one of the two elsewhere",
                )
            images[labels] = image
            yield Sample(image, _text(labels, key), f"{labels}:1")
        yield from empty_samples(unlabelled, ".json")


def _labels(image: Path, beside: Neighbours) -> Path | None:
    return beside.find(image, f"{image.stem}.json")


def _is_ours(folder: Path) -> bool:
    """Whether some of the first JSON files beside images may hold a text."""
    beside = Neighbours(folder)
    files = (_labels(image, beside) for image in images_in(folder))
    return any(map(_may_hold_text, islice(filter(None, files), LOOKED_INTO)))


def _may_hold_text(path: Path) -> bool:
    """Whether a JSON file may be ours: shapes alone are another tool's; what is broken is refused when it is read."""
    try:
        labels: Any = json.loads(read_text(path))
    except (DataError, ValueError, RecursionError):
        return True
    if not isinstance(labels, dict) or TEXT_KEY in labels:
        return True
    texts = {key for key, value in labels.items() if isinstance(value, str)}
    is_page = any(kind.matches(labels) for kind in KINDS)
    return "shapes" not in labels and not texts <= (TOLD_OF_PAGES if is_page else TOLD)


def _text(path: Path, key: str) -> str:
    content = read_text(path)
    try:
        labels = json.loads(content)
    except json.JSONDecodeError as error:
        raise DataError(
            "a label must be JSON", f"{path}:{error.lineno}: {error.msg}", "mend it at that line"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError("a label must be JSON", f"{path}:1: {str(error)[:80]}", "write it anew") from error
    text = labels.get(key) if isinstance(labels, dict) else None
    if isinstance(labels, dict) and key in labels and not isinstance(text, str):
        raise DataError(
            f"the text under {key!r} must be a string",
            f"{path}:1: {json.dumps(text)[:60]}",
            "write its text in quotes",
        )
    if isinstance(text, str) and (found := PLACES & labels.keys()):
        note(
            f"{path.parent}: its images are taken for lines; the places under {', '.join(sorted(found))} are passed "
            "over"
        )
    if not isinstance(text, str):
        keys = ", ".join(labels) if isinstance(labels, dict) else type(labels).__name__
        raise DataError(
            f"a label must hold a text under {key!r}",
            f"{path}:1 with {keys or 'nothing'}",
            "name the right key with --option text_key=KEY",
        )
    return text

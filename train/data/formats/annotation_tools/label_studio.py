"""Label Studio's export `JSON`: boxes or polygons in percent of the photo, with their texts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from train.data.decoded.header import image_size
from train.data.folders.beside import files_of_sets
from train.data.folders.notes import note
from train.data.formats import FORMATS, ROOT, Format, itself
from train.data.formats.places import find_images, has_image_name
from train.data.formats.shapes import has_shape, labelled_size, numbers_of, rectangle, rounded
from train.data.formats.splits import files_by_split
from train.data.formats.tables.rows import json_objects
from train.data.photos.regions import Region, as_region, label_of
from train.data.sample import Sample
from train.errors import DataError, UsageError

RECTANGLES, POLYGONS = ("rectangle", "rectanglelabels"), ("polygon", "polygonlabels")
OTHER_SHAPES = (
    "ellipse",
    "ellipselabels",
    "brush",
    "brushlabels",
    "keypoint",
    "keypointlabels",
    "bitmask",
    "vector",
)
PLACES = TYPED, NOTE = "value", "meta"
"""Where the text of a region stands: what was typed for it; without that, its note."""
USUAL_KEYS = ("image", "ocr", "img", "photo")


@FORMATS.register("label_studio")
class LabelStudio(Format):
    """One exported file, or one for each split; the photos lie beside it, with or without what uploading added.

    Option `text`: the name of the field that holds the text of a region, where it has several.
    """

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"text": "", **ROOT}
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the exports by the split in their names, or the only one as `all`."""
        if root.is_file():
            return itself(root, ".json", _is_ours)
        return files_by_split(root, list(filter(_is_ours, files_of_sets(root, ".json"))))

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a task that somebody has finished; the others are counted."""
        path, field = path.absolute(), options.get("text", "")
        tasks = [(source, task, _results(task, source)) for source, task in json_objects(path)]
        done = [
            (source, _address(task, source), results)
            for source, task, results in tasks
            if results is not None
        ]
        _require_field(field, [item for _, _, results in done for item in results], path)
        paths = find_images(path, [address for _, address, _ in done], options.get("root", ""))
        for source, address, results in done:
            image = paths[address]
            size, labelled = _sizes(results, image)
            changed = None if has_shape(size, labelled) else labelled
            yield Sample(
                image,
                label_of(_regions(results, size, field, source)),
                source,
                size=changed,
            )
        if left := len(tasks) - len(done):
            note(f"{path}: tasks without a finished annotation are left aside: {left}")


def _is_ours(path: Path) -> bool:
    try:
        _, task = next(json_objects(path))
    except (DataError, StopIteration):
        return False
    return isinstance(task.get("data"), dict) and ("annotations" in task or "completions" in task)


def _results(task: dict[str, Any], source: str) -> list[dict[str, Any]] | None:
    """Return what the one finished annotation of a task says; None if there is none."""
    found = task.get("annotations", task.get("completions"))
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise DataError(
            "a task must have a list of annotations", f"{source}: {found!r}"[:160], "export it as JSON"
        )
    done = [item for item in found if not item.get("was_cancelled")]
    done = [item for item in done if item.get("ground_truth")] or done
    if len(done) > 1:
        raise DataError(
            "a task must have one annotation",
            f"{source}: task {task.get('id')} with {len(done)}",
            "mark one of them as the ground truth in Label Studio",
        )
    results = done[0].get("result") if done else None
    return None if results is None else [item for item in results if isinstance(item, dict)]


def _sizes(results: Sequence[dict[str, Any]], image: Path) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """Return height and width of a photo, and those at which it was labelled, if its file tells them.

    A photo that is missing has those, or is as large as its percents, so that the check can name it.
    """
    told = (labelled_size(item.get("original_height"), item.get("original_width")) for item in results)
    labelled = next(filter(None, told), None)
    try:
        return image_size(image), labelled
    except (DataError, FileNotFoundError):
        return labelled or (100, 100), labelled


def _regions(
    results: Sequence[dict[str, Any]], size: tuple[int, int], field: str, source: str
) -> Iterator[Region]:
    """Yield the regions, in the order in which they were drawn; a text without any is that of the whole photo."""
    height, width = size
    shapes = [item for item in results if _is_shape(item, source)]
    chosen = [item for item in results if field in ("", item.get("from_name"))]
    texts = _texts(chosen, TYPED, bool(shapes), source)
    untyped = [item for item in chosen if str(item.get("id")) not in texts and not _has_text(item, TYPED)]
    texts |= _texts(untyped, NOTE, bool(shapes), source)
    for item in shapes:
        yield as_region(rounded(_corners(item, size, source)), texts.get(str(item.get("id")), ""))
    if not shapes:
        for text in texts.values():
            yield as_region(rectangle(0, 0, width, height), text)


def _texts(results: Sequence[dict[str, Any]], place: str, has_shapes: bool, source: str) -> dict[str, str]:
    """Return the texts that stand in one place of the results, by the id of their region."""
    texts: dict[str, str] = {}
    for item in results:
        if (text := _text(item, place, source)) is None:
            continue
        if has_shapes and item.get("id") is None:
            raise DataError(
                "a text must have the id of its region", f"{source}: {text[:60]!r}", "export it again"
            )
        if texts.setdefault(key := str(item.get("id")), text) != text:
            raise DataError(
                "a region must have one text",
                f"{source}: {texts[key][:40]!r} and {text[:40]!r} in {item.get('from_name')}",
                "name the field that holds it with --option text=NAME",
            )
    return texts


def _require_field(field: str, results: Sequence[dict[str, Any]], path: Path) -> None:
    """Raise UsageError where there are texts, and no field of that name: regions would have none."""
    names = {name for item in results if isinstance(name := item.get("from_name"), str)}
    if field and field not in names and any(_has_text(item, place) for item in results for place in PLACES):
        raise UsageError(
            "--option text must name a field of the labels",
            f"{field}; those of {path} are {', '.join(sorted(names)) or 'without names'}",
            "choose one of them",
        )


def _has_text(item: dict[str, Any], place: str) -> bool:
    return isinstance(held := item.get(place), dict) and "text" in held


def _is_shape(item: dict[str, Any], source: str) -> bool:
    kind = item.get("type")
    if kind in OTHER_SHAPES:
        raise DataError(
            "a region must be a rectangle or a polygon", f"{source} with {kind}", "draw it so, or remove it"
        )
    return kind in (*RECTANGLES, *POLYGONS)


def _text(item: dict[str, Any], place: str, source: str) -> str | None:
    """Return the text that stands in one place of a result."""
    text = item[place]["text"] if _has_text(item, place) else None
    if isinstance(text, list) and len(text) == 1:
        text = text[0]
    if text is not None and text != [] and not isinstance(text, str):
        raise DataError(
            "a region must have one text",
            f"{source}: {json.dumps(text, ensure_ascii=False)[:80]}",
            "leave one of them",
        )
    return text or None


def _corners(item: dict[str, Any], size: tuple[int, int], source: str) -> list[float]:
    """Return the corners of a region in pixels."""
    value = item.get("value")
    if not isinstance(value, dict) or item.get("image_rotation"):
        raise DataError("a region must lie in a photo that was not turned", source, "label it unturned")
    height, width = size
    if item["type"] in POLYGONS:
        numbers = numbers_of(value.get("points"), source)
        return [number / 100 * (height if i % 2 else width) for i, number in enumerate(numbers)]
    x, y, across, down = numbers_of([value.get(key) for key in ("x", "y", "width", "height")], source)
    [degrees, _] = numbers_of([value.get("rotation") or 0, 0], source)
    return rectangle(x / 100 * width, y / 100 * height, across / 100 * width, down / 100 * height, degrees)


def _address(task: dict[str, Any], source: str) -> str:
    """Return what a task calls its photo."""
    data = task.get("data")
    texts = {
        key: value
        for key, value in (data.items() if isinstance(data, dict) else ())
        if isinstance(value, str)
    }
    found = [texts[key] for key in USUAL_KEYS if key in texts] or list(filter(has_image_name, texts.values()))
    if not found:
        raise DataError(
            "a task must name its image", f"{source}: {json.dumps(data)[:80]}", "export it as JSON"
        )
    return found[0]

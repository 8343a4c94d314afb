"""A JSON file for each photo: FUNSD, CORD, ReCTS, Supervisely, and what Azure, AWS, Google and PaddleX read."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from train.data.folders.beside import files_ending
from train.data.folders.notes import note
from train.data.formats import FORMATS, ROOT, Format
from train.data.formats.apart import ImagesAround, find_apart, image_name_of
from train.data.formats.json_files import peek_json, read_json
from train.data.formats.photo_files.page_json_kinds import KINDS, Kind, Page, said
from train.data.formats.shapes import size_to_share
from train.data.formats.splits import TRIED
from train.data.photos.regions import label_of
from train.data.sample import Sample
from train.errors import DataError

RULE = "each label file must have one image of its name, beside it or in a folder beside its own"


@FORMATS.register("page_json")
class PageJson(Format):
    """A folder of such files, beside the images or beside their folder; option `text`: Supervisely's tag."""

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"text": "", **ROOT}
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders of labels by split; a file that is named itself is `all`."""
        if root.is_file():
            return {"all": root} if root.suffix.lower() == ".json" and _kind(peek_json(root)) else {}
        return find_apart(root, lambda folder: _kind_of(folder) is not None, "labels")

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a label file, by name; files of another kind than the first are passed over."""
        path = path.absolute()
        folder = path.parent if path.is_file() else path
        kind = _kind_of(folder) if path.is_dir() else _kind(peek_json(path))
        images = ImagesAround(folder, options.get("root", ""))
        files = [path] if path.is_file() else files_ending(folder, ".json")
        others: list[Path] = []
        for file in files:
            content = read_json(file)
            if kind is not None and kind.matches(content):
                yield _sample(file, content, kind, images, options.get("text", ""))
            else:
                others.append(file)
        if others:
            note(
                f"{folder}: JSON files of another kind are passed over: {len(others)}, the first: {others[0].name}"
            )


def _sample(file: Path, content: Any, kind: Kind, images: ImagesAround, text: str) -> Sample:
    source = f"{file}:1"
    try:
        image = images.find(kind.image(content) or image_name_of(file), file, RULE)
        page = Page(content, size_to_share(image) if kind.shares else (0, 0), text, source)
        return Sample(image, label_of(kind.regions(page)), source, size=kind.labelled(content))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(
            f"a label file of {kind.name} must be as that writes it",
            f"{source}: {said(error)}",
            "mend or remove it",
        ) from error


def _kind(content: Any) -> Kind | None:
    return next((kind for kind in KINDS if kind.matches(content)), None)


def _kind_of(folder: Path) -> Kind | None:
    """Return what the first of some JSON files in a folder is that is one of ours."""
    kinds = (_kind(peek_json(path)) for path in files_ending(folder, ".json")[:TRIED])
    return next(filter(None, kinds), None)

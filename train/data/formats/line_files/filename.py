"""A folder of images whose names hold the text, such as `ABC123_07.png`, and its folders."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.folders.notes import note
from train.data.folders.split_names import entries, split_of
from train.data.formats import FORMATS, Format, by_split, images_in
from train.data.sample import Sample
from train.errors import DataError, UsageError

PATTERN = r"(?P<text>[^_]+)(_.*)?"
FOREIGN = re.compile(
    r" ?\(\d+\)$| - (Copy|Kopie|copie|副本)| copy( \d+)?$|%[0-9A-F]{2}|\.rf\.[0-9a-f]+$|\.(png|jpe?g|bmp|tiff?)$",
    re.IGNORECASE,
)
"""What copies, downloads and exports have in their names besides the text."""


@FORMATS.register("filename")
class Filename(Format):
    """A folder (or one each for train, val, test); option `pattern` matches a whole name without its suffix.

    A pattern with a slash matches the path below that folder, for texts in the names of folders.

    Any folder of images would pass for one, so it is detected only where `pattern` is given.
    """

    task = "recognition"
    options: ClassVar[Mapping[str, str]] = {"pattern": PATTERN}
    explicit = frozenset({"pattern"})

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders with at least one image in them or below."""
        return by_split(root, lambda folder: next(_images(folder), None) is not None)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image, by folder and name; a name that does not match is refused."""
        pattern, odd = _compiled(options.get("pattern", PATTERN)), list[str]()
        for image in _images(path.absolute()):
            inner = image.relative_to(path.absolute()).with_suffix("").as_posix()
            match = pattern.fullmatch(inner if "/" in pattern.pattern else image.stem)
            if match is None:
                raise DataError(
                    "a file name must match the pattern",
                    f"{image} against {pattern.pattern}",
                    "rename it or change --option pattern=REGEX",
                )
            odd += [match["text"]] if FOREIGN.search(match["text"] or "") else []
            yield Sample(image, match["text"] or "", f"{image}:1")
        if odd:
            note(
                f"{path}: texts that hold what systems add to the names of files: {len(odd)}, the first: {odd[0]!r}; "
                "rename these files, or pass over it with --option pattern=REGEX"
            )


def _images(folder: Path) -> Iterator[Path]:
    """Yield the images of a folder and below, without those of folders in it that are splits of their own.

    Links are followed behind all other folders, and no folder is gone through twice.
    """
    seen: set[Path] = set()
    links = [folder]
    while links:
        yield from _images_below(links.pop(0), seen, links)


def _images_below(folder: Path, seen: set[Path], links: list[Path]) -> Iterator[Path]:
    """Yield the images of a folder and below; add what is gone through, and the links to folders in it."""
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    yield from images_in(folder)
    for inner in entries(folder):
        if not inner.is_dir() or split_of(inner.name):
            continue
        if inner.is_symlink():
            links.append(inner)
        else:
            yield from _images_below(inner, seen, links)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            "pattern must be a regular expression", f"{pattern}: {error}", "mend it at that place"
        ) from error
    if "text" not in compiled.groupindex:
        raise UsageError("pattern must have a group named text", pattern, "write (?P<text>...)")
    return compiled

"""WebDataset's shards: tar files, in which the files of a sample share their name up to its first dot."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from train.data.folders.flat_names import FlatNames
from train.data.folders.notes import note
from train.data.folders.split_names import folders_by_split, only_split_in
from train.data.folders.unpacked import unpack
from train.data.formats import FORMATS, IMAGE_SUFFIXES, Format
from train.data.formats.archives.shards import (
    Member,
    is_shard,
    members_of,
    set_of,
    sets_of,
    shards_in,
    stem_of,
)
from train.data.formats.splits import files_by_split
from train.data.formats.tables.columns import GROUP_COLUMNS, usual_texts
from train.data.formats.tables.texts import text_of
from train.data.sample import Sample
from train.errors import DataError

DATA = "data"
TEXTS = ("gt.txt", "txt", "text", "transcript", "transcription", "gt")
JSON, CLASS = ("json", "jsn"), ("cls",)
"""Suffixes of what may hold the text, in the order in which it is looked for."""
MOST_BYTES = 1 << 20
"""No text is longer, nor what is said of an image."""
LONGEST_NAME = 50
MOST_SHARDS, MOST_FILES = 5, 20_000
"""So many shards, and files of each, are looked at before they are taken for others'."""


@FORMATS.register("webdataset")
class WebDataset(Format):
    """A folder of shards, its `data`, or a folder for each split; names of shards may tell splits, too.

    Option `text`: the suffix of what holds the text, or its key in the `.json`.
    """

    task = "recognition"
    options: ClassVar[Mapping[str, str]] = {"text": ""}
    turn = 3

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return folders of shards, or the first shard of each split."""
        if root.is_file():
            return {"all": root} if is_shard(root) and _is_ours(root) else {}
        for folder in (root, root / DATA):
            if _has_shards(folder):
                firsts = [shards[0] for shards in sets_of(shards_in(folder))]
                named = any(only_split_in(stem_of(shard)) for shard in firsts)
                return files_by_split(folder, firsts) if named else {"all": folder}
        return folders_by_split(root, _has_shards)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image, in the order of the shards."""
        path = path.absolute()
        shards, wanted = set_of(path), options.get("text", "")
        folder = unpack(shards, "webdataset 1", lambda: _images(shards))
        reader = _Reader(wanted)
        for one in _held(shards, wanted):
            yield from reader.samples(one, folder)
        reader.tell(path)


@dataclass
class _Held:
    """What a shard holds under one name.

    Attributes:
        images: by suffix, what their files are called in the cache, and their number in the shard.
        others: what may hold a text, by suffix.
    """

    shard: Path
    name: str
    images: dict[str, tuple[str, int]] = field(default_factory=dict)
    others: dict[str, bytes] = field(default_factory=dict)


def _held(shards: Sequence[Path], wanted: str) -> Iterator[_Held]:
    """Yield what belongs together, also where other files stand between."""
    free = FlatNames()
    for shard in shards:
        found: dict[str, _Held] = {}
        number = 0
        for member in members_of(shard):
            one = found.setdefault(member.name, _Held(shard, member.name))
            if member.suffix in one.images or member.suffix in one.others:
                raise DataError(
                    "each file in a shard must have a name of its own",
                    f"{shard}: {member.path!a} twice",
                    "make the shard again",
                )
            if _is_image(member):
                number += 1
                one.images[member.suffix] = free.take(_file_name(member)), number
            elif _may_hold_text(member, wanted):
                one.others[member.suffix] = member.read(MOST_BYTES)
        yield from found.values()


def _images(shards: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield a file name and the content of every image."""
    free = FlatNames()
    for shard in shards:
        for member in members_of(shard):
            if _is_image(member):
                yield free.take(_file_name(member)), member.read()


def _is_image(member: Member) -> bool:
    """Whether a file in a shard is an image by its name."""
    return f".{member.suffix.rpartition('.')[2]}" in IMAGE_SUFFIXES


def _may_hold_text(member: Member, wanted: str) -> bool:
    last = member.suffix.rpartition(".")[2]
    return last in (*TEXTS, *JSON, *CLASS) or member.suffix == wanted.lower()


def _file_name(member: Member) -> str:
    """Return what an image's file is called: after its name in the shard, which may tell its document."""
    stem, _, last = f"{member.name}.{member.suffix}".rpartition(".")
    return f"{stem.replace('/', '_')[-LONGEST_NAME:]}.{last}"


@dataclass
class _Reader:
    """Finds the text of each image, and counts what is left aside.

    Attributes:
        wanted: the option `text`.
        key: under which a `.json` has the text; None as long as none was opened.
        texts: those without an image.
        images: those beside one that has the text.
        classes: texts that may be the numbers of classes.
    """

    wanted: str
    key: str | None = None
    texts: int = 0
    images: int = 0
    classes: int = 0

    def samples(self, one: _Held, folder: Path) -> Iterator[Sample]:
        """Yield the samples of what belongs together: images with a text of their own suffix, else the only one."""
        own = {suffix: found for suffix in one.images if (found := self._find(one, _before(suffix)))}
        if not own and len(one.images) == 1 and (found := self._find(one, "")):
            own = dict.fromkeys(one.images, found)
        if one.images and not own:
            [(_, number), *more] = one.images.values()
            shown = f"{one.shard}:{number}: {one.name!a} with {len(more) + 1} images"
            raise DataError(
                "every image in a shard must have one text",
                f"{shown} and {', '.join(one.others) or 'no text'}",
                "add its .txt, or name what holds it with --option text=SUFFIX",
            )
        self.images += len(one.images) - len(own)
        self.texts += not one.images and len(one.others)
        for suffix, found in own.items():
            name, number = one.images[suffix]
            source = f"{one.shard}:{number}"
            text, document = self._read(found, one.others[found], source)
            yield Sample(folder / name, text, source, document=document)

    def _find(self, one: _Held, before: str) -> str:
        """Return the suffix of what holds the text of the image with a suffix that begins so."""
        usual = (*TEXTS, *JSON, *CLASS)
        wanted = (self.wanted.lower(), *JSON) if self.wanted else usual
        return next((before + last for last in wanted if before + last in one.others), "")

    def _read(self, suffix: str, content: bytes, source: str) -> tuple[str, str]:
        """Return the text, and the document where a `.json` tells it."""
        text = _decoded(content, source)
        last = suffix.rpartition(".")[2]
        self.classes += last in CLASS and text.strip().isdecimal()
        if last not in JSON:
            return _line(text, source), ""
        content_of = _object(text, source)
        if self.key is None:
            self.key = self.wanted or _usual_key(content_of, source)
        group = next((key for key in content_of if GROUP_COLUMNS.fullmatch(key.lower())), "")
        told = content_of.get(group)
        document = str(told).strip() if isinstance(told, str | int) else ""
        return text_of(content_of.get(self.key), self.key, source), document

    def tell(self, path: Path) -> None:
        """Say what was not read, or may be read wrongly."""
        if self.texts or self.images:
            note(
                f"{path}: texts without an image: {self.texts}; images beside one that has the text: {self.images}"
            )
        if self.classes:
            note(
                f"{path}: texts are the numbers in .cls, which stand for classes in other sets: {self.classes}"
            )


def _before(suffix: str) -> str:
    """Return a suffix without its last part: `crop.` of `crop.png`."""
    return suffix[: len(suffix) - len(suffix.rpartition(".")[2])]


def _decoded(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            "a text must be UTF-8", f"{source}: {content[:40]!r}", "make the shard again"
        ) from error


def _line(text: str, source: str) -> str:
    line = text.rstrip("\r\n")
    if "\n" in line:
        raise DataError(
            "the text of a line must be one line", f"{source}: {line[:60]!r}", "put it in one line"
        )
    return line


def _object(text: str, source: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            "a label must be JSON", f"{source}: {str(error)[:80]}", "make the shard again"
        ) from error
    if not isinstance(content, dict):
        raise DataError("a label must be a JSON object", f"{source}: {text[:60]!r}", "make the shard again")
    return content


def _usual_key(content: Mapping[str, Any], source: str) -> str:
    usual = [key for key in usual_texts(list(content)) if isinstance(content[key], str)]
    if len(usual) != 1:
        raise DataError(
            "a .json must have one text",
            f"{source} with {', '.join(usual or content) or 'nothing'}"[:200],
            "name its key with --option text=KEY",
        )
    return usual[0]


def _has_shards(folder: Path) -> bool:
    """Whether one of the first shards of a folder is ours: what broke off is refused when it is read."""
    return any(map(_is_ours, islice(shards_in(folder), MOST_SHARDS)))


def _is_ours(shard: Path) -> bool:
    """Whether one of the first files of a shard is an image, and another may be its text."""
    kinds: dict[str, bool] = {}
    with suppress(DataError):
        for member in islice(members_of(shard), MOST_FILES):
            image = _is_image(member)
            if (image or _may_hold_text(member, "")) and kinds.setdefault(member.name, image) != image:
                return True
    return False

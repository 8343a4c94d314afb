"""Tables of images and texts: CSV, TSV, JSON lines, Parquet, as EasyOCR, TRDG, TrOCR and Hugging Face have them."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from train.data.folders.beside import files_of_sets
from train.data.folders.split_names import entries, only_one
from train.data.formats import FORMATS, ROOT, Format, by_split
from train.data.formats.annotation_tools.via_csv import is_via_csv
from train.data.formats.line_lists.chat import is_chat
from train.data.formats.line_lists.iam import is_iam
from train.data.formats.line_lists.orientation import ANGLES
from train.data.formats.places import find_images, has_image_name
from train.data.formats.region_lists import first_line, is_corners, is_regions
from train.data.formats.splits import files_by_split, splits_told
from train.data.formats.tables.boxes import require_lines
from train.data.formats.tables.columns import (
    GROUP_COLUMNS,
    IMAGES,
    SPLIT_COLUMNS,
    find_column,
    find_further,
    find_text_column,
    likely_images,
    likely_texts,
    usual_columns,
    usual_texts,
)
from train.data.formats.tables.delimited import Dialect, delimited_table
from train.data.formats.tables.image_names import ImageNames, name_in
from train.data.formats.tables.parquet import FIRST, holds_images, is_first, parquet_images, parquet_table
from train.data.formats.tables.rows import Table, json_table
from train.data.formats.tables.split_values import find_split_column
from train.data.formats.tables.texts import require_single, require_texts, text_of
from train.data.sample import BY_FOLDER, Sample
from train.errors import DataError, UsageError

DELIMITED, JSON, PARQUET = (".csv", ".tsv"), (".jsonl", ".ndjson"), (".parquet", ".arrow")
ALWAYS = (*DELIMITED, *JSON, *PARQUET)
SOMETIMES = (".txt", ".json")
"""Suffixes of files that are tables only if they begin as one."""
LISTS = re.compile(r"(gt|labels)([_-].+)?|(?!rec|det|ori|cls)[a-z]+[_-](gt|labels)")
"""Names of lists with tabs that are read as tables: TrOCR's `gt_test.txt`, and `gt.txt` of which LMDBs are made."""
ANSWERS = {"auto": None, "yes": True, "no": False}
QUOTES = {"auto": None, "csv": True, "none": False}
DELIMITERS = {"auto": None, "tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";"}


@FORMATS.register("table")
class TableOfTexts(Format):
    """A row an image; options name the columns where their names are not usual, or how a text file is divided.

    A column is named, or numbered from 1 where there is no header. Hugging Face's parts of a table are read together.
    """

    task = "recognition"
    options: ClassVar[Mapping[str, str]] = {
        "image": "",
        "text": "",
        "delimiter": "auto",
        "header": "auto",
        "quotes": "auto",
        **ROOT,
    }
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the tables with an image and a text by split, of a folder or its `data`, else one a folder."""
        if root.is_file():
            return {"all": root} if _may_be(root) else {}
        for folder in (root, root / "data"):
            if files := files_by_split(folder, _tables(folder)):
                return _whole(files)
        folders = by_split(root, lambda folder: bool(_tables(folder)))
        return _whole({split: only_one(folder, split, _tables(folder)) for split, folder in folders.items()})

    @classmethod
    def find_named(cls, root: Path) -> dict[str, Path]:
        """Return what `find` does; a list that is named itself may hold anything behind the names of its images."""
        return cls.find(root) or ({"all": root} if root.is_file() and root.suffix.lower() == ".txt" else {})

    @classmethod
    def find_alone(cls, files: Sequence[Path]) -> list[Path]:
        """Return the tables among some files of one folder, whose images are listed once."""
        images = ImageNames(files[0].parent) if files else None
        return [path for path in files if _may_be(path, images)]

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a row; blank rows are passed over."""
        table = _open(path, options)
        image = find_column(table, "image", options.get("image", ""), likely_images(table), path)
        text = find_text_column(table, options.get("text", ""), image, path)
        split_columns, group = (
            find_further(table, names, (image, text)) for names in (SPLIT_COLUMNS, GROUP_COLUMNS)
        )
        guessed = [] if split_columns else find_split_column(path, table, (image, text))
        split_columns = split_columns or guessed
        if image in table.images and holds_images(path, image):
            if options.get("root"):
                raise UsageError("--root goes with paths", f"{path}, which holds its images", "leave it out")
            rows, paths = list(table.rows([text, *group, *split_columns])), {}
            images, names = parquet_images(path, image), [""] * len(rows)
        else:
            found = [
                (source, cells[1:], cells[0])
                for source, cells in table.rows([image, text, *group, *split_columns])
            ]
            names = [name_in(name, image, source) for source, _, name in found]
            rows = [(source, cells) for source, cells, _ in found]
            labels = path / FIRST if path.is_dir() else path
            paths = find_images(labels, names, options.get("root", ""))
            images = [paths[name] for name in names]
        require_lines(path, table, image, text, paths, bool(options.get("text")))
        require_single(rows, text, table.columns)
        require_texts(names, [cells[0] for _, cells in rows], path, bool(options.get("text")))
        splits = splits_told(path, names, [cells[-1] for _, cells in rows] if split_columns else ())
        splits = [split + BY_FOLDER for split in splits] if guessed else splits
        for (source, cells), place, split in zip(rows, images, splits, strict=True):
            document = _group(cells[1]) if group else ""
            written, is_empty = text_of(cells[0], text, source), cells[0] is None
            yield Sample(place, written, source, split, document=document, unlabelled=is_empty)


def _open(path: Path, options: Mapping[str, str], images: ImageNames | None = None) -> Table:
    suffix = path.suffix.lower()
    if suffix in PARQUET or path.is_dir():
        return parquet_table(path)
    if suffix in JSON or suffix == ".json":
        return json_table(path)
    wanted = {options.get("image", ""), options.get("text", "")} - {""}

    def is_header(cells: Sequence[str]) -> bool:
        names = {cell.strip().strip('"') for cell in cells}
        return wanted <= names if wanted else bool(usual_columns(cells, IMAGES) and usual_texts(cells))

    return delimited_table(path, _dialect(options), is_header, images)


def _dialect(options: Mapping[str, str]) -> Dialect:
    delimiter = options.get("delimiter", "auto")
    delimiter_of = DELIMITERS.get(delimiter, delimiter)
    if delimiter_of is not None and len(delimiter_of) != 1:
        raise UsageError(
            "delimiter must be one character, tab or space", repr(delimiter), "write --option delimiter=tab"
        )
    return Dialect(delimiter_of, _answer(options, "header", ANSWERS), _answer(options, "quotes", QUOTES))


def _answer(options: Mapping[str, str], name: str, answers: Mapping[str, bool | None]) -> bool | None:
    value = options.get(name, "auto")
    if value not in answers:
        raise UsageError(
            f"{name} must be one of {', '.join(answers)}", repr(value), f"write --option {name}=auto"
        )
    return answers[value]


def _group(cell: Any) -> str:
    """Return the document that a cell names, 0 too; an empty one, which is NaN in some tables, names none."""
    empty = cell is None or (isinstance(cell, float) and math.isnan(cell))
    return "" if empty else str(cell).strip()


def _may_be(path: Path, images: ImageNames | None = None) -> bool:
    suffix = path.suffix.lower()
    is_photos = is_via_csv(path) or (suffix in JSON and bool(FORMATS.get("set_json").find(path)))
    if suffix in ALWAYS and not is_photos and not is_chat(path):
        return True
    return suffix in (*JSON, *SOMETIMES) and is_table(path, images)


def _tables(folder: Path) -> list[Path]:
    """Return the tables of a folder that have an image and a text; of one in parts, the first."""
    if not folder.is_dir():
        return []
    always = (path for path in entries(folder) if path.suffix.lower() in ALWAYS and path.is_file())
    files = sorted([*always, *(path for suffix in SOMETIMES for path in files_of_sets(folder, suffix))])
    images = ImageNames(folder)
    return [path for path in files if _is_first(path) and is_table(path, images)]


def _is_first(path: Path) -> bool:
    """Whether a file is no further part of a table that is read together."""
    return path.suffix.lower() not in PARQUET or is_first(path)


def _whole(files: Mapping[str, Path]) -> dict[str, Path]:
    """Return the folder in place of the first part that stands for all of it."""
    return {split: path.parent if path.name == FIRST else path for split, path in files.items()}


def is_table(path: Path, images_there: ImageNames | None = None) -> bool:
    """Whether a file has a column of images and one of texts, by their usual names or its first row.

    `images_there`: those around it, where several files of its folder are asked.
    """
    if is_iam(path):
        return False
    try:
        table = _open(path, {}, images_there)
    except DataError:
        return False
    images, texts = likely_images(table), likely_texts(table)
    if path.suffix.lower() in SOMETIMES and not _is_plain(table, path):
        return False
    return bool(images) and bool({*texts} - {*images[:1]})


def _is_plain(table: Table, path: Path) -> bool:
    """Whether what may be anything is a table: most lists with tabs are of others, and objects hold more than texts."""
    if path.suffix.lower() == ".json":
        return not table.unfit.keys() & {*likely_images(table), *likely_texts(table)}
    line = first_line(path)
    name, tab, text = line.partition("\t")
    if table.named or not tab:
        return not is_corners(line.partition(",")[2])  # of the words of ICDAR 2015
    of_texts = LISTS.fullmatch(path.stem.lower()) is not None and has_image_name(name)
    return of_texts and not (
        is_regions(text) or is_corners(text.partition("\t")[0]) or text.strip() in ANGLES
    )

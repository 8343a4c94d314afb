"""Recognition lists of PaddleOCR, PPOCRLabel and PaddleX: `path<TAB>text`, or `["a.jpg", "b.jpg"]<TAB>text`."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from train.data.folders.image_paths import locate
from train.data.folders.left_aside import NO_LABELS
from train.data.folders.split_names import lists_or_whole
from train.data.formats import FORMATS, IMAGE_SUFFIXES, Format, itself
from train.data.formats.line_lists.class_list import require_no_classes
from train.data.formats.line_lists.iam import is_iam
from train.data.formats.places import has_image_name
from train.data.formats.region_lists import first_line, is_corners, is_regions, lines_of, lists_among
from train.data.sample import Sample, require_unicode
from train.data.texts.angles import ANGLES
from train.data.texts.objects import QUOTED
from train.errors import DataError

LISTS, SHARED = ("rec_gt_{}.txt", "{}_list.txt"), "{}.txt"
"""Names of lists; those of the last form may be of regions."""
WHOLE = "rec_gt.txt"
DETECTION = '[{"transcription"'
IMAGE_NAME = re.compile(rf"({'|'.join(map(re.escape, sorted(IMAGE_SUFFIXES)))})[ ,;]", re.IGNORECASE)


@FORMATS.register("paddleocr")
class PaddleOCR(Format):
    """Lists with paths relative to their own folder or `--root`; `rec_gt.txt` is read where train has none."""

    task = "recognition"

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the lists of a folder by split, else `rec_gt.txt` as `all`; one with regions is not ours."""
        if root.is_file():
            return itself(root, ".txt", lambda path: _may_hold_texts(first_line(path)) and not is_iam(path))
        return lists_or_whole(root, (*LISTS, SHARED), WHOLE, _holds_texts)

    @classmethod
    def find_alone(cls, files: Sequence[Path]) -> list[Path]:
        """Return the lists among some files whose first line is an image, a tab and a text."""
        return lists_among([path for path in files if path.name.lower() not in NO_LABELS], _is_line)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a path; blank lines are passed over."""
        rows = [(*_parse(line, source), source) for line, source in lines_of(path)]
        paths = locate(path, [name for names, *_ in rows for name in names], options.get("root", ""))
        require_no_classes(path, [text for _, text, _ in rows])
        for names, text, source in rows:
            yield from (Sample(paths[name], text, source) for name in names)


def list_line(path: str, sample: Sample) -> str:
    """Return a line of a list; raise DataError for a label that none can hold."""
    require_unicode(sample)
    if {"\t", "\n"} & set(sample.text) or sample.text.endswith("\r"):
        raise DataError(
            "a text in PaddleOCR's lists must be without tabs and line ends",
            f"{sample.source}: {sample.text!r}",
            "replace them by spaces",
        )
    return f"{path}\t{sample.text}\n"


def _is_line(line: str) -> bool:
    """Whether a line is the name of an image, or a list of some, a tab, and what is no region and no angle."""
    name, tab, label = line.partition("\t")
    named = has_image_name(name.strip()) or name.startswith('["')
    is_other = is_regions(label) or is_corners(label.partition("\t")[0]) or label.strip() in ANGLES
    return named and tab != "" and not is_other and "\t" not in label.strip()


def _holds_texts(path: Path) -> bool:
    """Whether a list is of texts by its name or, where others have such names, by its lines."""
    if len(path.stem.split("_")) > 1:
        return True
    name, tab, label = first_line(path).partition("\t")
    return name != "" and tab != "" and not is_regions(label) and not is_corners(label.partition("\t")[0])


def _may_hold_texts(line: str) -> bool:
    """Whether a line may be ours: with a blank or a comma behind an image's name it is of a table (`table`)."""
    _, tab, label = line.partition("\t")
    return not is_regions(label) if tab else IMAGE_NAME.search(line) is None


def _parse(line: str, source: str) -> tuple[list[str], str]:
    name, *texts = line.split("\t")
    if len(texts) != 1 or not name:
        raise DataError(
            "a label line must be `path<TAB>text` with one tab",
            f"{source}: {line[:80]!r}",
            "put exactly one tab between path and text",
        )
    if QUOTED.fullmatch(name):
        raise DataError(
            "a path must stand without quotation marks",
            f"{source}: {name[:80]}",
            "take them away, or name the list .tsv, in which they may be",
        )
    if texts[0].startswith(DETECTION):
        raise DataError(
            "a recognition label must be a text",
            f"{source}: boxes ({texts[0][:40]}...)",
            "use the rec_gt list; det_gt lists are for the detection task",
        )
    return _names(name, source), texts[0]


def _names(field: str, source: str) -> list[str]:
    if not (field.startswith("[") and field.endswith("]")):
        return [field]
    try:
        names = json.loads(field)
    except (ValueError, RecursionError):
        names = None
    if not names or not all(isinstance(name, str) and name for name in names):
        raise DataError(
            "several paths of one text must be a JSON list of strings",
            f"{source}: {field[:80]}",
            'write ["a.jpg", "b.jpg"]',
        )
    return list(names)

"""What was read as label lists that PPOCRLabel, the check and a search open: texts to correct, not to type."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2

from serve.folder.places import File
from serve.folder.rows import Record, Row, compute_digest, make_refusal
from serve.intake.documents import PdfPages
from serve.intake.guard import is_pdf, open_picture
from serve.settings import Limits
from train.data.folders.flat_names import FlatNames
from train.data.images import Image
from train.data.photos.regions import Region, label_of
from train.data.pictures.kinds import READABLE_SUFFIXES
from train.errors import DataError, OcrError

LINES, CROPS, PAGES = "rec_gt.txt", "images", "Label.txt"
SEPARATORS = frozenset("\t\n\r")
Read = Iterable[tuple[File, Record]]


def write_line_labels(read: Read, folder: Path) -> list[Record]:
    """Write `rec_gt.txt` and the images that it names; what no list can hold is left out: no text, or tabs in it.

    Returns:
        The refusals of files that were read, but are not as they were.
    """
    names, refused = FlatNames(), list[Record]()
    (folder / CROPS).mkdir()
    with (folder / LINES).open("w", encoding="utf-8", newline="") as labels:
        for file, record in _each_once(read):
            text = record["pages"][0]["lines"][0]["text"]
            if not text or SEPARATORS & {*text}:
                continue
            try:
                data = _read_again(file, record)
            except OcrError as error:
                refused.append(make_refusal(file.name, error))
                continue
            name = names.take(Path(file.path).name)
            (folder / CROPS / name).write_bytes(data)
            labels.write(f"{CROPS}/{name}\t{text}\n")
    return refused


def write_page_labels(read: Read, folder: Path, title: str, limits: Limits) -> list[Record]:
    """Write `Label.txt` beside the pages that it names.

    Those of PDFs and of TIFFs with several become PNGs, and so does a picture whose suffix is not a picture's.

    Args:
        read: files and their records.
        folder: where the images go.
        title: the name that the folder will have.
        limits: of a file.

    Returns:
        The refusals of files that were read, but are not as they were.
    """
    names, refused = FlatNames(), list[Record]()
    with (folder / PAGES).open("w", encoding="utf-8", newline="") as labels:
        for file, record in _each_once(read):
            pages = record["pages"]
            try:
                images = list(_keep_pages(file, record, folder, names, limits))
                if len(images) != len(pages):  # earlier versions kept no digest
                    raise _changed(f"{len(images)} instead of {len(pages)} pages")
            except OcrError as error:
                refused.append(make_refusal(file.name, error))
                continue
            for name, page in zip(images, pages, strict=True):
                labels.write(f"{title}/{name}\t{label_of(map(_region, page['lines']))}\n")
    return refused


def _each_once(read: Read) -> Iterator[tuple[File, Record]]:
    """Yield the files that were read, without those that a list names again."""
    seen: set[tuple[str, str]] = set()
    for file, record in read:
        if "error" not in record and (key := (file.place, file.path)) not in seen:
            seen.add(key)
            yield file, record


def _read_again(file: File, record: Record) -> bytes:
    """Return a file's content; raise DataError if it is another one by now: its texts would be those of another."""
    data = file.read()
    if record.get("digest") not in (None, compute_digest(data)):  # earlier versions kept none
        raise _changed("another content by now")
    return data


def _changed(value: str) -> DataError:
    return DataError("a file must stay as it was read", value, "read it anew")


def _region(line: Row) -> Region:
    return Region(tuple((x, y) for x, y in line["box"]), line["text"])


def _keep_pages(file: File, record: Record, folder: Path, names: FlatNames, limits: Limits) -> Iterator[str]:
    """Write the pages of a file as images and yield their names."""
    data, name = _read_again(file, record), Path(file.path).name
    fit = Path(name).suffix.lower() in READABLE_SUFFIXES and not is_pdf(data, None)
    if fit and len(record["pages"]) == 1:
        file_name = names.take(name)
        (folder / file_name).write_bytes(data)
        yield file_name
        return
    for number, image in enumerate(_decode_pages(data, limits), 1):
        file_name = names.take(f"{Path(name).stem}_page{number}.png")
        (folder / file_name).write_bytes(cv2.imencode(".png", image)[1].tobytes())
        yield file_name


def _decode_pages(data: bytes, limits: Limits) -> Iterator[Image]:
    if is_pdf(data, None):
        with PdfPages(data, limits) as pages:
            yield from (pages.render() for _ in pages.open())
        return
    pictures = open_picture(data, limits)
    yield from (pictures.decode(number) for number in range(len(pictures.headers)))

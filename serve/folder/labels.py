"""What was read as label lists that PPOCRLabel, the check and a search open: texts to correct, not to type."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2

from serve.folder.inputs import PDF
from serve.folder.places import File
from serve.folder.rows import Record, Row
from serve.intake.documents import PdfPages
from serve.intake.guard import open_picture
from serve.settings import Limits
from train.data.folders.flat_names import FlatNames
from train.data.images import Image
from train.data.photos.regions import Region, label_of

LINES, CROPS, PAGES = "rec_gt.txt", "images", "Label.txt"
SEPARATORS = frozenset("\t\n\r")
Read = Iterable[tuple[File, Record]]


def write_line_labels(read: Read, folder: Path) -> None:
    """Write `rec_gt.txt` and the images that it names; what no list can hold is left out: no text, or tabs in it."""
    names = FlatNames()
    (folder / CROPS).mkdir()
    with (folder / LINES).open("w", encoding="utf-8", newline="") as labels:
        for file, record in _each_once(read):
            text = record["pages"][0]["lines"][0]["text"]
            if text and not SEPARATORS & {*text}:
                name = names.take(Path(file.path).name)
                (folder / CROPS / name).write_bytes(file.read())
                labels.write(f"{CROPS}/{name}\t{text}\n")


def write_page_labels(read: Read, folder: Path, title: str, limits: Limits) -> None:
    """Write `Label.txt` beside the pages that it names; those of PDFs and of TIFFs with several become PNGs.

    Args:
        read: files and their records.
        folder: where the images go.
        title: the name that the folder will have.
        limits: of a file.
    """
    names = FlatNames()
    with (folder / PAGES).open("w", encoding="utf-8", newline="") as labels:
        for file, record in _each_once(read):
            pages = record["pages"]
            for name, page in zip(_keep_pages(file, len(pages), folder, names, limits), pages, strict=True):
                labels.write(f"{title}/{name}\t{label_of(map(_region, page['lines']))}\n")


def _each_once(read: Read) -> Iterator[tuple[File, Record]]:
    """Yield the files that were read, without those that a list names again."""
    seen: set[tuple[str, str]] = set()
    for file, record in read:
        if "error" not in record and (key := (file.place, file.path)) not in seen:
            seen.add(key)
            yield file, record


def _region(line: Row) -> Region:
    return Region(tuple((x, y) for x, y in line["box"]), line["text"])


def _keep_pages(file: File, count: int, folder: Path, names: FlatNames, limits: Limits) -> Iterator[str]:
    """Write the pages of a file as images and yield their names."""
    data, name = file.read(), Path(file.path).name
    if count == 1 and not name.lower().endswith(PDF):
        file_name = names.take(name)
        (folder / file_name).write_bytes(data)
        yield file_name
        return
    for number, image in enumerate(_decode_pages(data, limits), 1):
        file_name = names.take(f"{Path(name).stem}_page{number}.png")
        (folder / file_name).write_bytes(cv2.imencode(".png", image)[1].tobytes())
        yield file_name


def _decode_pages(data: bytes, limits: Limits) -> Iterator[Image]:
    if b"%PDF-" in data[:1024]:
        with PdfPages(data, limits) as pages:
            yield from (pages.render() for _ in pages.open())
        return
    pictures = open_picture(data, limits)
    yield from (pictures.decode(number) for number in range(len(pictures.headers)))

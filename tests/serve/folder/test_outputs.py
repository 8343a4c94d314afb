"""Records become rows and label lists that other programs open, whatever the files are called."""

import csv
import errno
import json
import os
import resource
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from serve.folder.inputs import InputFiles
from serve.folder.labels import write_line_labels, write_page_labels
from serve.folder.parts import begin
from serve.folder.places import File
from serve.folder.pool import dump_records
from serve.folder.reading import read_folder
from serve.folder.rows import COLUMNS, Record, compute_digest, list_rows, list_troubles
from serve.folder.settings import FolderSettings
from serve.folder.tables import TABLES
from serve.settings import Limits
from tests.serve.intake.crafted import pdf
from train.data import check
from train.errors import StorageError, UsageError

ODD = ("tab\t.png", "line\nend.png", 'quote".png', "plus, comma.png", os.fsdecode(b"half\xff.png"))
BOX = [[10, 10], [90, 10], [90, 30], [10, 30]]


def line(text: str, **more: Any) -> dict[str, Any]:
    return {"text": text, "confidence": 0.9, "raw": text} | more


def record(name: str, *pages: list[dict[str, Any]]) -> Record:
    return {"path": name, "pages": [{"lines": lines} for lines in pages]}


RECORDS = [
    *(record(name, [line("A\tB", rules={"vin": True}, box=BOX)]) for name in ODD),
    {"path": "bad.png", "error": "no picture"},
    record("pages.pdf", [], [line("one", accepted=True), line("two", accepted=False)]),
]


def read_back(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file as Python's own libraries and pyarrow read them."""
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)) if path.suffix == ".csv" else [json.loads(row) for row in file]


@pytest.mark.parametrize("suffix", TABLES)
def test_every_table_holds_the_same_rows(suffix: str, tmp_path: Path) -> None:
    rows = [row for one in RECORDS for row in list_rows(one)]
    TABLES[suffix](rows, tmp_path / f"out{suffix}")
    found = read_back(tmp_path / f"out{suffix}")
    assert len(found) == len(rows) == len(ODD) + 3
    assert all(tuple(row) == COLUMNS for row in found)
    names = [row["path"] for row in found[: len(ODD)]]
    assert names[:-1] == list(ODD[:-1])
    assert names[-1] == (ODD[-1] if suffix == ".jsonl" else "half\\udcff.png")
    empty, first, second = found[-3:]
    assert [int(row["page"]) for row in (empty, first, second)] == [1, 2, 2]
    assert (empty["line"] in (None, ""), empty["text"], second["text"]) == (True, "", "two")
    assert second["accepted"] in (False, "false")
    box, rules = found[0]["box"], found[0]["rules"]
    assert (json.loads(box) if isinstance(box, str) else box) == BOX
    assert (json.loads(rules) if isinstance(rules, str) else rules) == {"vin": True}


def test_what_was_not_read_is_listed_apart() -> None:
    warned = record("film.gif", [line("A")]) | {"warnings": ["the first was read"]}
    assert [*list_troubles(RECORDS[5]), *list_troubles(warned)] == [
        {"path": "bad.png", "error": "no picture"},
        {"path": "film.gif", "warning": "the first was read"},
    ]


def write_picture(path: Path) -> File:
    path.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(zlib.crc32(os.fsencode(path))).integers(0, 255, (48, 100, 3))
    path.write_bytes(cv2.imencode(".png", noise)[1].tobytes())
    return File(str(path), str(path))


def check_labels(folder: Path, *arguments: str) -> dict[str, Any]:
    report = folder.with_name("report.json")
    assert check.main([str(folder), "--json", str(report), *arguments]) in (0, None)
    return dict(json.loads(report.read_text()))


def test_lines_become_a_list_that_the_check_opens(tmp_path: Path) -> None:
    files = [write_picture(tmp_path / str(n) / name) for n, name in enumerate((*ODD, "same.png", "SAME.png"))]
    texts = ["A B", "ä", "", "C\tD", "E", "F", "G"]
    read = [(file, record(file.name, [line(text)])) for file, text in zip(files, texts, strict=True)]
    bad = (File("bad.png", "/nowhere"), {"path": "bad.png", "error": "no picture"})
    (tmp_path / "out").mkdir()
    write_line_labels([*read, bad, read[0]], tmp_path / "out")
    rows = [row.split("\t") for row in (tmp_path / "out" / "rec_gt.txt").read_text("utf-8").splitlines()]
    assert [text for _, text in rows] == ["A B", "ä", "E", "F", "G"]
    assert [(tmp_path / "out" / name).read_bytes() for name, _ in rows] == [
        files[n].read() for n in (0, 1, 4, 5, 6)
    ]
    assert check_labels(tmp_path / "out")


def test_pages_become_the_labels_of_ppocrlabel(tmp_path: Path) -> None:
    photo = write_picture(tmp_path / "in" / "a photo.png")
    (tmp_path / "in" / "two.pdf").write_bytes(pdf(["0 0 200 100", "0 0 100 200"], b"0 0 50 50 re f"))
    document = File("two.pdf", str(tmp_path / "in" / "two.pdf"))
    read = [
        (photo, record("a photo.png", [line('say "hi"', box=BOX)])),
        (document, record("two.pdf", [line("one", box=BOX)], [])),
    ]
    (tmp_path / "out").mkdir()
    write_page_labels(read, tmp_path / "out", "out", Limits())
    names = [row.split("\t")[0] for row in (tmp_path / "out" / "Label.txt").read_text("utf-8").splitlines()]
    assert names == ["out/a_photo.png", "out/two_page1.png", "out/two_page2.png"]
    assert cv2.imread(str(tmp_path / names[1])).shape == (200, 400, 3)
    assert check_labels(tmp_path / "out", "--task", "detection")


def test_no_text_stands_beside_another_picture_than_that_it_was_read_of(tmp_path: Path) -> None:
    """A reading may be interrupted for days; what changed meanwhile, or is gone, is told."""
    kept, changed, gone = (write_picture(tmp_path / f"{name}.png") for name in ("kept", "changed", "gone"))
    read = [
        (file, record(file.name, [line("A", box=BOX)]) | {"digest": compute_digest(file.read())})
        for file in (kept, changed, gone)
    ]
    os.replace(write_picture(tmp_path / "new.png").path, changed.path)
    os.remove(gone.path)
    why = [
        {"path": changed.name, "error": "a file must stay as it was read, got another content by now"},
        {"path": gone.name, "error": "a file must be readable, got No such file or directory"},
    ]
    for folder in ("lines", "pages"):
        (tmp_path / folder).mkdir()
    assert write_line_labels(read, tmp_path / "lines") == why
    assert (tmp_path / "lines" / "rec_gt.txt").read_text() == "images/kept.png\tA\n"
    assert write_page_labels(read, tmp_path / "pages", "pages", Limits()) == why
    assert len((tmp_path / "pages" / "Label.txt").read_text().splitlines()) == 1


def test_only_its_own_output_ends_a_reading(tmp_path: Path) -> None:
    """Where all was read, what lies at the output appeared just before a kill, or is somebody else's file."""
    settings = FolderSettings(folder="", images=("a.png",), recognition="pp-ocrv6-small")
    output, folder = tmp_path / "out.jsonl", tmp_path / "out.jsonl.parts"
    folder.mkdir()
    parts = begin(folder, settings.fingerprint(), InputFiles([File("a.png", "a.png")]), 1)
    parts.keep(0, dump_records([record("a.png", [line("A")])]))
    output.write_text("another's")
    with pytest.raises(UsageError, match="must be new"):
        read_folder(settings, output, True, None, None)
    assert (output.read_text(), parts.missing) == ("another's", [])
    parts.note(output)
    assert read_folder(settings, output, True, None, None).read == 1
    assert (output.read_text(), folder.exists()) == ("another's", False)


@contextmanager
def room_of(count: int) -> Iterator[None]:
    """Let this process write files of so many bytes only, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet", "labels"])
def test_a_reading_whose_disk_is_full_goes_on_when_there_is_room(name: str, tmp_path: Path) -> None:
    photo = write_picture(tmp_path / "a.png")
    form: Any = "labels" if name == "labels" else "rows"
    settings = FolderSettings(folder="", images=("a.png",), recognition="pp-ocrv6-small", form=form)
    output, folder = tmp_path / name, tmp_path / f"{name}.parts"
    folder.mkdir()
    parts = begin(folder, settings.fingerprint(), InputFiles([photo] * 200), 200)
    row = dict.fromkeys(COLUMNS[4:]) | line("A" * 1000)
    parts.keep(0, dump_records([record(photo.name, [row])] * 200))
    with (
        room_of(100),
        pytest.raises(StorageError, match="go on with the same command and --resume") as raised,
    ):
        read_folder(settings, output, True, None, None)
    assert raised.value.exit_status == 3
    assert (output.exists(), parts.missing) == (False, [])
    assert read_folder(settings, output, True, None, None).read == 200
    assert (output.exists(), folder.exists()) == (True, False)


def test_a_model_that_cannot_be_read_is_no_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "inference.onnx")

    monkeypatch.setattr("serve.folder.settings.load_model", fail)
    settings = FolderSettings(folder="", images=("a.png",), recognition="pp-ocrv6-small")
    with pytest.raises(OSError, match=r"inference\.onnx"):
        read_folder(settings, tmp_path / "out.csv", False, None, None)


def test_a_pdf_is_known_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "scan.png").write_bytes(pdf(["0 0 200 100"], b"0 0 50 50 re f"))
    (tmp_path / "out").mkdir()
    scan, photo = File("scan.png", str(tmp_path / "scan.png")), write_picture(tmp_path / "photo.pdf")
    page = [line("A", box=BOX)]
    read = [(file, record(file.name, page)) for file in (scan, photo)]
    more = File("more.png", str(tmp_path / "more.png"))
    Path(more.path).write_bytes(scan.read())
    refused = write_page_labels(
        [*read, (more, record("more.png", page, page))], tmp_path / "out", "out", Limits()
    )
    assert [one["error"] for one in refused] == ["a file must stay as it was read, got 1 instead of 2 pages"]
    assert cv2.imread(str(tmp_path / "out" / "photo_page1.png")).shape == (48, 100, 3)
    assert cv2.imread(str(tmp_path / "out" / "scan_page1.png")).shape == (200, 400, 3)

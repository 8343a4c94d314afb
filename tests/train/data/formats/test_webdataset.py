"""Shards as WebDataset, img2dataset and tar make them: what belongs together, which splits, and what is lost."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contracts.format_examples import write_shard
from train.data.folders.notes import collected_notes
from train.data.formats.loading import load
from train.data.split import make_splits
from train.errors import DataError

PNG = b"\x89PNG\r\n\x1a\n"


def shard(path: Path, *files: tuple[str, str | bytes]) -> Path:
    """Write files; what is an image has its own name as its content."""
    contents = [(name, text.encode() if isinstance(text, str) else text) for name, text in files]
    return write_shard(path, contents)


def pair(name: str, text: str) -> Sequence[tuple[str, str]]:
    return (f"{name}.png", name), (f"{name}.txt", text)


def read(source: Path, **options: str) -> list[tuple[str, str]]:
    """Return what the image of each sample holds, and the text."""
    found, splits = load(source, options)
    assert found == "webdataset"
    return [(s.path.read_text(), s.text) for samples in splits.values() for s in samples]


@pytest.mark.parametrize(
    ("files", "options", "expected"),
    [
        # files of one name that are apart, and the same name in another folder
        ([("d/a.PNG", "1"), ("e/a.png", "2"), ("e/a.txt", "y\r\n"), ("d/a.TXT", "\ufeffx\n")], {},
         [("1", "x"), ("2", "y")]),
        # the name ends at the first dot, but images and texts may be told apart by what follows it
        ([("3.5kg.png", "1"), ("3.5kg.txt", "x"), ("3.7kg.png", "2"), ("3.7kg.txt", "y")], {},
         [("1", "x"), ("2", "y")]),
        ([("a.bin.png", "1"), ("a.gt.txt", "x"), ("._a.png", "2"), ("__meta__/b.txt", "y")], {}, [("1", "x")]),
        ([("a.png", "1"), ("a.mask.png", "2"), ("a.txt", "x")], {}, [("1", "x")]),
        ([("a.jpg", "1"), ("a.json", '{"text": "007", "width": 5}')], {}, [("1", "007")]),
        ([("a.jpg", "1"), ("a.txt", "x"), ("a.json", '{"caption": "y"}')], {}, [("1", "x")]),
        ([("a.jpg", "1"), ("a.json", '{"caption": "y"}'), ("a.cls", "3")], {"text": "caption"}, [("1", "y")]),
        ([("a.jpg", "1"), ("a.txt", "x"), ("a.ocr", "y")], {"text": "ocr"}, [("1", "y")]),
        ([("a.jpg", "1"), ("a.cls", "7")], {}, [("1", "7")]),
    ],
)  # fmt: skip
def test_what_belongs_together(
    tmp_path: Path, files: list[tuple[str, str]], options: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    assert read(shard(tmp_path / "0.tar", *files), **options) == expected


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ([("a.png", "1"), ("a.png", "2"), ("a.txt", "x")], "a.png' twice"),
        ([("a.png", "1"), ("a.txt", b"\xff")], "UTF-8, got .*0.tar:1"),
        ([("a.png", "1"), ("a.txt", "x\ny")], "one line, got .*0.tar:1"),
        ([("a.png", "1"), ("a.txt", "x"), ("b.png", "2")], "one text, got .*0.tar:2: 'b' with 1 images and no text"),
        ([("a.png", "1"), ("a.jpg", "2"), ("a.output.txt", "x")], "'a' with 2 images and output.txt"),
        ([("a.png", "1"), ("a.json", '{"text": 7}')], "name its key"),
        ([("a.png", "1"), ("a.json", '{"text": "x"}'), ("b.png", "2"), ("b.json", '{"text": 7}')], "0.tar:2: 7"),
        ([("a.png", "1"), ("a.json", "[")], "JSON"),
    ],
)  # fmt: skip
def test_a_shard_that_cannot_be_read_rightly_is_refused(
    tmp_path: Path, files: list[tuple[str, str | bytes]], rule: str
) -> None:
    with pytest.raises(DataError, match=rule):
        load(shard(tmp_path / "0.tar", *files))


def test_a_size_below_zero_ends(tmp_path: Path) -> None:
    """Python's tar goes back by it, and around for ever."""
    path = shard(tmp_path / "0.tar", *pair("a", "x"), *pair("b", "y"))
    whole = path.read_bytes()
    header = bytearray(whole[2048:2560])
    header[124:136] = (-1024).to_bytes(12, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(whole[:2048] + header + whole[2560:])
    with pytest.raises(DataError, match="no size"):
        load(path)


def test_what_is_left_aside_is_said(tmp_path: Path) -> None:
    shard(tmp_path / "0.tar", *pair("a", "x"), ("a.mask.png", "m"), ("b.txt", "y"))
    shard(tmp_path / "2.tar", *pair("c", "z"))
    with collected_notes() as notes:
        assert read(tmp_path) == [("a", "x"), ("c", "z")]
    assert any("texts without an image: 1; images beside one that has the text: 1" in note for note in notes)
    assert any("leave out 1" in note for note in notes)


def test_a_shard_that_breaks_off_is_refused(tmp_path: Path) -> None:
    """Python's tar ends in silence at a broken header, and at the end of the first of two joined archives."""
    path = shard(tmp_path / "0.tar", *(file for name in "abc" for file in pair(name, name)))
    whole = path.read_bytes()
    with gzip.open(tmp_path / "1.tar.gz", "wb") as file:
        file.write(whole)
    assert len(read(tmp_path)) == 6
    packed = (tmp_path / "1.tar.gz").read_bytes()
    (tmp_path / "1.tar.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match=r"1\.tar\.gz"):
        load(tmp_path)
    (tmp_path / "1.tar.gz").unlink()
    for broken in (
        whole[: 5 * 1024 + 200],
        whole[: 5 * 1024] + b"x" * 512 + whole[5 * 1024 + 512 :],
        whole + whole,
    ):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"0\.tar"):
            load(tmp_path)
    path.write_bytes(whole[: 6 * 1024])
    with collected_notes() as notes:
        assert len(read(tmp_path)) == 3
    assert any("no mark at its end" in note for note in notes)


@pytest.mark.parametrize(
    ("names", "given"),
    [
        (["train-000.tar", "train-001.tar", "val-000.tar"], {"train": 2, "val": 1}),
        (["data/train-00000-of-00002.tar", "data/train-00001-of-00002.tar", "data/test-00000-of-00001.tar"],
         {"train": 2, "test": 1}),
        (["train/000.tar", "train/001.tar", "dev/000.tar"], {"train": 2, "val": 1}),
        (["b-1.tar", "b-10.tar", "a-2.tar"], {"all": 3}),
    ],
)  # fmt: skip
def test_splits_are_told_by_folders_or_names(tmp_path: Path, names: list[str], given: dict[str, int]) -> None:
    for name in names:
        shard(tmp_path / name, *pair("a", name))
    splits = load(tmp_path)[1]
    assert {split: len(samples) for split, samples in splits.items()} == given
    assert sorted(sample.text for samples in splits.values() for sample in samples) == sorted(names)


def test_a_set_that_says_its_size_must_be_whole(tmp_path: Path) -> None:
    shard(tmp_path / "train-00001-of-00002.tar", *pair("a", "x"))
    with pytest.raises(DataError, match="without 0 of 2"):
        load(tmp_path)


def test_documents_are_told_by_names_and_json(tmp_path: Path) -> None:
    """Though the lines of one are scattered over the shards."""
    for number in range(3):
        shard(
            tmp_path / f"{number}.tar",
            *(file for page in range(9) for file in pair(f"p{page}_{number}", f"{page} {number}")),
        )
    splits = make_splits(load(tmp_path)[1], 0)
    pages = [{sample.text[0] for sample in samples} for _, samples in splits.items()]
    assert sum(map(len, pages)) == len(set.union(*pages)) == 9
    told = shard(tmp_path / "told.tar", ("a.png", PNG), ("a.json", json.dumps({"text": "x", "doc_id": 7})))
    [sample] = load(told)[1]["all"]
    assert (sample.document, sample.text) == ("7", "x")

"""Decoded lines in a mapped file: the very lines, found again by content, whole or not at all."""

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.real_lines import config, samples
from tests.train.data.conftest import MakeSample
from train.data.batching.epoch import epoch_lines
from train.data.charset import domain_charset
from train.data.dataset import Dataset, MemoryDataset, decode_samples
from train.data.decoded.decoding import Decoding, content_key, decoded_bytes
from train.data.decoded.mapped import MappedDataset, write_images
from train.data.decoded.stored import LINES
from train.data.sample import Sample
from train.errors import DataError
from train.tasks.recognition import Recognition


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def some(data_dir: Path) -> list[Sample]:
    """More than one chunk, of many widths."""
    return samples(data_dir, "receipts", "train", 600)


@pytest.fixture(scope="module")
def mapped(some: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("cache")
    return Decoding(folder, "file").decode({"train": some})["train"]


def test_a_mapped_line_is_the_decoded_line(some: list[Sample], mapped: Dataset) -> None:
    assert isinstance(mapped, MappedDataset)
    memory = decode_samples(some)
    assert len(mapped) == len(memory) == 600
    assert tuple(mapped.texts) == memory.texts
    assert tuple(mapped.sources) == memory.sources
    assert mapped.widths.tolist() == memory.widths.tolist()
    for index in range(600):
        np.testing.assert_array_equal(mapped.image(index), memory.image(index))
    assert (mapped.texts[599], mapped.texts[300]) == (memory.texts[599], memory.texts[300])
    assert list(mapped.texts[254:258]) == list(memory.texts[254:258])


def test_a_line_is_a_read_only_view_of_the_file(mapped: Dataset) -> None:
    line = mapped.image(3)
    assert line.base is not None
    assert not line.flags.owndata
    assert not line.flags.writeable


def test_pickled_it_is_no_more_than_its_path(mapped: Dataset) -> None:
    content = pickle.dumps(mapped, protocol=5)
    assert len(content) < 500
    again = pickle.loads(content)  # noqa: S301 - written above
    np.testing.assert_array_equal(again.image(555), mapped.image(555))
    assert list(again.texts) == list(mapped.texts)


def test_the_same_samples_start_from_the_same_file(sample: MakeSample, tmp_path: Path) -> None:
    two = [sample("A", 1), sample("B", 2)]
    how = Decoding(tmp_path / "cache", "file")
    how.decode({"train": two})
    [name] = files(tmp_path / "cache")
    written = (tmp_path / "cache" / name).stat().st_mtime_ns
    how.decode({"train": list(two)})
    assert files(tmp_path / "cache") == [name]
    assert (tmp_path / "cache" / name).stat().st_mtime_ns == written


def test_what_changes_the_lines_changes_the_name(sample: MakeSample) -> None:
    one = sample("A", 1)
    keys = {
        content_key([one]),
        content_key([replace(one, text="B")]),
        content_key([one, one]),
        content_key([]),
    }
    os.utime(one.path, ns=(1, 1))
    keys.add(content_key([one]))
    keys.add(content_key([one], replace(LINES, version=("lines", "another version"))))
    assert len(keys) == 6


@pytest.mark.parametrize("place", [0, 1])
def test_a_failed_build_leaves_no_file(place: int, sample: MakeSample, tmp_path: Path) -> None:
    bad = sample("B", 2, "bad.png")
    bad.path.write_bytes(bad.path.read_bytes()[:60])
    both = [sample("A", 1)]
    both.insert(place, bad)
    with pytest.raises(DataError, match=r"bad\.png"):
        Decoding(tmp_path / "cache", "file", processes=1).decode({"train": both})
    assert files(tmp_path / "cache") == []


def test_a_file_that_is_not_whole_is_refused(sample: MakeSample, tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    write_images([sample("A", 1)], path, 1)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="delete it"):
        MappedDataset(path)
    with pytest.raises(DataError, match="on every node"):
        MappedDataset(tmp_path / "none.arrow")


def test_a_name_that_is_no_utf8_is_named(sample: MakeSample, tmp_path: Path) -> None:
    one = sample("A", 1)
    odd = replace(one, path=one.path.rename(os.fsdecode(os.fsencode(one.path.parent) + b"/\xe9.png")))
    with pytest.raises(DataError, match=r"must have names in UTF-8.*in memory"):
        Decoding(tmp_path / "cache", "file", processes=1).decode({"train": [odd]})
    assert files(tmp_path / "cache") == []


def test_no_samples_make_an_empty_file(tmp_path: Path) -> None:
    write_images([], tmp_path / "x.arrow", 1)
    empty = MappedDataset(tmp_path / "x.arrow")
    assert (len(empty), list(empty.texts)) == (0, [])


def test_size_decides_where_lines_lie(sample: MakeSample, tmp_path: Path) -> None:
    one = sample("A", 1)  # 24x200 becomes 48x400
    assert decoded_bytes([one]) == decode_samples([one]).pixels.size == 48 * 400 * 3
    room = 4 * decoded_bytes([one])
    assert isinstance(Decoding(tmp_path, "auto", room).decode({"a": [one]})["a"], MemoryDataset)
    assert isinstance(Decoding(tmp_path, "memory", 0).decode({"a": [one]})["a"], MemoryDataset)
    spilled = Decoding(tmp_path / "cache", "auto", room - 4, processes=1).decode({"a": [one]})["a"]
    assert isinstance(spilled, MappedDataset)


def test_a_full_disk_is_found_out_first(sample: MakeSample, tmp_path: Path) -> None:
    one = sample("A", 1)
    with pytest.raises(DataError, match=r"57600\.0 GB of disk.*--cache"):
        Decoding(tmp_path / "cache", "file")._require_room(decoded_bytes([one]) * 10**9)
    assert files(tmp_path / "cache") == []


def test_batches_are_the_same_from_memory_and_from_a_file(data_dir: Path, tmp_path: Path) -> None:
    some = samples(data_dir, count=12)
    memory, mapped = (
        Decoding(tmp_path, place, processes=1).decode({"a": some})["a"] for place in ("memory", "file")
    )
    settings = config(batch_size=5, augmentation={"probability": 0.5, "concat": 0.5}, multi_scale=0.3)
    task = Recognition(settings, domain_charset(mapped.texts))
    (one, order), (other, same) = (epoch_lines(settings, data, [], 1) for data in (memory, mapped))
    for indices, also in zip(order, same, strict=True):
        expected, found = task.batch(one, indices, 1), task.batch(other, also, 1)
        np.testing.assert_array_equal(found.images, expected.images)
        assert found.targets == expected.targets

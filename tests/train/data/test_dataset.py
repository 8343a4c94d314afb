"""Decoded lines as flat arrays."""

import pickle
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.real_lines import samples
from tests.train.data.conftest import MakeSample
from train.data import images
from train.data.dataset import decode_samples
from train.data.decoded.decoding import Decoding
from train.data.decoded.header import header_of
from train.data.folders.notes import collected_notes
from train.data.pictures.errors import PictureError
from train.data.sample import Sample
from train.errors import DataError
from train.tasks.detection import Detection


def test_a_line_is_its_image_resized(data_dir: Path) -> None:
    some = samples(data_dir, "scene_words", "val", 6) + samples(data_dir, "receipts", "val", 6)
    data = decode_samples(some)
    assert len(data) == 12
    assert data.texts == tuple(sample.text for sample in some)
    assert data.sources == tuple(str(sample.path) for sample in some)
    for index, sample in enumerate(some):
        expected = images.resize_line(images.read(sample.path))
        assert data.image(index).shape == (48, data.widths[index], 3)
        np.testing.assert_array_equal(data.image(index), expected)
    assert data.offsets[-1] == data.pixels.size


def test_a_line_is_a_view(data_dir: Path) -> None:
    data = decode_samples(samples(data_dir, count=2))
    assert np.shares_memory(data.image(1), data.pixels)


def test_the_order_does_not_depend_on_threads(data_dir: Path) -> None:
    some = samples(data_dir, "receipts", "train", 16)
    one, many = decode_samples(some, threads=1), decode_samples(some, threads=8)
    np.testing.assert_array_equal(one.pixels, many.pixels)
    assert one.texts == many.texts


def test_arrays_travel_without_a_copy(data_dir: Path) -> None:
    """Ray maps what pickle gives out of band: all the pixels, and read-only."""
    data = decode_samples(samples(data_dir, count=3))
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(data, protocol=5, buffer_callback=buffers.append)
    assert len(content) < 0.01 * data.pixels.nbytes
    frozen = [memoryview(buffer).toreadonly() for buffer in buffers]
    again = pickle.loads(content, buffers=frozen)  # noqa: S301 - written above
    np.testing.assert_array_equal(again.image(2), data.image(2))
    assert not again.pixels.flags.writeable


def test_no_samples_make_an_empty_dataset() -> None:
    assert len(decode_samples([])) == 0


def test_an_extreme_shape_is_kept_or_refused_but_never_squeezed(sample: MakeSample) -> None:
    tall, wide = sample("A", 1, height=200, width=3), sample("B", 2, height=4, width=800)
    assert decode_samples([tall, wide]).widths.tolist() == [1, images.MAX_WIDTH_PX]
    with pytest.raises(DataError, match="at most 200 times as wide"):
        decode_samples([sample("C", 3, height=4, width=801)])


@pytest.mark.parametrize("content", [None, b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_what_cannot_be_read_is_named(content: bytes | None, tmp_path: Path, sample: MakeSample) -> None:
    good: Sample = sample("A", 1)
    bad = replace(good, path=tmp_path / "bad.png")
    if content is not None:
        bad.path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.png"):
        decode_samples([good, bad])


def test_the_header_of_an_empty_file_says_what_decoding_does(tmp_path: Path) -> None:
    (tmp_path / "bad.png").touch()
    told = []
    for look in (header_of, images.read):
        with pytest.raises(PictureError) as raised:
            look(tmp_path / "bad.png")
        told.append(str(raised.value))
    assert told[0] == told[1]


@pytest.mark.parametrize("place", ["memory", "file"])
def test_pictures_that_show_nothing_are_told(sample: MakeSample, tmp_path: Path, place: str) -> None:
    """12 bits kept in 16, say: a run trains on nothing."""
    kept_in_16, plain = sample("A", 0), sample("B", 1)
    cv2.imwrite(str(kept_in_16.path), np.tile(np.arange(0, 4096, 32, dtype=np.uint16), (24, 1)))
    for some, told in (([plain], []), ([kept_in_16, plain], ["train: 1 of 2 images"])):
        with collected_notes() as notes:
            Decoding(tmp_path, place).decode({"train": some})
        assert [line.partition(" that")[0] for line in notes] == told
    with collected_notes() as notes:  # a photo in which there is no text
        Decoding(tmp_path, place, stored=Detection.stored).decode({"train": [kept_in_16]})
    assert not notes

"""A detector finds lines in photos as serving has them."""

from pathlib import Path

import cv2
import numpy as np

from tests.real_photos import samples
from tests.search.studies.test_pair import real_detector
from train.data.sample import Sample
from train.end_to_end.finder import ModelFinder, keep_readable


def test_nothing_is_found_in_photos_that_cannot_be_read(data_dir: Path, tmp_path: Path) -> None:
    """The header of one says that it can be; `--allow-bad` may go on without it."""
    whole = samples(data_dir, "receipts", "val", 1)[0]
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = cv2.imencode(".png", pixels)[1].tobytes()
    broken = []
    for name, content in (("header.png", b""), ("rest.png", data[: len(data) // 2])):
        path = tmp_path / name
        path.write_bytes(content)
        broken.append(Sample(path, whole.text, f"{path}:1"))
    photos = [broken[0], whole, broken[1]]
    found = ModelFinder(str(real_detector(tmp_path / "finder"))).find(photos)
    assert [len(quads) > 0 for quads in found] == [False, True, False]
    assert keep_readable(photos) == (whole,)

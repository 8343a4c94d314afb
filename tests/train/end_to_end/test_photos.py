"""Photos are read in portions, so that thousands of them fit in memory."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data.dataset import Dataset
from train.data.photos.regions import label_of
from train.data.sample import Sample
from train.end_to_end import photos
from train.end_to_end.photos import NOTHING, read_photos
from train.end_to_end.spread import spread


@pytest.mark.parametrize("most_bytes", [1, 1 << 28])
def test_lines_are_read_in_portions_and_stay_with_their_photos(
    most_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = []
    for number in range(3):
        path = tmp_path / f"{number}.png"
        cv2.imwrite(str(path), np.zeros((300, 500, 3), np.uint8))
        samples.append(Sample(path, label_of([]), f"{path}:1"))
    first, second, ruled = ([[0, y], [right, y], [right, y + high], [0, y + high]] for y, right, high in (
        (10, 200, 20), (60, 400, 20), (90, 490, 2),
    ))  # fmt: skip
    found = [np.array(quads, np.int32).reshape(-1, 4, 2) for quads in ([second, ruled, first], [], [second])]
    asked: list[int] = []

    def read_lines(lines: Dataset) -> list[tuple[str, float]]:
        asked.append(len(lines))
        return [(str(width), 1.0) for width in lines.widths.tolist()]

    monkeypatch.setattr(photos, "MOST_BYTES", most_bytes)
    pages = read_photos(samples, [list(quads) for quads in found], read_lines)
    assert [page.texts for page in pages] == [["480", "960", NOTHING[0]], [], ["960"]]
    assert asked == ([2, 1] if most_bytes == 1 else [3])


@pytest.mark.parametrize(
    ("count", "most", "places"),
    [
        (0, 5, []),
        (3, 5, [0, 1, 2]),
        (5, 3, [0, 1, 3]),
        (4, 0, [0]),
        (12, 10, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]),
    ],
)
def test_some_are_spread_over_all(count: int, most: int, places: list[int]) -> None:
    assert spread(count, most) == places

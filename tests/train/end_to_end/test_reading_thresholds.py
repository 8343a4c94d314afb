"""Thresholds for a reader: those with which most is found and read right, in the bundle and in PaddleOCR's file."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from tests.search.studies.test_pair import real_detector
from train.bundle import MANIFEST, SETTINGS, load_bundle
from train.cut import Cut
from train.data.dataset import Dataset
from train.data.geometry.detection import DetectionParameters
from train.data.photos.regions import Region, label_of, regions_of
from train.data.sample import Sample
from train.end_to_end import pair
from train.end_to_end.pair import write_thresholds
from train.end_to_end.reading_thresholds import Reader, choose_thresholds
from train.reading.words import Word
from train.scoring.thresholds import PhotoMap

GIVEN = DetectionParameters(
    limit_side_len=960, limit_type="max", thresh=0.3, box_thresh=0.6, unclip_ratio=1.5
)
BOX = ((20.0, 20.0), (115.0, 20.0), (115.0, 42.0), (20.0, 42.0))


def interrupt(_: Path) -> str:
    """Do as a user who presses Ctrl-C just then."""
    raise KeyboardInterrupt


def photos(folder: Path, count: int) -> tuple[list[Sample], list[PhotoMap]]:
    """Return photos of one text each, and maps that are sure of its middle, and half sure of something else."""
    probabilities = np.zeros((96, 160), np.float32)
    probabilities[27:35, 27:107] = 0.9
    probabilities[70:80, 20:60] = 0.65
    samples = []
    for number in range(count):
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), np.full((96, 160, 3), number, np.uint8))
        samples.append(Sample(path, label_of([Region(BOX, "A1")]), f"{path}:1"))
    return samples, [PhotoMap(probabilities, (96, 160), regions_of(one.text)) for one in samples]


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        (lambda aspect: True, (0.7, 1.5)),  # what is found beside the labels goes
        (lambda aspect: aspect < 5, (0.7, 2.0)),  # only of a larger box the whole text is seen
        (lambda aspect: False, (0.6, 1.5)),  # nothing tells: as given
    ],
)
def test_what_is_read_right_decides(
    reads: Callable[[float], bool], expected: tuple[float, float], tmp_path: Path
) -> None:
    def read_lines(lines: Dataset) -> list[tuple[str, float]]:
        return [("A1" if reads(width / 48) else "A", 1.0) for width in lines.widths.tolist()]

    found = choose_thresholds(*photos(tmp_path, 12), Reader(read_lines), GIVEN)
    assert (found.parameters.box_thresh, found.parameters.unclip_ratio) == expected
    assert found.after.hmean >= found.before.hmean


def test_the_words_of_a_box_are_counted_for_a_reader_whose_lines_are_divided(tmp_path: Path) -> None:
    halves = [
        Region(((a, 20.0), (b, 20.0), (b, 42.0), (a, 42.0)), text)
        for a, b, text in ((20.0, 65.0, "A1"), (70.0, 115.0, "B2"))
    ]
    samples, maps = photos(tmp_path, 12)
    samples = [replace(one, text=label_of(halves)) for one in samples]

    def read_lines(lines: Dataset) -> list[list[Word]]:
        return [[Word(0, 0.5, ("A1", 1.0)), Word(0.5, 1, ("B2", 1.0))] for _ in range(len(lines))]

    found = choose_thresholds(samples, maps, Reader(read_lines, Cut(words=True)), GIVEN)
    assert found.parameters.box_thresh == 0.7  # else what stands beside the labels is two words more
    assert found.after.hmean == 1


def test_a_bundle_is_whole_at_every_moment_of_a_change_of_thresholds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = real_detector(tmp_path / "finder")
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / MANIFEST).write_text(json.dumps(manifest | {"published_name": "PP-OCRv6_tiny_det"}), "utf-8")
    seen: list[float | None] = []
    rename = os.replace

    def note(draft: Path, place: Path) -> None:
        rename(draft, place)
        seen.append(load_bundle(folder).manifest.settings.get("unclip_ratio"))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", note)
        patch.setattr(pair, "digest_of", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_thresholds(folder, replace(GIVEN, unclip_ratio=2.0))
    write_thresholds(folder, replace(GIVEN, unclip_ratio=2.0))
    changed = load_bundle(folder).manifest
    told = yaml.safe_load((folder / SETTINGS).read_text("utf-8"))["PostProcess"]
    kept = changed.config["detection"]["unclip_ratio"]
    assert changed.settings["unclip_ratio"] == kept == told["unclip_ratio"] == 2.0
    assert (seen, changed.absent) == ([None, None], {}), "as before until the last rename"

"""What `/ocr` cuts out of a page for its reader is what evaluation cuts, whatever the cut."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serve.errors import TooLargeError
from serve.inference.model import Model
from serve.inference.recogniser import Reading
from serve.intake.lanes import Lanes
from serve.reading.page import make_pruned_result
from serve.reading.page_reader import PageReader
from serve.schemas import PageRequest
from serve.settings import Limits
from tests.real_photos import samples
from train.config import TrialConfig
from train.cut import CUTS_TO_TRY, PADDLEOCR, Cut
from train.data import images
from train.data.charset import Charset
from train.data.dataset import Dataset
from train.data.geometry import detection
from train.data.geometry.detection import DetectionParameters
from train.data.geometry.rectangles import smallest_rectangle
from train.data.images import Image
from train.data.photos.regions import regions_of
from train.end_to_end.photos import read_photos
from train.tasks.recognition import Recognition

QUADRILATERALS = (
    Cut(shape="quadrilateral"),
    Cut(shape="quadrilateral", along=0.3, level_degrees=2, direct=True),
)
"""Of outlines that are no rectangles, as other detectors may find them: not among those that are tried."""


class Shown:
    """Models that find what is labelled, and keep the lines that they are shown."""

    def __init__(self, how: Cut, quads: Any) -> None:
        self._told = {"cut": how, "defaults": DetectionParameters()}
        self._quads = quads
        self.lines: list[Image] = []

    def serves(self, task: str) -> bool:
        return task != "orientation"

    async def call(self, task: str, method: str, *arguments: Any) -> Any:
        return self._told[method]

    async def run(self, task: str, method: str, *arguments: Any) -> Any:
        return self._quads, np.ones(len(self._quads))

    async def recognise(self, lines: Sequence[Image]) -> list[Reading]:
        self.lines = [images.resize_line(line) for line in lines]
        return [Reading("AB", 1.0, (2, 9), 20, 160, picture="AB") for _ in lines]


@pytest.mark.parametrize("how", [*CUTS_TO_TRY, *QUADRILATERALS], ids=str)
def test_a_page_and_evaluation_show_a_reader_the_same_lines(how: Cut, data_dir: Path) -> None:
    for kind in ("vin", "scene_words", "receipts"):
        sample = samples(data_dir, kind, "val", 1)[0]
        corners = [one.points for one in regions_of(sample.text) if len(one.points) == 4][:20]
        quads = np.array(corners).reshape(-1, 4, 2).astype(np.int32)
        quads[:, 2] -= (quads[:, 2] - quads[:, 0]) // 5  # no rectangles
        expected: list[Image] = []

        def keep(lines: Dataset, into: list[Image] = expected) -> list[tuple[str, float]]:
            into.extend(lines.image(index) for index in range(len(lines)))
            return [("", 0.0)] * len(lines)

        read_photos([sample], [list(quads)], keep, how)
        models = Shown(how, quads)
        page = asyncio.run(_read(models, images.read(sample.path)))
        assert len(expected) == len(models.lines) == len(quads)
        assert all(map(np.array_equal, expected, models.lines))
        assert page.quads
        assert all(len(line.word_quads) == 1 for line in page.lines)
        told = make_pruned_result(page)
        assert ("rec_cuts" in told) == (how != PADDLEOCR)
        if how.shape == "rectangle":  # the page cuts the smallest rectangle around what it is told
            for corners in np.float32(told.get("rec_cuts", [])):
                assert np.allclose(smallest_rectangle(corners)[0], corners, atol=0.5)


async def _read(models: Shown, image: Image) -> Any:
    lanes = Lanes(Limits())
    reader = PageReader(models, 1)
    options = await reader.options(PageRequest(file="", returnWordBox=True))
    return await reader.read(image, options, lanes.small)


def test_a_bundle_tells_how_its_reader_wants_lines_cut() -> None:
    """A cut like PaddleOCR's is not told: earlier bundles, which tell none, are cut so."""
    for how in (*CUTS_TO_TRY, *QUADRILATERALS):
        told = Recognition(TrialConfig(cut=how), Charset(("A",))).settings()
        assert ("cut" in told) == (how != PADDLEOCR)
        assert Model("recognition", "any", "1", Path("graph"), settings=told).cut == how


def test_boxes_that_each_cover_the_page_are_not_all_cut_out() -> None:
    page = np.zeros((1100, 1000, 3), np.uint8)
    whole = np.array([[0, 0], [1000, 0], [1000, 1100], [0, 1100]], np.int32)
    assert asyncio.run(_read(Shown(PADDLEOCR, np.stack([whole] * 4)), page)).quads
    with pytest.raises(TooLargeError, match="got 50 times; lower textDetUnclipRatio"):
        asyncio.run(_read(Shown(PADDLEOCR, np.stack([whole] * 50)), page))


def test_a_picture_is_made_large_for_the_detector_when_its_turn_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Some bytes may ask to be searched at 16 megapixels; so many may not wait."""
    made: list[tuple[int, ...]] = []

    def prepare(image: Image, how: DetectionParameters) -> Image:
        made.append(detection.prepared_size(*image.shape[:2], how))
        return image

    class Waiting(Shown):
        async def run(self, task: str, method: str, *arguments: Any) -> Any:
            searched.set()
            await asyncio.Event().wait()

    async def run() -> None:
        reader, lanes = PageReader(Waiting(PADDLEOCR, None), 2), Lanes(Limits())
        asked = PageRequest(file="", textDetLimitSideLen=4000, textDetLimitType="min")
        options = await reader.options(asked)
        page = np.zeros((8, 8, 3), np.uint8)
        tasks = [asyncio.create_task(reader.read(page, options, lanes.small)) for _ in range(5)]
        await searched.wait()
        assert made == [(4000, 4000)]
        for task in tasks:
            task.cancel()

    searched = asyncio.Event()
    monkeypatch.setattr(detection, "prepare", prepare)
    asyncio.run(run())

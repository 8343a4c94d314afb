"""A reader that has lines divided into words: `/ocr`, folder reading and evaluation find the same words."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serve.folder.places import File
from serve.folder.readers import LocalModels, PageFiles
from serve.folder.settings import FolderSettings
from serve.intake.lanes import Lanes
from serve.reading.page import make_pruned_result
from serve.reading.page_reader import PageReader
from serve.schemas import PageRequest
from serve.settings import Limits
from tests import real_photos
from tests.search.studies.test_pair import real_detector
from tests.serve.lifecycle.bundles import add_reading, real_bundle
from train.bundle import write_cut
from train.cut import Cut
from train.data import images
from train.data.geometry.crops import outline
from train.data.sample import Sample
from train.end_to_end.finder import find_boxes
from train.end_to_end.pair import load_reader, read_end_to_end
from train.end_to_end.photos import PhotoReading
from train.end_to_end.words_choice import choose_words, tell_inside
from train.reading.formats.rules import Rule
from train.reading.settings import ReadingSettings
from train.trained.readers import detector

Line = tuple[str, list[list[int]]]


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_detector(tmp_path_factory.mktemp("bundles") / "finder")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return real_bundle(tmp_path_factory.mktemp("bundles") / "reader", "tiny")


def evaluated(finder: Path, reader: Path, photos: list[Sample]) -> PhotoReading:
    boxes = find_boxes(detector(str(finder)), photos, threads=1)
    return read_end_to_end(photos, boxes, load_reader(reader), threads=1).pages[0]


@pytest.mark.parametrize(
    ("how", "ruled"), [(Cut(words=True), False), (Cut(words=True, along=0.2, direct=True), True)]
)
def test_pages_and_folders_have_the_words_that_evaluation_has(
    how: Cut, ruled: bool, finder: Path, data_dir: Path, tmp_path: Path
) -> None:
    reader = real_bundle(tmp_path / "reader", "tiny")
    photos = real_photos.samples(data_dir, "scene_words", "val", 1)
    write_cut(reader, Cut())
    whole = evaluated(finder, reader, photos)
    write_cut(reader, how)
    page = evaluated(finder, reader, photos)
    expected: list[Line] = [(text, quad.tolist()) for text, quad in zip(page.texts, page.quads, strict=True)]
    assert len(whole.texts) < len(expected)
    assert any(" " in text for text in whole.texts)
    assert not any(" " in text for text, _ in expected)
    if ruled:
        letters = Rule(name="letters", pattern="[A-Z]+", hard=True)
        add_reading(reader, ReadingSettings(rules=(letters,)))
        greedy, page = page, evaluated(finder, reader, photos)
        assert page.texts != greedy.texts
        assert all(map(letters.holds, page.texts))
        expected = [(text, quad.tolist()) for text, quad in zip(page.texts, page.quads, strict=True)]

    settings = FolderSettings(
        folder=str(reader.parent), images=(), recognition=str(reader), detection=str(finder)
    )
    (record,) = PageFiles(settings).read([File("photo", str(photos[0].path))])
    assert [(line["text"], line["box"]) for line in record["pages"][0]["lines"]] == expected

    told = asyncio.run(_ocr(settings, images.read(photos[0].path)))
    assert list(zip(told["rec_texts"], told["rec_polys"], strict=True)) == expected
    assert len(told["dt_polys"]) == len(whole.texts)
    assert ["".join(words) for words in told["text_word"]] == told["rec_texts"]
    assert sorted(set(told["rec_lines"])) == list(range(len(whole.texts)))
    for quad, corners in zip(told["rec_polys"], told.get("rec_cuts", []), strict="rec_cuts" in told):
        assert np.allclose(corners, outline(quad, how), atol=0.01)


async def _ocr(settings: FolderSettings, image: images.Image) -> dict[str, Any]:
    pages = PageReader(LocalModels(settings), 1)
    options = await pages.options(PageRequest(file="", returnWordBox=True))
    return make_pruned_result(await pages.read(image, options, Lanes(Limits()).small))


def test_lines_are_divided_where_labels_are_words_and_nowhere_else(
    finder: Path, reader: Path, data_dir: Path
) -> None:
    write_cut(reader, Cut())
    for kind, divided in (("scene_words", True), ("vin", False)):
        photos = real_photos.samples(data_dir, kind, "val", 12)
        boxes = find_boxes(detector(str(finder)), photos)
        write_cut(reader, Cut(words=divided))
        again = choose_words(photos, boxes, load_reader(reader))
        write_cut(reader, Cut())
        chosen = choose_words(photos, boxes, load_reader(reader))
        assert chosen.words == again.words == divided, str(chosen)
        assert (chosen.tried is not None) == divided
        assert again.tried == chosen.tried
        assert (
            "labelled texts lie in a larger box" in tell_inside(photos, boxes, load_reader(reader))
        ) == divided

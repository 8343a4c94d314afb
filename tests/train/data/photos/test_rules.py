"""Each rule of photos is broken once, on purpose; the real sets break those that they are known to."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data.checks.checking import drop_faulty
from train.data.checks.contact_sheet import contact_sheet
from train.data.checks.findings import Finding, as_json, as_text, report_of
from train.data.checks.rulebook import RULES
from train.data.formats.loading import load
from train.data.photos.picture import IGNORED_BGR, LABEL_BGR, draw_regions, photo_picture
from train.data.photos.regions import Points, Region, label_of, regions_of
from train.data.photos.rules import PHOTOS, photo_findings, repaired
from train.data.sample import Sample
from train.data.split import Splits, given_splits
from train.errors import DataError

QUAD: Points = ((10.0, 10.0), (60.0, 10.0), (60.0, 30.0), (10.0, 30.0))
GOOD = Region(QUAD, "good")
MakePhoto = Callable[..., Sample]


def moved(dx: float, dy: float) -> Points:
    return tuple((x + dx, y + dy) for x, y in QUAD)


@pytest.fixture
def photo(tmp_path: Path) -> MakePhoto:
    def make(*regions: Region, height: int = 60, width: int = 100, name: str = "a.png") -> Sample:
        path = tmp_path / name
        path.write_bytes(cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))[1].tobytes())
        return Sample(path, label_of(regions), f"{tmp_path / 'det_gt_train.txt'}:1")

    return make


def test_a_photo_that_was_labelled_as_it_lies_in_its_file_is_told(photo: MakePhoto) -> None:
    for size, found in (((100, 60), ["turned"]), ((60, 100), [])):
        assert rules(replace(photo(GOOD), size=size)) == found


def rules(sample: Sample) -> list[str]:
    return [finding.rule for finding in photo_findings("train", sample)]


BROKEN: dict[str, tuple[str, tuple[Region, ...]]] = {
    "three corners": ("few_corners", (GOOD, Region(QUAD[:3], "x"))),
    "no corner": ("few_corners", (GOOD, Region((), "x"))),
    "two corners swapped": ("crossed", (GOOD, Region((QUAD[0], QUAD[1], QUAD[3], QUAD[2]), "x"))),
    "an ignored one swapped": ("crossed", (GOOD, Region((QUAD[0], QUAD[1], QUAD[3], QUAD[2]), "###", True))),
    "a point": ("no_area", (GOOD, Region((QUAD[0],) * 4, "x"))),
    "a line": ("no_area", (GOOD, Region((QUAD[0], QUAD[1], QUAD[1], QUAD[0]), "x"))),
    "on the right": ("outside", (GOOD, Region(moved(100, 0), "x"))),
    "above": ("outside", (GOOD, Region(moved(0, -30), "x"))),
    "over the edge": ("over_edge", (GOOD, Region(moved(43, 0), "x"))),
    "backwards": ("anticlockwise", (GOOD, Region(QUAD[::-1], "x"))),
    "all ignored": ("no_regions", (Region(QUAD, "###", True),)),
    "none": ("no_regions", ()),
    "small": ("small_text", (GOOD, Region(((5, 5), (60, 5), (60, 12), (5, 12)), "x"))),
}


@pytest.mark.parametrize(("rule", "regions"), BROKEN.values(), ids=BROKEN)
def test_a_rule_is_broken_by_one_region(photo: MakePhoto, rule: str, regions: tuple[Region, ...]) -> None:
    assert rules(photo(*regions)) == [rule]


def test_what_breaks_no_rule(photo: MakePhoto) -> None:
    curved = Region((*QUAD[:2], (80.0, 20.0), *QUAD[2:]), "x")
    assert rules(photo(GOOD, curved, Region(moved(41, 0), "on the edge"), Region(moved(0, 5), ""))) == []
    assert rules(photo(GOOD, Region(((5, 5), (9, 5), (9, 9), (5, 9)), "###", True))) == []


def test_size_counts_as_the_network_sees_it(photo: MakePhoto) -> None:
    large = Region(((10, 10), (60, 10), (60, 24), (10, 24)), "x")
    assert rules(photo(large)) == []
    assert rules(photo(large, height=2400, width=1200)) == ["small_text"]


def test_an_image_that_is_missing_or_none(photo: MakePhoto) -> None:
    sample = photo(GOOD, Region(QUAD[::-1], "x"))
    assert rules(replace(sample, path=sample.path.with_name("no.png"))) == ["anticlockwise", "missing_file"]
    sample.path.write_bytes(b"text")
    assert rules(sample) == ["anticlockwise", "unreadable"]


def test_a_finding_names_the_region(photo: MakePhoto) -> None:
    (finding,) = photo_findings("train", photo(GOOD, Region(QUAD[::-1], "text")))
    assert finding.value == "region 2 ('text' at 10,30)"
    assert finding.severity == "warning"


def test_repair_turns_corners_and_nothing_else(photo: MakePhoto) -> None:
    wrong = photo(GOOD, Region(QUAD[::-1], "x"), Region((QUAD[0], QUAD[1], QUAD[3], QUAD[2]), "crossed"))
    mended = repaired(wrong)
    assert "anticlockwise" not in rules(mended)
    assert "crossed" in rules(mended)
    before, after = regions_of(wrong.text), regions_of(mended.text)
    assert [set(r.points) for r in before] == [set(r.points) for r in after]
    assert repaired(mended) is mended


@pytest.fixture
def splits(photo: MakePhoto) -> Splits:
    bad = photo(Region(QUAD[:3], "<b>"), GOOD, name="bad.png")
    return Splits((photo(GOOD, Region(QUAD, "###", True)), bad), (photo(GOOD, name="v.png"),), (), {})


def findings(splits: Splits) -> list[Finding]:
    return [f for name, samples in splits.items() for sample in samples for f in photo_findings(name, sample)]


def test_a_report_counts_regions_and_their_texts(splits: Splits) -> None:
    given = Splits(splits.train, splits.val, (), {"train": "one list", "val": "another"})
    report = report_of(given, findings(given), deep=False, contents=PHOTOS)
    assert report.lengths == {"train": {2: 2}, "val": {1: 1}}
    assert report.texts == {"train": 2, "val": 1}
    assert report.characters == {"g": 3, "o": 6, "d": 3, "<": 1, "b": 1, ">": 1}
    assert "most regions" in as_text(report)
    assert as_json(report)["rules"] == {"few_corners": 1}
    page = contact_sheet("photos", given, report, 0, photo_picture)
    assert "&lt;b&gt; · good" in page
    assert "transcription" not in page
    assert page.count("data:image/jpeg") == 4
    kept = drop_faulty(given, report, allow_bad=1)
    assert [sample.path.name for sample in kept.train] == ["a.png"]
    with pytest.raises(DataError, match=r"bad\.png"):
        drop_faulty(given, report, allow_bad=0)


def test_the_picture_shows_the_regions() -> None:
    image = np.full((200, 400, 3), 255, np.uint8)
    ignored = Region(tuple((x + 200, y + 100) for x, y in QUAD), "###", True)
    drawn = draw_regions(image, [GOOD, ignored, Region((), "x")], longest_px=400)
    for pixel, colour in ((drawn[10, 30], LABEL_BGR), (drawn[110, 230], IGNORED_BGR)):
        assert np.abs(pixel.astype(int) - colour).max() < 40  # lines are smoothed
    assert (image == 255).all()
    half = draw_regions(image, [GOOD], [np.array(QUAD) + 100], longest_px=200)
    assert half.shape == (100, 200, 3)
    assert (half != 255).any()


@pytest.mark.parametrize("name", ["vin", "receipts", "scene_words"])
def test_the_real_sets_have_no_errors(data_dir: Path, name: str) -> None:
    found = findings(given_splits(load(data_dir / name, tasks=("detection",))[1]))
    assert {f.rule for f in found if f.severity == "error"} == set()
    assert {f.rule for f in found} <= RULES.keys()

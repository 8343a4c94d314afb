"""A search of another task than reading: the same command, report, bundle and summary; nothing knows its name."""

import json
import sys
from pathlib import Path

import pytest

from search.preflight.space import find_stored, find_task, list_default_models, narrow_as_asked
from search.settings import StudySettings
from spaces.space import load_space, parse_space
from tests import real_lines, tiny_orientation
from tests.search.driver import Process
from tests.search.report.test_page import Page
from train.errors import UsageError

SPACE = """\
fixed: {task: orientation, engine: paddle, epochs: 1, batch_norm: live}
parameters:
  technique.name: {choice: [full, frozen]}
  optimiser.learning_rate: {float: [1.0e-4, 5.0e-3], log: true}
warm_starts:
  - settings: {technique.name: full, optimiser.learning_rate: 1.0e-3}
"""
COMMAND = """\
import os, sys, ray
from tests import tiny_orientation
from train.system.cli import run
tiny_orientation.register()
ray.init("local", log_to_driver=False, runtime_env={
    "worker_process_setup_hook": "tests.tiny_orientation.register", "env_vars": {"PYTHONPATH": os.getcwd()},
})
from search.run import main
sys.exit(run(main, sys.argv[1:]))
"""


def settings(**changes: object) -> StudySettings:
    return StudySettings.model_validate({"name": "some", "storage": "runs"} | changes)


def test_the_task_is_the_spaces_or_the_command_lines() -> None:
    assert find_task(settings(), parse_space(SPACE, "some", "s")) == "orientation"
    assert find_task(settings(task="orientation"), parse_space("fixed: {}", "some", "s")) == "orientation"
    assert find_task(settings(), parse_space("fixed: {}", "some", "s")) == "recognition"
    with pytest.raises(UsageError, match="orientation, and the space quick is for recognition"):
        find_task(settings(task="orientation"), load_space("quick"))
    varied = "parameters: {task: {choice: [recognition, orientation]}}"
    with pytest.raises(UsageError, match="a space must be for one task"):
        find_task(settings(), parse_space(varied, "some", "s"))


def test_a_space_without_a_model_searches_those_of_its_task() -> None:
    tiny_orientation.register()
    assert list_default_models("orientation") == ("ch-ppocr-mobile-v2",), "others take images of another size"
    assert list_default_models("recognition") == ("pp-ocrv6-tiny",)
    assert len(found := list_default_models("detection")) > 1
    space, asked = parse_space("fixed: {task: detection}", "some", "s"), settings(task="detection")
    assert narrow_as_asked(space, asked).choices("model") == found
    space = narrow_as_asked(parse_space(SPACE, "some", "s"), settings())
    assert find_stored(settings(task="orientation"), space).size(40, 100) == (48, 120)


@pytest.fixture(scope="module")
def ended(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The study's folder and what it printed."""
    folder = tmp_path_factory.mktemp("orientation")
    for split, count in (("train", 96), ("val", 32)):
        samples = real_lines.samples(data_dir, "receipts", split, count)
        text = "".join(f"{sample.path.resolve()}\t{sample.text}\n" for sample in samples)
        (folder / f"rec_gt_{split}.txt").write_text(text, encoding="utf-8")
    (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
    process = Process(
        sys.executable, "-c", COMMAND, "--task", "orientation", "--space", folder / "space.yaml",
        "--data", folder, "--model", tiny_orientation.NAME, "--trials", 2, "--max-epochs", 1, "--folds", 1, "--int8",
        "--storage", folder / "runs", "--name", "directions",
    )  # fmt: skip
    assert process.wait() == 0, process.output
    return folder / "runs" / "directions", process.output


@pytest.mark.slow
def test_the_summary_has_the_tasks_own_scores(ended: tuple[Path, str]) -> None:
    summary = json.loads((ended[0] / "summary.json").read_text("utf-8"))
    assert summary["task"] == "orientation"
    assert len(summary["trials"]) == 2
    [baseline] = summary["baselines"]
    assert baseline.keys() >= {"n", "accuracy", "confidence", "interval_95", "untrained"}
    assert summary["best"]["n"] == 32
    assert summary["best"]["accuracy"] >= max(trial["score"] for trial in summary["trials"])
    assert summary["test"]["best"]["n"] == summary["data"]["samples"]["test"]
    assert "exact_match" not in json.dumps(summary)
    others = summary["general"]["comparison"]["best"]
    assert others["n"] == 300, (
        "lines of other kinds are drawn: they show whether receipts are all that it knows"
    )


@pytest.mark.slow
def test_people_read_the_tasks_own_words(ended: tuple[Path, str]) -> None:
    folder, output = ended
    assert "baseline: tiny-orientation, random weights" in output
    assert "accuracy" in output
    assert "exact" not in output
    page = Page((folder / "report.html").read_text("utf-8"))
    words = " ".join(page.terms)
    assert page.open == []
    assert "accuracy on the validation lines" in words
    assert "exact match" not in words
    assert "lines whose direction is told right" in words


@pytest.mark.slow
def test_the_bundle_says_what_it_is_for(ended: tuple[Path, str]) -> None:
    manifest = json.loads((ended[0] / "best" / "manifest.json").read_text("utf-8"))
    assert (manifest["task"], manifest["geometry"]) == ("orientation", {"height_px": 80, "width_px": 160})
    assert "accuracy" in manifest["metrics"]
    assert manifest["parity"]["differing"] == 0
    asked = json.loads((ended[0] / "summary.json").read_text("utf-8"))["int8"]
    assert asked["added"] == (manifest["int8"] is not None)
    assert asked["said"] in ended[1]
    assert asked["measured"].items() <= (manifest["int8"] or asked["measured"]).items()

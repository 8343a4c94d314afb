"""The job of a retraining, run as a process: its steps, its progress, its end, and one real retraining on Ray."""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from serve.corrections import CorrectionStore
from serve.retrain import UNDER_WAY, Retrainings, Status
from serve.retrain_job import compare, reason, share_done
from serve.retrain_plan import ROOT, RetrainRequest
from serve.versions import Versions
from tests import real_lines
from train.bundle import load_bundle
from train.data import images

SCORES = {"n": 4, "exact_match": 0.5, "edit_similarity": 0.9, "cer": 0.1, "charset_rule": "as-labelled"}


def step(code: str, name: str = "training", output: str = "training.txt", end: float = 0.9) -> dict[str, Any]:
    return {"name": name, "command": [sys.executable, "-c", code], "output": output, "end": end}


def write_comparison(folder: Path, new: dict[str, Any], wrong: str, wrong_before: str) -> None:
    for name, scores, misread in (("new", new, wrong), ("serving", {}, wrong_before)):
        (folder / f"{name}.json").write_text(json.dumps(SCORES | scores), encoding="utf-8")
        rows = "".join(f"{image}.png\tA\tB\t0.5\n" for image in misread)
        (folder / f"{name}.tsv").write_text(f"image\tlabel\treading\tconfidence\n{rows}", encoding="utf-8")


def run(folder: Path, *steps: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    (folder / "job.json").write_text(json.dumps({"steps": steps, "seconds": None}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(ROOT / "serve" / "retrain_job.py"), str(folder)], cwd="/", check=False
    )
    return done.returncode, json.loads((folder / "state.json").read_bytes())


def test_steps_run_and_the_models_are_compared(tmp_path: Path) -> None:
    write_comparison(tmp_path, {"exact_match": 0.75}, "a", "bc")
    status, state = run(
        tmp_path,
        step("print('epoch   1/2  loss 3'); print('epoch   2/2')"),
        step("", "reading", "reading.txt"),
    )
    assert status == 0
    assert (state["state"], state["progress"]) == ("finished", 1.0)
    assert state["message"] == "better: reads 3 of 4 held-back lines right, the serving model 2"
    assert state["scores"]["fixed"] == 2
    assert (tmp_path / "training.txt").read_text().count("epoch") == 2


def test_a_failing_step_ends_it_with_its_error(tmp_path: Path) -> None:
    code = "import sys; print('epoch 1/2'); sys.exit('error: a technique must be known, got x; choose from: full')"
    status, state = run(tmp_path, step(code), step("open('never', 'w')"))
    assert status == 1
    assert state["state"] == "failed"
    assert state["message"] == "training: a technique must be known, got x; choose from: full"


def test_a_silent_failure_has_its_exit_status(tmp_path: Path) -> None:
    status, state = run(tmp_path, step("import sys; sys.exit(3)"))
    assert (status, state["message"]) == (3, "training: exit status 3")


def test_the_reason_is_the_error_before_what_follows_it(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("error: bad\nbye\n", encoding="utf-8")
    (tmp_path / "errors.txt").write_text("some warning\n", encoding="utf-8")
    assert reason(tmp_path, "out", 1) == "bad"


@pytest.mark.parametrize(
    ("new", "better"),
    [
        ({}, False),
        ({"exact_match": 0.75, "edit_similarity": 0.1}, True),
        ({"edit_similarity": 0.95}, True),
        ({"exact_match": 0.25, "edit_similarity": 1.0}, False),
    ],
)
def test_better_is_by_exact_match_then_by_similarity(
    tmp_path: Path, new: dict[str, Any], better: bool
) -> None:
    write_comparison(tmp_path, new, "ab", "bc")
    scores = compare(tmp_path)
    assert scores["better"] == better
    assert (scores["fixed"], scores["broken"]) == (1, 1)


@pytest.mark.parametrize(
    ("line", "elapsed", "seconds", "share"),
    [
        ("epoch   3/12  loss", 5.0, None, 0.25),
        ("t1 lr 1e-3 epoch   3/12 best", 30.0, 120.0, 0.25),
        ("t1 epoch 3/12", 300.0, 120.0, 1.0),
        ("data: train 12 lines", 5.0, None, None),
    ],
)
def test_progress(line: str, elapsed: float, seconds: float | None, share: float | None) -> None:
    assert share_done(line, elapsed, seconds) == share


@pytest.fixture
def cluster() -> Iterator[None]:
    """Start a cluster with a job server, and folders and ports of its own."""
    folder = tempfile.mkdtemp(prefix="loop-", dir="/tmp")
    ray.init("local", num_cpus=2, include_dashboard=True, log_to_driver=False, _temp_dir=folder)
    yield
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def wait(retrainings: Retrainings, key: str, limit_s: float) -> tuple[Status, list[float]]:
    progress = []
    until = time.monotonic() + limit_s
    while (status := retrainings.status(key)).state in UNDER_WAY:
        progress.append(status.progress)
        assert time.monotonic() < until, status
        time.sleep(0.3)
    return status, progress


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_a_real_retraining_on_ray(data_dir: Path, tmp_path: Path) -> None:
    store, versions = CorrectionStore(tmp_path / "corrections"), Versions(tmp_path)
    for sample in real_lines.samples(data_dir, count=16):
        store.add(images.read(sample.path), sample.text)
    versions.begin("recognition", None)
    retrainings = Retrainings(tmp_path / "retrain", store, versions)
    key = retrainings.start(RetrainRequest(epochs=2, batch_size=4, model="pp-ocrv6-tiny"))
    status, progress = wait(retrainings, key, 300)
    assert status.state == "finished", status
    assert progress == sorted(progress)
    assert status.scores is not None
    assert status.scores["held_back"] == status.lines["test"] == 3
    assert 0 <= status.scores["new"]["exact_match"] <= 1
    job = json.loads((tmp_path / "retrain" / key / "job.json").read_bytes())
    assert load_bundle(Path(job["bundle"])).manifest.model == "pp-ocrv6-tiny"
    failing = retrainings.start(RetrainRequest(technique="unheard-of"))
    status, _ = wait(retrainings, failing, 120)
    assert status.state == "failed"
    assert "choose from: " in status.message

"""Where a search's progress goes: refused without its package, and seen where Prometheus would look."""

import importlib.util
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import ray
from ray import tune

from search.experiment.tracking import LiveMetrics, check_tracking, make_trackers
from search.settings import StudySettings
from train.errors import UsageError
from train.system import cli

ASKED = {"mlflow": "sqlite:///{}/mlflow.db", "wandb": "project"}


def settings(folder: Path, package: str | None = None) -> StudySettings:
    asked = {package: ASKED[package].format(folder)} if package else {}
    return StudySettings.model_validate({"name": "vin", "storage": str(folder)} | asked)


@pytest.mark.parametrize("package", ASKED)
def test_a_missing_package_is_refused_before_any_work(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from search.run import main

    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    monkeypatch.setattr("search.study.read_sets", lambda source: pytest.fail("the data were read"))
    status = cli.run(main, [f"--{package}", "x", "--storage", str(tmp_path / "runs"), "--name", "new"])
    assert status == 2
    assert "pip install -e '.[tracking]'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("package", ASKED)
def test_an_installed_package_gets_its_callback(package: str, tmp_path: Path) -> None:
    """Where it is not installed, that is refused: the one or the other, never nothing."""
    asked = settings(tmp_path, package)
    if importlib.util.find_spec(package) is None:
        with pytest.raises(UsageError, match="not installed"):
            check_tracking(asked)
        return
    check_tracking(asked)
    assert [type(one).__module__ for one in make_trackers(asked, 1)][1:] == [
        f"ray.air.integrations.{package}"
    ]


def test_without_a_word_only_the_cluster_is_told(tmp_path: Path) -> None:
    check_tracking(settings(tmp_path))
    assert [type(one) for one in make_trackers(settings(tmp_path), 1)] == [LiveMetrics]


def reporting(config: dict[str, Any]) -> None:
    for epoch in (1, 2):
        tune.report({"epoch": epoch, "score": 0.5 / epoch, "best_score": 0.5, "loss": 3.0 / epoch})
    tune.report({"diverged": True, "epoch": 0, "score": -2.0, "best_score": -2.0})


@pytest.mark.slow
def test_prometheus_finds_the_studys_metrics_on_the_node(tmp_path: Path, local_cluster: None) -> None:
    tuner = tune.Tuner(
        reporting,
        run_config=tune.RunConfig(
            name="vin",
            storage_path=str(tmp_path),
            verbose=0,
            callbacks=make_trackers(settings(tmp_path), 100),
        ),
    )
    (result,) = tuner.fit()
    last = {"best_score": 0.5, "score": 0.25, "loss": 1.5, "epochs": 2, "images": 200}
    assert exported(result.metrics["trial_id"], last) == last


def exported(trial: str, last: dict[str, float], timeout_s: float = 240) -> dict[str, float]:
    """Return what the node's metrics agent says of a trial, once that is the last of it: it is told now and then."""
    (node,) = ray.nodes()
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    until, text, found = time.monotonic() + timeout_s, "", {}
    while time.monotonic() < until and found != last:
        time.sleep(1)
        with suppress(httpx.TransportError):  # it is still starting
            text = httpx.get(url, timeout=30).text
        lines = re.findall(
            rf'^ray_ocrtune_(\w+?)(?:_total)?\{{[^}}]*trial="{trial}"[^}}]*\}} (\S+)', text, re.M
        )
        found = {name: float(value) for name, value in lines}
    assert 'study="vin"' in text, text[-2000:]
    return found


def test_a_study_of_any_name_has_tags_that_ray_takes() -> None:
    assert LiveMetrics("\u8eca\u724c", 1)._study == "\\u8eca\\u724c"
    assert LiveMetrics("vin v2", 1)._study == "vin v2"


def test_a_trial_that_diverged_changes_nothing() -> None:
    callback = LiveMetrics("vin", 10)  # without gauges: touching one would be an error
    callback.on_trial_result(1, [], SimpleNamespace(trial_id="a"), {"diverged": True})

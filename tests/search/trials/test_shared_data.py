"""Images are decoded once a study: its trials, each in a process of its own, read them from Ray's object store."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune

from search.preflight.data import decode_sets, source_of
from search.settings import StudySettings
from search.trials.heartbeat import read_positions
from search.trials.start import TrialSetup
from search.trials.trial import run_trial
from tests import tiny_recogniser
from tests.search.driver import write_labels
from train.config import TrialConfig
from train.data.decoded.stored import LINES
from train.sets.read import read_sets


@pytest.mark.slow
def test_a_second_trial_decodes_nothing(data_dir: Path, tmp_path: Path, local_cluster: None) -> None:
    """Two trials train one after the other in a process each, after the images are gone."""
    labels = write_labels(data_dir, tmp_path / "labels", 12, 6)
    local = copy_images(labels)
    given = {split: str(labels / f"rec_gt_{split}.txt") for split in ("train", "val")}
    settings = StudySettings(name="tiny", labels=given, storage=str(tmp_path), test_fraction=0)
    data = decode_sets(settings, read_sets(source_of(settings)), LINES)
    shutil.rmtree(local)
    tiny = {"model": tiny_recogniser.NAME, "engine": "torch", "epochs": 1, "batch_size": 8}
    config = TrialConfig.model_validate(tiny).model_dump(mode="json")
    config["optimiser"]["learning_rate"] = tune.grid_search([1e-4, 1e-3])
    setup = TrialSetup(ray.put(data.training), None)
    tuner = tune.Tuner(
        tune.with_parameters(run_tiny_trial, setup=setup),
        param_space=config,
        tune_config=tune.TuneConfig(max_concurrent_trials=1),
        run_config=tune.RunConfig(name="tiny", storage_path=str(tmp_path), verbose=0),
    )
    results = tuner.fit()
    assert not ray.get(writeable.remote([setup.data]))
    places = read_positions(str(result.metrics["trial_id"]) for result in results).values()
    assert [result.error for result in results] == [None, None]
    assert [result.metrics["epoch"] for result in results] == [1, 1]
    assert [(place.epoch, place.epochs, place.batches) for place in places] == [(1, 1, 2)] * 2


def run_tiny_trial(params: dict[str, Any], setup: TrialSetup) -> None:
    """Train as every trial does, in a process that knows the tiny network."""
    tiny_recogniser.register()
    run_trial(params, setup)


@ray.remote
def writeable(shared: list[ray.ObjectRef]) -> bool:
    """Return whether a process has pixels of its own, and not the object store's."""
    return bool(ray.get(shared[0]).train.pixels.flags.writeable)


def copy_images(labels: Path) -> Path:
    """Copy the images that the label lists name, let the lists name the copies, and return their folder."""
    folder = labels / "images"
    folder.mkdir()
    for path in labels.glob("*.txt"):
        lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        text = "".join(f"{shutil.copy(source, folder)}\t{label}\n" for source, label in lines)
        path.write_text(text, encoding="utf-8")
    return folder

"""CRNN: trained from scratch and saying so, torch alone, onwards from a bundle or a checkpoint."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.planning.as_read import find_common_width
from search.preflight.probing.probe import probe_model
from search.selection.soup import make_soup
from serve.inference.model import load_model
from serve.inference.recogniser import LineReader
from tests.real_lines import config, few_lines, lines, padded, run
from train import evaluate as evaluate_command
from train.bundle import PADDLEOCR, SETTINGS, Bundle, load_bundle
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.charset import Charset, domain_charset
from train.engines.choice import choose, resolve
from train.errors import ModelError, UsageError
from train.export import export_checkpoint
from train.loop import TrainingData, assemble
from train.models import MODELS
from train.steps.validation import evaluate


def crnn(**changes: Any) -> TrialConfig:
    return config(**{"model": "crnn", "engine": "torch", "batch_norm": "live", "epochs": 1} | changes)


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return few_lines(data_dir)


@pytest.fixture(scope="module")
def trained(data: TrainingData) -> Checkpoint:
    return run(crnn(), data)[-1][1]


@pytest.fixture(scope="module")
def bundle(trained: Checkpoint, data: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("crnn") / "bundle"
    assert export_checkpoint(trained, data.val, folder).passed
    return load_bundle(folder)


def test_without_weights_the_datas_characters_are_all_there_is(data: TrainingData) -> None:
    engines = [assemble(crnn(charset=charset), data.train)[0] for charset in ("keep", "domain")]
    assert MODELS.get("crnn").charset(None) == Charset(())
    assert {engine.charset for engine in engines} == {domain_charset(data.train.texts)}
    first, second = (engine.weights() for engine in engines)
    assert all(np.array_equal(first[name], second[name]) for name in first), "random, but seeded"


def test_another_seed_starts_from_other_weights(data: TrainingData) -> None:
    one, other = (assemble(crnn(seed=seed), data.train)[0].weights() for seed in (0, 1))
    assert (one["neck.weight_hh_l1"] != other["neck.weight_hh_l1"]).any()
    assert (one["head.weight"] != other["head.weight"]).any()


def test_the_engine_is_torch() -> None:
    assert choose(["crnn"], threads=1).engine == "torch"
    assert resolve("auto", ["crnn"]) == "torch"
    with pytest.raises(UsageError, match=r"the engine paddle must hold every model, got crnn; .* torch"):
        resolve("paddle", ["crnn"])
    with pytest.raises(ModelError, match="set `engine: torch`"):
        MODELS.get("crnn").network("paddle", None)


@pytest.mark.slow
def test_a_few_lines_are_learnt(data_dir: Path) -> None:
    few = lines(data_dir, count=4)
    rate = {"optimiser": {"learning_rate": 1e-3}, "augmentation": {"probability": 0.0}}
    epochs = run(crnn(epochs=8, **rate), TrainingData(few, few))
    first, last = epochs[0][0], epochs[-1][0]
    assert last["loss"] < 0.7 * first["loss"]
    assert last["val_loss"] < 0.95 * first["val_loss"], "the statistics of the norms come after"


@pytest.mark.slow
def test_a_bundle_says_that_training_began_from_scratch_and_what_is_absent(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert (manifest.model, manifest.published_name, manifest.from_scratch) == ("crnn", None, True)
    assert manifest.absent.keys() == {*PADDLEOCR, SETTINGS}
    assert not manifest.absent.keys() & manifest.files.keys()


@pytest.mark.slow
def test_serving_reads_a_bundle_as_training_does(
    bundle: Bundle, trained: Checkpoint, data: TrainingData
) -> None:
    reader = LineReader(load_model("recognition", str(bundle.directory)), threads=1)
    lines = [data.val.image(i) for i in range(len(data.val))]
    read = [(reading.text, reading.confidence) for reading in reader.read(lines, [0] * len(lines))]
    _, expected = evaluate(*assemble(trained.config, data.train, trained), data.val)
    assert [text for text, _ in read] == [text for text, _ in expected]
    assert [c for _, c in read] == pytest.approx([c for _, c in expected], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["bundle", "checkpoint"])
def test_training_goes_on_from_what_was_trained(
    source: str, bundle: Bundle, trained: Checkpoint, data: TrainingData, tmp_path: Path
) -> None:
    trained.save(tmp_path / "checkpoint")
    weights = {"bundle": bundle.directory, "checkpoint": tmp_path / "checkpoint"}[source]
    assert MODELS.get("crnn").pretrained(weights)
    onwards, _ = assemble(crnn(weights=str(weights), charset="keep"), data.train)
    assert onwards.charset == trained.charset
    before, _ = assemble(trained.config, data.train, trained)
    batch = padded(data.val)
    # Not equal: the norms are calibrated anew, on the same function but for rounding.
    assert np.abs(onwards.predict(batch) - before.predict(batch)).max() < 1e-4


@pytest.mark.slow
def test_adapters_train_on_a_bundle_and_are_no_weights_to_start_from(
    bundle: Bundle, data: TrainingData, tmp_path: Path
) -> None:
    settings = crnn(weights=str(bundle.directory), batch_norm="frozen", technique={"name": "lora"})
    [(_, adapted)] = run(settings, data)
    assert {name.rpartition(".")[2] for name in adapted.state["weights"]} == {"lora_a", "lora_b"}
    assert any("weight_ih_l0" in name for name in adapted.state["weights"])
    adapted.save(tmp_path / "adapters")
    with pytest.raises(ModelError, match="name the bundle"):
        assemble(crnn(weights=str(tmp_path / "adapters")), data.train)


@pytest.mark.slow
def test_weights_of_another_model_are_refused(data: TrainingData, tmp_path: Path) -> None:
    run(config(epochs=1, engine="torch"), data)[-1][1].save(tmp_path / "tiny")
    with pytest.raises(ModelError, match="choose pp-ocrv6-tiny"):
        assemble(crnn(weights=str(tmp_path / "tiny")), data.train)


def test_random_weights_are_no_baseline_to_be_proud_of(data: TrainingData) -> None:
    probe = probe_model("crnn", crnn(), [0, 320], data)
    assert [str(baseline) for baseline in probe.baselines] == ["crnn, random weights"]
    assert probe.best.untrained
    assert probe.best.scores.exact_match == 0
    assert probe.cost.full > 0
    assert find_common_width([probe]) is None


def test_random_weights_are_no_ingredient_of_a_soup(trained: Checkpoint, data: TrainingData) -> None:
    assert make_soup([("one", lambda: trained)], data, None).trials == ("one",)


def test_there_is_nothing_to_evaluate_without_weights(data_dir: Path) -> None:
    labels = str(data_dir / "vin" / "rec_gt_val.txt")
    with pytest.raises(UsageError, match="published weights"):
        evaluate_command.main(["--model", "crnn", "--engine", "torch", "--labels", labels])


def test_characters_are_announced_as_untrained(data: TrainingData, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assemble(crnn(), data.train)
    assert "new to the model and start untrained" in caplog.text

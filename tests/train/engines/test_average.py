"""The moving average of what learns: its values, what reads with it, and that training does not notice."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.real_lines import RECOGNISERS, config, run
from train.bundle import load_bundle
from train.checkpoint import load_checkpoint
from train.engine import Batch
from train.engines.average import STEPS
from train.errors import CheckpointError, UsageError
from train.export import export_checkpoint
from train.loop import TrainingData, assemble
from train.techniques import build_technique

Weights = dict[str, npt.NDArray[np.float32]]
DECAY = 0.5
RATE = 1e-3


def engine_for(name: str, data: TrainingData, technique: str = "full", **changes: Any) -> Any:
    settings = config(
        **{"engine": name, "technique": {"name": technique}, "optimiser": {"ema": DECAY}} | changes
    )
    engine: Any = assemble(settings, data.train)[0]
    engine.apply_plan(build_technique(settings.technique).plan(0.0))
    return engine  # fmt: skip


def largest_difference(some: Weights, others: Weights) -> float:
    assert some.keys() == others.keys()
    return max(float(np.abs(some[n] - others[n]).max()) for n in some)


def average_of(engine: Any) -> Weights:
    return {n: array for n, array in engine.state()["average"].items() if n != STEPS}


@pytest.mark.parametrize(
    ("technique", "batch_norm"), [("full", "live"), ("frozen", "frozen"), ("lora", "frozen")]
)
def test_it_is_the_average_of_what_every_step_left(
    name: str, technique: str, batch_norm: str, data: TrainingData, batch: Batch
) -> None:
    engine = engine_for(name, data, technique, batch_norm=batch_norm)
    raw = engine.state()["weights"]
    tracked = (
        raw.keys() if batch_norm == "live" else {n for n in raw if not n.endswith(("_mean", "_variance"))}
    )
    expected = {n: raw[n].astype(np.float64) for n in tracked}
    for step in range(10):
        engine.train_step(batch, RATE, update=True)
        now, decay = engine.state()["weights"], min(DECAY, (1 + step) / (10 + step))
        expected = {n: decay * value + (1 - decay) * now[n] for n, value in expected.items()}
    found = average_of(engine)
    assert engine.state()["average"][STEPS] == 10
    assert largest_difference(found, expected) < 1e-6 * 10
    apart = {n: float(np.abs(found[n] - now[n]).max()) for n in found}
    assert max(apart.values()) > 1e-4
    frozen = [n for n in found if (raw[n] == now[n]).all()]
    assert bool(frozen) == (technique == "frozen")
    assert all(apart[n] == 0 for n in frozen)  # fmt: skip


@pytest.mark.parametrize("technique", ["full", "lora"])
def test_reading_uses_the_average_and_leaves_the_raw_weights_as_they_were(
    name: str, technique: str, data: TrainingData, batch: Batch
) -> None:
    engine = engine_for(name, data, technique)
    for _ in range(3):
        engine.train_step(batch, RATE, update=True)
    before, merged = engine.state(), engine._network.arrays()
    read, weights = engine.predict(batch.images), engine.weights()
    after = engine.state()
    for part in ("weights", "optimiser", "average"):
        assert largest_difference(before[part], after[part]) == 0
    assert largest_difference(merged, engine._network.arrays()) == 0
    assert largest_difference(merged, weights) > 1e-4
    plain = engine_for(name, data, technique, optimiser={})
    plain.load({"weights": weights})
    np.testing.assert_allclose(plain.predict(batch.images), read, atol=1e-5)
    plain.load({"weights": before["weights"]})
    assert np.abs(plain.predict(batch.images) - read).max() > 1e-3


def test_it_moves_at_updates_alone(name: str, data: TrainingData, batch: Batch) -> None:
    engine = engine_for(name, data, optimiser={"ema": DECAY, "accumulate": 2})
    start = average_of(engine)
    engine.train_step(batch, RATE, update=False)
    assert largest_difference(start, average_of(engine)) == 0
    engine.train_step(batch, RATE, update=True)
    assert largest_difference(start, average_of(engine)) > 0


@pytest.mark.parametrize("other", RECOGNISERS)
def test_a_state_brings_it_to_any_framework(name: str, other: str, data: TrainingData, batch: Batch) -> None:
    first, second = engine_for(name, data), engine_for(other, data)
    for _ in range(2):
        first.train_step(batch, RATE, update=True)
    state = first.state()
    second.load(state)
    assert largest_difference(state["average"], second.state()["average"]) == 0
    assert largest_difference(state["weights"], second.state()["weights"]) == 0
    np.testing.assert_allclose(first.predict(batch.images), second.predict(batch.images), atol=1e-3)


def test_weights_alone_start_it_anew(name: str, data: TrainingData, batch: Batch) -> None:
    engine = engine_for(name, data)
    weights = engine.weights()
    engine.train_step(batch, RATE, update=True)
    engine.load({"weights": weights})
    assert engine.state()["average"][STEPS] == 0
    assert largest_difference(engine.weights(), weights) == 0


def test_another_networks_average_is_refused(name: str, data: TrainingData) -> None:
    engine = engine_for(name, data)
    state = engine.state()
    state["average"].pop("head.fc2.bias")
    with pytest.raises(CheckpointError, match="moving average"):
        engine.load(state)


def test_without_a_decay_there_is_none(name: str, data: TrainingData) -> None:
    assert engine_for(name, data, optimiser={}).state()["average"] == {}


@pytest.mark.parametrize("wrong", [1.0, -0.1])
def test_a_decay_outside_its_range_is_refused(wrong: float) -> None:
    with pytest.raises(UsageError, match=r"optimiser\.ema"):
        config(optimiser={"ema": wrong})


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["full", "lora"])
def test_a_run_resumes_bit_for_bit_and_stores_the_average(
    name: str, technique: str, data: TrainingData, tmp_path: Path
) -> None:
    norm = "live" if technique == "full" else "frozen"
    optimiser = {"learning_rate": RATE, "ema": 0.9, "layer_decay": 0.8}
    settings = config(engine=name, technique={"name": technique}, optimiser=optimiser, batch_norm=norm)
    (_, _), (metrics, whole) = run(settings, data)
    [(_, half)] = run(settings, data, stop_after=1)
    half.save(tmp_path / "half")
    [(again, resumed)] = run(settings, data, load_checkpoint(tmp_path / "half"))
    assert (again["loss"], again["cer"]) == (metrics["loss"], metrics["cer"])
    for part in ("weights", "optimiser", "average"):
        assert largest_difference(whole.state[part], resumed.state[part]) == 0
    stored = resumed.weights
    assert stored.keys() == resumed.state["weights"].keys()
    assert any((stored[n] != array).any() for n, array in resumed.state["weights"].items())


@pytest.mark.slow
def test_the_bundle_holds_the_average(name: str, data: TrainingData, tmp_path: Path) -> None:
    """The parity gate compares the graph with `predict`, and the stored weights are those of both."""
    optimiser = {"learning_rate": RATE, "ema": 0.9}
    settings = config(engine=name, technique={"name": "lora"}, optimiser=optimiser, epochs=1)
    [(_, checkpoint)] = run(settings, data)
    assert export_checkpoint(checkpoint, data.val, tmp_path / "bundle").passed
    engine: Any = assemble(settings, data.train, checkpoint)[0]
    assert largest_difference(load_bundle(tmp_path / "bundle").weights(), engine.weights()) == 0
    assert largest_difference(engine.weights(), engine._network.arrays()) > 1e-5

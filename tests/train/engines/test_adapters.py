"""LoRA: what learns, what is stored, and that merging leaves no trace, in every engine."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.real_lines import RECOGNISERS, config, run
from train.bundle import load_bundle
from train.engine import Batch
from train.engines.adapters import A, B, adapted
from train.export import export_checkpoint
from train.loop import TrainingData, assemble
from train.techniques import build_technique

RANK, ALPHA = 4, 8.0
SETTINGS: dict[str, Any] = {"technique": {"name": "lora", "options": {"rank": RANK, "alpha": ALPHA}}}


@pytest.fixture(params=RECOGNISERS)
def engine(request: pytest.FixtureRequest, data: TrainingData) -> Any:
    settings = config(engine=request.param, **SETTINGS)
    made: Any = assemble(settings, data.train)[0]
    made.apply_plan(build_technique(settings.technique).plan(0.0))
    return made


def test_untrained_adapters_change_nothing(engine: Any, data: TrainingData, batch: Batch) -> None:
    plain = assemble(config(engine=engine.framework), data.train)[0]
    np.testing.assert_allclose(engine.predict(batch.images), plain.predict(batch.images), atol=1e-3)


def test_every_weight_is_what_its_adapter_makes_of_it(engine: Any, batch: Batch) -> None:
    before = engine.weights()
    for _ in range(3):
        engine.train_step(batch, 1e-3, update=True)
    after, arrays = engine.weights(), engine.state()["weights"]
    names = {adapted(name) for name in arrays}
    assert names == {name for name, array in before.items() if array.ndim > 1}
    for name in names:
        change = arrays[name + A] @ arrays[name + B] * (ALPHA / RANK)
        expected = before[name] + change.reshape(before[name].shape)
        np.testing.assert_allclose(after[name], expected, atol=1e-5, err_msg=name)
        assert np.abs(change).max() > 0
        assert np.linalg.matrix_rank(change) <= RANK
    assert all(np.array_equal(before[name], after[name]) for name in before.keys() - names)


def test_the_first_gradient_is_that_of_the_weight_through_its_factors(
    engine: Any, data: TrainingData, batch: Batch
) -> None:
    """A step of plain descent on B from zero moves the weight along A A^T times its own gradient."""
    descent = {"optimiser": {"name": "sgd", "weight_decay": 0.0, "clip_norm": 1e9}}
    plain: Any = assemble(config(engine=engine.framework, **descent), data.train)[0]
    low: Any = assemble(config(engine=engine.framework, **descent, **SETTINGS), data.train)[0]
    low.load({"weights": plain.weights()})
    name, rate = "head.fc1.weight", 1e-3
    start, a = plain.weights()[name], low.state()["weights"][name + A]
    for one in (plain, low):
        one.apply_plan(build_technique(config(**SETTINGS).technique).plan(0.0))
        one.train_step(batch, rate, update=True)
    full, projected = (one.weights()[name] - start for one in (plain, low))
    expected = (ALPHA / RANK) ** 2 * a @ a.T @ full
    np.testing.assert_allclose(projected, expected, atol=2e-2 * np.abs(expected).max())


def test_only_the_adapters_are_stored_and_have_optimiser_state(engine: Any, batch: Batch) -> None:
    engine.train_step(batch, 1e-3, update=True)
    state = engine.state()
    assert {name.removeprefix(adapted(name)) for name in state["weights"]} == {A, B}
    assert {key.split("|")[0] for key in state["optimiser"]} == state["weights"].keys()
    stored = sum(array.size for array in state["weights"].values())
    assert stored < 0.4 * sum(array.size for array in engine.weights().values())


def test_groups_without_adapters_stay(engine: Any, data: TrainingData, batch: Batch) -> None:
    technique = {"name": "lora", "options": {"groups": 2}}
    settings = config(engine=engine.framework, technique=technique)
    made: Any = assemble(settings, data.train)[0]
    made.apply_plan(build_technique(settings.technique).plan(0.0))
    before = made.weights()
    made.train_step(batch, 1e-3, update=True)
    after = made.weights()
    moved = {made._groups[name] for name in before if not np.array_equal(before[name], after[name])}
    assert moved == {"neck", "head"}


@pytest.mark.slow
def test_a_trained_checkpoint_reads_alike_in_every_framework_and_exports_merged(
    engine: Any, data: TrainingData, tmp_path: Path
) -> None:
    [(_, checkpoint)] = run(config(engine=engine.framework, epochs=1, **SETTINGS), data)
    assert export_checkpoint(checkpoint, data.val, tmp_path / "bundle").passed
    assert load_bundle(tmp_path / "bundle").manifest.config["technique"]["name"] == "lora"
    weights = []
    for name in RECOGNISERS:
        other: Any = assemble(checkpoint.with_engine(name).config, data.train, checkpoint)[0]
        weights.append(other.weights())
    assert max(np.abs(weights[0][n] - weights[1][n]).max() for n in weights[0]) < 1e-5

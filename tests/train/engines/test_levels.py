"""Layer-wise learning-rate decay: which level a parameter has, and how fast it learns there."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.real_lines import RECOGNISERS, config
from train.engine import GROUPS, Batch
from train.engines.adapters import B, adapted
from train.engines.levels import block_of, levels
from train.errors import UsageError
from train.loop import TrainingData, assemble
from train.techniques import uniform

Array = npt.NDArray[np.float32]
DECAY = 0.7


def engine_for(name: str, data: TrainingData, **changes: Any) -> Any:
    engine: Any = assemble(config(engine=name, **changes), data.train)[0]
    engine.apply_plan(uniform(1.0))
    return engine


def learned(engine: Any, batch: Batch, rate: float) -> dict[str, Array]:
    """Return what one step adds to everything that learns."""
    before = engine.state()["weights"]
    engine.train_step(batch, rate, update=True)
    after = engine.state()["weights"]
    return {n: after[n] - before[n] for n in before}


@pytest.mark.parametrize(
    ("name_of_parameter", "expected"),
    [
        ("model.backbone.encoder.blocks.2.blocks.1.token_conv.weight", "model.backbone.encoder.blocks.2.blocks.1"),
        ("a.blocks.2.blocks.1.squeeze.convolutions.0.weight", "a.blocks.2.blocks.1"),
        ("head.encoder.svtr_block.1.mlp.fc1.bias", "head.encoder.svtr_block.1"),
        ("head.fc2.weight", ""),
    ],
)  # fmt: skip
def test_a_block_is_named_by_two_numbers_at_most(name_of_parameter: str, expected: str) -> None:
    assert block_of(name_of_parameter) == expected


def test_levels_of_the_published_network_are_its_blocks(data: TrainingData, name: str) -> None:
    """PP-OCRv6 tiny: a stem, 1 + 1 + 3 + 4 blocks, a neck, a head."""
    engine = engine_for(name, data)
    found = levels(engine._network, engine._groups)
    assert found.keys() == engine._parameters.keys()
    assert {found[n] for n in found if engine._groups[n] == "head"} == {0}
    assert {found[n] for n in found if engine._groups[n] == "neck"} == {1}
    assert {found[n] for n in found if engine._groups[n] == "stem"} == {11}
    assert {block_of(n): level for n, level in found.items() if 1 < level < 11} == {
        f"model.backbone.encoder.blocks.{stage}.blocks.{number}": level
        for level, (stage, number) in zip(
            range(10, 1, -1), [(0, 0), (1, 0), *((2, i) for i in range(3)), *((3, i) for i in range(4))], strict=True
        )
    }  # fmt: skip


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_every_level_learns_at_its_share_of_the_rate(
    name: str, optimiser: str, data: TrainingData, batch: Batch
) -> None:
    settings = {"name": optimiser, "weight_decay": 0.0}
    whole, decayed = (
        engine_for(name, data, optimiser=settings | {"layer_decay": decay}) for decay in (1.0, DECAY)
    )
    expected = levels(whole._network, whole._groups)
    steps, slower = (learned(engine, batch, 0.01) for engine in (whole, decayed))
    for level in set(expected.values()):
        names = [n for n, own in expected.items() if own == level]
        norms = [np.sqrt(sum(float(np.square(x[n]).sum()) for n in names)) for x in (steps, slower)]
        assert norms[1] / norms[0] == pytest.approx(DECAY**level, rel=0.02), level


def test_levels_multiply_the_plan_and_none_stands_still(name: str, data: TrainingData, batch: Batch) -> None:
    engine = engine_for(name, data, optimiser={"layer_decay": 0.5})
    plan = uniform(0.0) | {"backbone.late": 0.5, "neck": 1.0, "head": 1.0}
    engine.apply_plan(plan)
    moved = {n for n, change in learned(engine, batch, 1.0).items() if np.abs(change).max() > 0}
    statistics = ("._mean", "._variance")
    learning = {n for n, group in engine._groups.items() if plan[group] and not n.endswith(statistics)}
    assert moved == learning
    assert engine._multiplier("head.fc2.weight", plan) == 1.0
    last = "model.backbone.encoder.blocks.3.blocks.3.channel_conv2.convolution.weight"
    assert engine._multiplier(last, plan) == pytest.approx(0.5 * 0.5**2)


def test_adapters_have_the_level_of_their_weight(name: str, data: TrainingData, batch: Batch) -> None:
    """B alone moves in the first step, as it is zero."""
    technique = {"name": "lora"}
    settings = {"name": "sgd", "weight_decay": 0.0, "clip_norm": 1e6}
    whole, decayed = (
        engine_for(name, data, technique=technique, optimiser=settings | {"layer_decay": decay})
        for decay in (1.0, DECAY)
    )
    expected = levels(whole._network, whole._groups)
    steps, slower = (learned(engine, batch, 0.01) for engine in (whole, decayed))
    for n in (
        n
        for n in steps
        if n.endswith(B) and adapted(n).startswith(("head.fc", "model.backbone.encoder.conv"))
    ):
        ratio = np.linalg.norm(slower[n]) / np.linalg.norm(steps[n])
        assert ratio == pytest.approx(DECAY ** expected[adapted(n)], rel=0.02), n  # fmt: skip


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.01])
def test_a_decay_outside_its_range_is_refused(wrong: float) -> None:
    with pytest.raises(UsageError, match=r"optimiser\.layer_decay"):
        config(optimiser={"layer_decay": wrong})


def test_without_a_decay_every_place_has_the_whole_rate(data: TrainingData) -> None:
    engine = engine_for(RECOGNISERS[0], data)
    assert {place.share for place in engine._places.values()} == {1.0}
    assert {place.group for place in engine._places.values()} == set(GROUPS)

"""What every registered technique must do: train exactly the groups of its plan, and go on where it stopped."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.real_lines import config, few_lines, run
from train.checkpoint import Checkpoint, load_checkpoint
from train.config import TechniqueConfig, TrialConfig
from train.engine import GROUPS, Batch
from train.engines import ENGINES
from train.engines.adapters import adapted
from train.engines.choice import holds
from train.errors import UsageError
from train.export import export_checkpoint
from train.loop import TrainingData, assemble
from train.models import MODELS
from train.steps.teacher import read_by_teacher
from train.techniques import TECHNIQUES, build_technique, uniform

Weights = dict[str, npt.NDArray[np.float32]]
PROGRESS = (0.0, 0.2, 0.4, 0.95)
STATISTICS = ("._mean", "._variance")
# What a technique cannot do without.
OPTIONS: dict[str, dict[str, Any]] = {"distill": {"teacher": "pp-ocrv6-small"}}
USUAL = config().model
FROM_SCRATCH = [
    name
    for name in MODELS.names()
    if MODELS.get(name).task == config().task and not MODELS.get(name).pretrained(None)
]
NETWORKS = [
    {"engine": engine, "model": model}
    for model in (USUAL, *FROM_SCRATCH)
    for engine in ENGINES.names()
    if holds(engine, [model])
]
EACH_NETWORK = pytest.mark.parametrize(
    "chosen",
    [pytest.param(one, marks=[pytest.mark.slow] if one["model"] != USUAL else []) for one in NETWORKS],
    ids=lambda chosen: "-".join(chosen.values()),
)
# What takes long is tried with these, on networks that come without weights.
USED_FROM_SCRATCH = ("full", "lora")


def tried(name: str, chosen: dict[str, str]) -> bool:
    return chosen["model"] == USUAL or name in USED_FROM_SCRATCH


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return few_lines(data_dir)


@pytest.fixture(scope="module")
def batches() -> dict[str, Batch]:
    return {}


@pytest.fixture
def batch(chosen: dict[str, str], data: TrainingData, batches: dict[str, Batch]) -> Batch:
    """Two lines in a network's classes, read by a teacher too; their augmentation is the first epoch's."""
    if chosen["model"] not in batches:
        settings = config(**chosen, technique=technique("distill"))
        engine, task = assemble(settings, data.train)
        source = read_by_teacher(task, settings, engine.charset)
        batches[chosen["model"]] = source.batch(data.train, np.arange(2), epoch=1)
    return batches[chosen["model"]]


def technique(name: str) -> dict[str, Any]:
    return {"name": name, "options": OPTIONS.get(name, {})}


def plan_of(name: str, progress: float) -> dict[str, float]:
    return build_technique(TechniqueConfig(**technique(name))).plan(progress)


def engine_for(settings: TrialConfig, data: TrainingData) -> Any:
    return assemble(settings, data.train)[0]


def learned_by(engine: Any, plan: dict[str, float]) -> set[str]:
    """Return the arrays that a step is to change: all of the plan's groups, or what has adapters in them."""
    names = {n for n, group in engine._groups.items() if plan[group] > 0}
    return names & engine._adapters.weights() if engine._adapters else names


def with_adapters(name: str) -> bool:
    return build_technique(TechniqueConfig(**technique(name))).adapters is not None


def with_teacher(name: str) -> bool:
    return build_technique(TechniqueConfig(**technique(name))).distillation is not None


def changed(before: Weights, after: Weights) -> set[str]:
    return {name for name in before if (before[name] != after[name]).any()}


@pytest.mark.parametrize("name", TECHNIQUES.names())
def test_a_plan_names_every_group_and_never_stops_the_head(name: str) -> None:
    for progress in np.linspace(0, 0.999, 101):
        plan = plan_of(name, float(progress))
        assert plan.keys() == set(GROUPS)
        assert all(0 <= multiplier <= 1 for multiplier in plan.values())
        assert plan["head"] > 0


@pytest.mark.parametrize("name", TECHNIQUES.names())
def test_a_group_learns_no_faster_than_the_next_one_to_the_output(name: str) -> None:
    """What is frozen lies below what learns: only then is no gradient computed for it."""
    for progress in PROGRESS:
        multipliers = [plan_of(name, progress)[group] for group in GROUPS]
        assert multipliers == sorted(multipliers)


@pytest.mark.parametrize("name", TECHNIQUES.names())
def test_unknown_options_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="nonsense"):
        build_technique(TechniqueConfig(name=name, options={"nonsense": 1}))


@pytest.mark.parametrize("name", TECHNIQUES.names())
@pytest.mark.parametrize("batch_norm", ["frozen", "live"])
@EACH_NETWORK
def test_a_step_changes_exactly_what_the_plan_says(
    name: str, chosen: dict[str, str], batch_norm: str, data: TrainingData, batch: Batch
) -> None:
    settings = config(**chosen, batch_norm=batch_norm, technique=technique(name))
    if batch_norm == "live" and with_adapters(name):
        with pytest.raises(UsageError, match="frozen batch norms"):
            engine_for(settings, data)
        return
    engine = engine_for(settings, data)
    groups, learned = engine._groups, set()
    for progress in PROGRESS:
        plan = plan_of(name, progress)
        learning = {group for group, multiplier in plan.items() if multiplier > 0}
        learned |= learning
        engine.apply_plan(plan)
        before = engine.weights()
        engine.train_step(batch, 1e-3, update=False)
        assert with_gradient(engine) == learning
        engine.train_step(batch, 1e-3, update=True)
        expected = learned_by(engine, plan)
        if batch_norm == "frozen":
            expected = {n for n in expected if not n.endswith(STATISTICS)}
        assert changed(before, engine.weights()) == expected
        with_state = {groups[adapted(key.split("|")[0])] for key in engine.state()["optimiser"]}
        assert with_state == learned


def with_gradient(engine: Any) -> set[str]:
    return {engine._groups[n] for n, parameter in engine._parameters.items() if parameter.grad is not None}


@EACH_NETWORK
def test_nothing_is_back_propagated_through_a_frozen_backbone(
    chosen: dict[str, str], data: TrainingData, batch: Batch
) -> None:
    engine = engine_for(config(**chosen), data)
    network = engine._network
    images = network.tensor(batch.images)

    def learns(output: Any) -> bool:
        output = getattr(output, "last_hidden_state", output)
        return not output.stop_gradient if hasattr(output, "stop_gradient") else output.requires_grad

    engine.apply_plan(plan_of("full", 0.0))
    assert learns(network.layer.model(images))
    engine.apply_plan(plan_of("frozen", 0.0))
    assert not learns(network.layer.model(images))
    assert learns(network.logits(images))


@pytest.mark.parametrize("optimiser", ["adamw", "adam", "sgd"])
@EACH_NETWORK
def test_multipliers_scale_the_updates(
    chosen: dict[str, str], optimiser: str, data: TrainingData, batch: Batch
) -> None:
    settings = config(**chosen, optimiser={"name": optimiser, "weight_decay": 1e-2})
    plan = uniform(1.0) | {"stem": 0.1, "neck": 0.5, "head": 0.25}
    whole = updates(engine_for(settings, data), uniform(1.0), batch)
    scaled = updates(engine_for(settings, data), plan, batch)
    for group in GROUPS:
        ratio = np.linalg.norm(scaled[group]) / np.linalg.norm(whole[group])
        assert ratio == pytest.approx(plan[group], rel=1e-2), group


def updates(engine: Any, plan: dict[str, float], batch: Batch) -> dict[str, npt.NDArray[np.float32]]:
    """Return by group what one step at the rate 0.01 adds to the weights, as one vector."""
    engine.apply_plan(plan)
    before = engine.weights()
    engine.train_step(batch, 0.01, update=True)
    after = engine.weights()
    return {
        group: np.concatenate([(after[n] - before[n]).ravel() for n in before if engine._groups[n] == group])
        for group in GROUPS
    }


VARIANTS: dict[str, dict[str, Any]] = {
    "as is": {},
    "live batch norms": {"batch_norm": "live"},
    "adam": {"optimiser": {"name": "adam"}},
    "sgd": {"optimiser": {"name": "sgd", "learning_rate": 1e-3, "accumulate": 2}},
}
RESUMED = [(name, "as is") for name in TECHNIQUES.names()] + [
    (name, variant) for name in ("full", "gradual") for variant in VARIANTS if variant != "as is"
]
# The other techniques' graphs are the one of `full` with other weights.
EXPORTED = {("full", "as is"), ("lora", "as is")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variant", "chosen"),
    [(*pair, one) for one in NETWORKS for pair in RESUMED if tried(pair[0], one)],
)
def test_a_run_changes_the_groups_of_its_plan_and_goes_on_bit_for_bit(
    name: str, chosen: dict[str, str], variant: str, data: TrainingData, tmp_path: Path
) -> None:
    settings = config(technique=technique(name), augmentation={"probability": 0.5, "concat": 0.5})
    settings = config(**settings.model_dump() | chosen | VARIANTS[variant])
    engine = engine_for(settings, data)
    before = engine.weights()
    whole = run(settings, data)
    half = whole[0][1]
    engine.load(half.state)
    assert changed(before, engine.weights()) == changed_by_an_epoch(engine, name, settings)
    half.save(tmp_path / "half")
    [(metrics, resumed)] = run(settings, data, load_checkpoint(tmp_path / "half"))
    assert metrics["loss"] == whole[1][0]["loss"]
    assert_same(whole[1][1], resumed)
    if (name, variant) in EXPORTED:
        assert export_checkpoint(resumed, data.val, tmp_path / "bundle").passed


def changed_by_an_epoch(engine: Any, name: str, settings: TrialConfig) -> set[str]:
    """Return the arrays that a first epoch is to change."""
    learned = learned_by(engine, plan_of(name, 0.0))
    live = settings.batch_norm == "live"
    return {n for n in learned if live or not n.endswith(STATISTICS)}


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    for part in ("weights", "optimiser"):
        assert one.state[part].keys() == other.state[part].keys()
        assert changed(one.state[part], other.state[part]) == set()


@pytest.mark.slow
@EACH_NETWORK
def test_two_runs_of_a_seed_end_alike_bit_for_bit(chosen: dict[str, str], data: TrainingData) -> None:
    settings = config(**chosen, epochs=1)
    ends = [run(settings, data)[-1][1] for _ in range(2)]
    assert_same(*ends)


@pytest.mark.slow
def test_two_learning_rates_train_differently(data: TrainingData) -> None:
    ends = [run(config(epochs=1, optimiser={"learning_rate": rate}), data) for rate in (1e-4, 2e-4)]
    (_, slow), (_, fast) = (epochs[-1] for epochs in ends)
    assert (slow.config.optimiser.learning_rate, fast.config.optimiser.learning_rate) == (1e-4, 2e-4)
    assert "head.fc2.weight" in changed(slow.state["weights"], fast.state["weights"])

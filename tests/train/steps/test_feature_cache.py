"""Cached backbone features: when there are some, and that training on them is training on the images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.real_lines import RECOGNISERS, config, lines, run, whole_batches
from train.checkpoint import Checkpoint, load_checkpoint
from train.config import TrialConfig
from train.data import images
from train.data.batching.batches import training_batches, worker_lines
from train.engine import Features, World
from train.errors import ModelError
from train.loop import TrainingData, assemble
from train.steps.feature_cache import backbone_is_constant, feature_cache
from train.steps.validation import read
from train.system.machine import memory
from train.techniques import build_technique

# Twenty lines are more than a pool of batches: which ones share a batch changes from epoch to epoch.
FROZEN: dict[str, Any] = {
    "technique": {"name": "frozen"},
    "augmentation": {"probability": 0.0},
    "batch_size": 2,
}
LORA = {"name": "lora", "options": {"groups": 2}}


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    """Words of several buckets: what a line is padded to depends on its neighbours."""
    words = lines(data_dir, "scene_words", "train", 20)
    assert len({images.bucket_width(int(width)) for width in words.widths}) > 2
    return TrainingData(words, lines(data_dir, "scene_words", "val", 6))


@pytest.fixture(params=RECOGNISERS)
def name(request: pytest.FixtureRequest) -> str:
    """Of an engine."""
    return str(request.param)


def frozen(name: str, **changes: Any) -> TrialConfig:
    return config(**FROZEN | {"engine": name} | changes)


@pytest.fixture
def without_memory(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function after whose call nothing may be cached any more."""
    return lambda: monkeypatch.setattr(memory, "trial_allowance", lambda: 0)


@pytest.mark.parametrize(
    ("changes", "constant"),
    [
        ({}, True),
        ({"batch_norm": "live"}, True),
        ({"technique": LORA}, True),
        ({"technique": {"name": "lora"}}, False),
        ({"technique": {"name": "full"}}, False),
        ({"technique": {"name": "gradual"}}, False),
        ({"technique": {"name": "gradual", "options": {"neck": 0, "backbone_late": 0.9, "all": 0.9}}}, True),
        ({"technique": {"name": "discriminative"}}, False),
        ({"augmentation": {"probability": 0.1}}, False),
        ({"augmentation": {"probability": 0.1, "strength": 0}}, True),
        ({"augmentation": {"probability": 0.0, "concat": 0.1}}, False),
    ],
)
def test_what_leaves_the_features_as_they_are(changes: dict[str, Any], constant: bool) -> None:
    """The last of two epochs begins in the middle of the run: what thaws at 0.9 never does."""
    settings = config(**FROZEN | changes)
    assert backbone_is_constant(settings, build_technique(settings.technique)) == constant


@pytest.mark.parametrize("fit_width", [0, 320])
def test_features_read_as_their_images(name: str, fit_width: int, data: TrainingData) -> None:
    engine, task = assemble(frozen(name, fit_width=fit_width), data.train)
    batch = task.evaluation_batch(data.val, np.arange(3))
    features = engine.features(batch)
    assert isinstance(features, Features)
    assert features.values.dtype == np.float32
    np.testing.assert_allclose(engine.predict(features), engine.predict(batch), atol=1e-5)


def test_a_network_without_a_cut_has_none(name: str, data: TrainingData) -> None:
    settings = frozen(name)
    engine, task = assemble(settings, data.train)
    network: Any = engine._network
    network._logits = network._logits.__call__  # a function, no Parts
    assert not engine.has_features
    with pytest.raises(ModelError, match="cut"):
        engine.features(task.evaluation_batch(data.val, np.arange(1)))
    splits = (data.train, data.val)
    cache = feature_cache(settings, build_technique(settings.technique), engine, task, splits, World())
    assert (cache.source, cache.cached, cache.needs_mb) == (task, False, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"fit_width": 320, "optimiser": {"ema": 0.5, "learning_rate": 1e-3}},
        {"batch_norm": "live", "optimiser": {"accumulate": 2}},
        {"technique": LORA},
    ],
    ids=["own width", "fit width and average", "live norms", "adapters"],
)
def test_training_on_features_is_training_on_images(
    name: str,
    changes: dict[str, Any],
    data: TrainingData,
    without_memory: Callable[[], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = frozen(name, **changes)
    cached = run(settings, data)
    assert "computed once" in capsys.readouterr().out
    without_memory()
    plain = run(settings, data)
    assert "too much of the free memory" in capsys.readouterr().out
    start = assemble(settings, data.train)[0].state()["weights"]
    for (with_cache, _), (without, _) in zip(cached, plain, strict=True):
        assert (with_cache["features_cached"], without["features_cached"]) == (1, 0)
        assert with_cache["features_mb"] == without["features_mb"] > 0
        assert with_cache["loss"] == pytest.approx(without["loss"], rel=1e-3)
        assert with_cache["cer"] == pytest.approx(without["cer"], abs=0.02)
    ends: list[Checkpoint] = [epochs[-1][1] for epochs in (cached, plain)]
    moved, apart = (distance(ends[0].state["weights"], other) for other in (start, ends[1].state["weights"]))
    assert apart < 0.02 * moved


def distance(some: dict[str, Any], others: dict[str, Any]) -> float:
    return float(np.sqrt(sum(np.square(some[n] - others[n]).sum() for n in some)))


@pytest.mark.slow
def test_a_run_on_features_resumes_bit_for_bit(name: str, data: TrainingData, tmp_path: Path) -> None:
    """Its second epoch pads some lines as the first one did, and others anew."""
    settings = frozen(name)
    whole = run(settings, data)
    whole[0][1].save(tmp_path / "half")
    [(metrics, resumed)] = run(settings, data, load_checkpoint(tmp_path / "half"))
    assert metrics["features_cached"] == 1
    assert metrics["loss"] == whole[1][0]["loss"]
    for part in ("weights", "optimiser"):
        for key, array in whole[1][1].state[part].items():
            np.testing.assert_array_equal(array, resumed.state[part][key], err_msg=key)


def test_every_line_is_computed_once_for_each_width(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = frozen(RECOGNISERS[0], epochs=4)
    engine, task = assemble(settings, data.train)
    splits, technique = (data.train, data.val), build_technique(settings.technique)
    cache = feature_cache(settings, technique, engine, task, splits, World())
    computed: list[int] = []
    original = type(engine).features

    def features(self: Any, batch: Any) -> Features:
        found: Features = original(self, batch)
        computed.append(found.values.nbytes)
        return found

    monkeypatch.setattr(type(engine), "features", features)
    pairs = set()
    for epoch in range(1, settings.epochs + 1):
        cache.prepare(epoch)
        order = order_of(data, settings, epoch)
        for batch, found in zip(order, whole_batches(cache.source, data.train, order, epoch), strict=True):
            width = task.batch(data.train, batch, epoch).images.shape[3]
            pairs |= {(width, int(i), found.images.values[0].nbytes) for i in batch}
    read(engine, task, data.val, source=cache.source)
    alone = [task.evaluation_batch(data.val, np.array([i])) for i in range(len(data.val))]
    validation = sum(original(engine, line).values.nbytes for line in alone)
    assert len(pairs) > len(data.train)
    assert sum(computed) == sum(size for *_, size in pairs) + validation
    assert cache.needs_mb == sum(computed) / memory.MB


def order_of(data: TrainingData, settings: TrialConfig, epoch: int) -> list[Any]:
    return training_batches(data.train.widths, settings.batch_size, settings.seed, epoch)


@pytest.mark.parametrize("size", [2, 3])
def test_every_worker_caches_its_own_share(size: int, data: TrainingData) -> None:
    """Batches of a line, fewer than there are workers: one repeats it at no weight."""
    settings = frozen(RECOGNISERS[0], batch_size=1)
    engine, task = assemble(settings, data.train)
    splits, technique = (data.train, data.val), build_technique(settings.technique)
    order = order_of(data, settings, 1)
    assert min(map(len, order)) == 1
    for rank in range(size):
        world = World(rank, size)
        cache = feature_cache(settings, technique, engine, task, splits, world)
        cache.prepare(1)
        found = whole_batches(cache.source, data.train, order, 1, world)
        for batch, indices in zip(found, order, strict=True):
            plain = task.batch(data.train, worker_lines(indices, rank, size), 1)
            assert isinstance(batch.images, Features)
            assert batch.targets == plain.targets
            expected = engine.features(plain.images).values
            np.testing.assert_allclose(batch.images.values, expected, atol=1e-4)


def test_other_lines_are_read_as_ever(data: TrainingData) -> None:
    settings = frozen(RECOGNISERS[0])
    engine, task = assemble(settings, data.train)
    splits, technique = (data.train, data.val), build_technique(settings.technique)
    cache = feature_cache(settings, technique, engine, task, splits, World())
    assert isinstance(cache.source.evaluation_batch(data.train, np.arange(1)), np.ndarray)
    assert isinstance(cache.source.batch(data.val, np.arange(2), 1).images, np.ndarray)


def test_a_containers_limit_bounds_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = memory.available_bytes()
    assert 0 < memory.trial_allowance() < machine
    limit, used = tmp_path / "max", tmp_path / "current"
    monkeypatch.setattr(memory, "LIMITS", ((limit, used), (tmp_path / "absent", used)))
    used.write_text("1000\n")
    limit.write_text("3000\n")
    assert memory.available_bytes() == 2000
    limit.write_text("max\n")
    assert memory.available_bytes() > 10**6

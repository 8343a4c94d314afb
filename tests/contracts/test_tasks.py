"""What every registered task must do, whatever its labels mean: on the first real images that its formats read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.report.text import list_score_heads
from spaces.parameter import setting_keys
from train.bundle import GEOMETRIES
from train.config import TrialConfig
from train.data.charset import Charset
from train.data.dataset import MemoryDataset, decode_samples
from train.data.formats import names_of
from train.data.formats.loading import load
from train.engines import ENGINES
from train.models import MODELS
from train.steps.fits import models_for
from train.steps.validation import GENERAL
from train.tasks import TASKS, Task

SET = "receipts"
NAMES = TASKS.names()


def outputs_of(task: Task, kind: type[Task], count: int) -> Any:
    """Return what an engine gives for noise, as this task's objective has it: sums of 1 over the last axis."""
    charset, _ = kind.example(2)
    shapes = {"classes": (count, 2), "regions": (count, 1, 96, 160)}
    shape = shapes.get(kind.objective, (count, 20, charset.classes))
    values = np.random.default_rng(0).random(shape).astype(np.float32)
    return values / values.sum(-1, keepdims=True)


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def data(name: str, data_dir: Path) -> MemoryDataset:
    kind = TASKS.get(name)
    samples = load(data_dir / SET, tasks=kind.formats)[1]["val"][:9]
    return decode_samples(samples, kind.stored_as(config(name)))


def config(name: str) -> TrialConfig:
    return TrialConfig(task=name, model=next(iter(models_for(name)), TrialConfig().model))


def test_it_says_what_its_scores_are_called(name: str) -> None:
    kind = TASKS.get(name)
    assert len(kind.terms.scores) == len(kind.scores.names) >= 2
    assert len(list_score_heads(kind.terms)) == len(kind.scores.names) + 1
    made = kind.scores(4, *(0.5 for _ in kind.scores.names))
    assert made.rank == (0.5, 0.5)
    kept = made.values(GENERAL)
    assert kind.scores.are_in(kept, GENERAL)
    assert not kind.scores.are_in(kept)
    assert kind.scores.from_metrics(kept, 4, GENERAL) == made


def test_an_engine_trains_it_and_formats_label_it(name: str) -> None:
    kind = TASKS.get(name)
    assert any(kind.objective in ENGINES.get(engine).objectives() for engine in ENGINES.names())
    assert all(names_of(task) for task in kind.formats)
    assert all(MODELS.get(model).task == name for model in models_for(name))
    for model in models_for(name):
        geometry = dict(kind.geometry_as(TrialConfig(task=name, model=model)))
        assert geometry in GEOMETRIES.get(name, (geometry,))


def test_images_are_kept_in_the_size_that_is_foretold(name: str, data: MemoryDataset) -> None:
    for index in range(len(data)):
        height, width = data.sizes[index].tolist()
        assert data.image(index).shape == (*TASKS.get(name).stored_as(config(name)).size(height, width), 3)


def test_every_sample_is_evaluated_once(name: str, data: MemoryDataset) -> None:
    task = task_of(name, data)
    for workers in (1, 3):
        found = [i for indices in task.evaluation_batches(data, workers) for i in indices.tolist()]
        assert sorted(found) == list(range(len(data)))
    [first, *_] = task.evaluation_batches(data)
    assert len(task.evaluation_batch(data, first)) == len(first)


def test_the_usual_settings_are_the_unit_of_work(name: str) -> None:
    assert TASKS.get(name).work(config(name)) == 1


def test_how_a_model_is_used_is_written_down(name: str, data: MemoryDataset) -> None:
    task = task_of(name, data)
    assert json.loads(json.dumps(task.settings())) == task.settings()


def test_what_is_chosen_after_training_changes_nothing_else(name: str, data: MemoryDataset) -> None:
    """Of a task that tunes: the chosen settings are of its own part of the configuration, and do no worse."""
    if not TASKS.get(name).tunes:
        return
    task, everything = task_of(name, data), np.arange(len(data))
    output = outputs_of(task, TASKS.get(name), len(data))
    chosen = task.tuned([(everything, output)], data)
    assert chosen.model_copy(update={name: getattr(config(name), name)}) == config(name)
    better = TASKS.get(name)(chosen, Charset(()))
    before, after = (one.score(one.decode(output, data, everything), data) for one in (task, better))
    assert after.rank >= before.rank


def task_of(name: str, data: MemoryDataset) -> Task:
    kind, settings = TASKS.get(name), config(name)
    return kind(settings, kind.charset(settings, data.texts))


def test_training_batches_hold_every_sample_and_its_target(name: str, data: MemoryDataset) -> None:
    task = task_of(name, data)
    drawn, batches = task.training_batches(config(name), data, [], 1)
    assert sorted(i for batch in batches for i in batch.tolist()) == list(range(len(data)))
    one, again = (task.batch(drawn, batches[0], 1) for _ in range(2))
    np.testing.assert_array_equal(one.images, again.images)
    assert len(one.images) == len(batches[0])
    assert np.isfinite(one.images).all()
    assert task.loss_limit(data) > 0


def test_its_first_score_is_made_of_its_samples(name: str, data: MemoryDataset) -> None:
    task = task_of(name, data)
    output = outputs_of(task, TASKS.get(name), len(data))
    predictions = task.decode(output, data, np.arange(len(data)))
    assert len(predictions) == len(data)
    rows = task.per_sample(predictions, data)
    scores = task.score(predictions, data)
    assert rows.shape[0] == len(data)
    assert task.primary(rows.sum(axis=0)) == pytest.approx(scores.primary)
    assert 0 <= scores.primary <= 1
    assert 0 <= scores.tie <= 1
    if scores.interval:
        assert scores.interval.low - 1e-9 <= scores.primary <= scores.interval.high
    for mistake in task.mistakes(predictions, data):
        assert mistake.label != mistake.reading
        assert task.picture(data, mistake.index, predictions[mistake.index]).ndim == 3


def test_the_gate_has_batches_and_finds_a_difference(name: str, data: MemoryDataset) -> None:
    task = task_of(name, data)
    assert {len(batch) for batch in task.parity_batches(data)} >= {1, 8}
    one = outputs_of(task, TASKS.get(name), 3)
    assert not any(differs or tied for differs, tied in task.verdicts(one, one))


def test_a_step_can_be_measured_without_data(name: str) -> None:
    kind = TASKS.get(name)
    charset, batch = kind.example(3)
    assert len(batch.images) == len(batch.targets) == 3
    assert kind.spells == bool(charset.characters)


def test_what_decides_the_time_of_its_networks_are_settings(name: str) -> None:
    kind = TASKS.get(name)
    assert kind.architecture
    assert set(kind.architecture) <= set(setting_keys())

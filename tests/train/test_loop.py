"""The epoch loop: what it trains on, in which order, at which rate, when it gives up and what it reports."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.real_lines import config, few_lines, lines, run, samples, whole_batches
from train import loop, tasks
from train.checkpoint import Checkpoint, load_checkpoint
from train.config import TrialConfig
from train.config_file import save_config
from train.data import images
from train.data.batching.batches import training_batches
from train.data.charset import domain_charset
from train.data.dataset import Dataset, decode_samples
from train.engine import Batch, World
from train.engines.paddlepaddle.engine import PaddleEngine
from train.errors import DivergedError
from train.loop import TrainingData, assemble, train
from train.steps.report import MakeCheckpoint, Metrics, report_last
from train.steps.schedule import learning_rate_factor
from train.steps.validation import evaluate
from train.tasks.recognition import Recognition

Steps = list[tuple[Batch, float, bool, float]]
QUIET = {"probability": 0.0}


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return few_lines(data_dir)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Every training step's (batch, rate, update, loss), filled as they are made."""
    seen: Steps = []
    original = PaddleEngine.train_step

    def train_step(engine: PaddleEngine, batch: Batch, rate: float, update: bool) -> float:
        loss = original(engine, batch, rate, update)
        seen.append((batch, rate, update, loss))
        return loss

    monkeypatch.setattr(PaddleEngine, "train_step", train_step)
    return seen


def never(metrics: Metrics, make: MakeCheckpoint) -> None:
    pytest.fail("no epoch of a diverging run may be reported")


def one_bucket(data_dir: Path, count: int) -> Dataset:
    """Lines of one bucket, which are padded alike in whatever batch they come."""
    read = [(s, images.resize_line(images.read(s.path)).shape[1]) for s in samples(data_dir, count=200)]
    buckets = [images.bucket_width(width) for _, width in read]
    usual = max(set(buckets), key=buckets.count)
    same = [s for (s, _), bucket in zip(read, buckets, strict=True) if bucket == usual]
    return decode_samples(same[:count])


@pytest.mark.parametrize(
    "optimiser",
    [
        {"name": "sgd", "learning_rate": 1.0},
        {"name": "sgd", "learning_rate": 1.0, "clip_norm": 1e6},
        {"name": "adamw", "learning_rate": 1.0},
    ],
)
def test_an_exploding_run_ends_in_its_first_epoch(optimiser: dict[str, Any], data: TrainingData) -> None:
    with pytest.raises(DivergedError, match=r"loss=\S+ in epoch 1, batch \d, learning rate 1; lower"):
        train(config(epochs=9, optimiser=optimiser), data, never)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1e4])
def test_a_run_ends_at_the_very_step_that_diverges(
    wrong: float, data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter([10.0, wrong])
    monkeypatch.setattr(PaddleEngine, "train_step", lambda *_: next(given))
    with pytest.raises(DivergedError, match="epoch 1, batch 2"):
        train(config(batch_size=2), data, never)


def test_the_same_batches_come_in_the_same_order_whoever_prepares_them(data: TrainingData) -> None:
    settings = config(batch_size=3, augmentation={"probability": 0.7, "concat": 0.5})
    task = Recognition(settings, domain_charset(data.train.texts))
    order = training_batches(data.train.widths, 3, seed=0, epoch=2)
    first, second = (whole_batches(task, data.train, order, 2) for _ in range(2))
    for one, other, indices in zip(first, second, order, strict=True):
        alone = task.batch(data.train, indices, epoch=2)
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.images, alone.images)
        assert one.targets == other.targets == alone.targets


@pytest.mark.parametrize("size", [2, 3, 5])
def test_workers_share_every_batch(size: int, data: TrainingData) -> None:
    """Five workers and three lines: two repeat a line at no weight."""
    task = Recognition(config(augmentation=QUIET), domain_charset(data.train.texts))
    order = training_batches(data.train.widths, 3, seed=0, epoch=1)
    parts = [whole_batches(task, data.train, order, 1, World(rank, size)) for rank in range(size)]
    for position, indices in enumerate(order):
        mine = [part[position] for part in parts]
        targets = [target for batch in mine if batch.share for target in batch.targets]
        assert sorted(targets) == sorted(task.batch(data.train, indices, 1).targets)
        assert sum(batch.share for batch in mine) == pytest.approx(size)


def test_the_optimiser_gets_the_scheduled_rate_of_every_step(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch, steps: Steps
) -> None:
    settings = config(
        optimiser={"learning_rate": 3e-4}, schedule={"name": "cosine", "warmup": 0.25}, augmentation=QUIET
    )
    got: list[float] = []
    update = PaddleEngine._update

    def watch(engine: PaddleEngine, rate: float) -> None:
        update(engine, rate)
        got.append(engine._optimiser.get_lr())

    monkeypatch.setattr(PaddleEngine, "_update", watch)
    epochs = run(settings, data)
    expected = [3e-4 * learning_rate_factor(settings.schedule, i / 4) for i in range(4)]
    assert got == pytest.approx(expected)
    assert [rate for _, rate, _, _ in steps] == pytest.approx(expected)
    assert [checkpoint.config for _, checkpoint in epochs] == [settings] * 2


def test_the_loss_of_an_epoch_is_the_mean_over_its_lines(data: TrainingData, steps: Steps) -> None:
    [(metrics, _)] = run(config(epochs=1, batch_size=5), data)
    sizes = [len(batch.targets) for batch, *_ in steps]
    assert sizes == [4, 4]
    losses = [loss for *_, loss in steps]
    assert metrics["loss"] == pytest.approx(np.average(losses, weights=sizes))


def test_accumulated_batches_step_as_one_large_batch(data_dir: Path, steps: Steps) -> None:
    train_lines = one_bucket(data_dir, 16)
    data = TrainingData(train_lines, one_bucket(data_dir, 2))
    common: dict[str, Any] = {"epochs": 1, "augmentation": QUIET}
    optimiser = {"name": "sgd", "learning_rate": 1e-2}
    [(_, whole)] = run(config(**common, batch_size=16, optimiser=optimiser), data)
    [(_, parts)] = run(config(**common, batch_size=8, optimiser=optimiser | {"accumulate": 2}), data)
    assert [(len(batch.targets), update) for batch, _, update, _ in steps] == [
        (16, True),
        (8, False),
        (8, True),
    ]
    start = assemble(config(**common), data.train)[0].state()["weights"]
    moved = {name: whole.state["weights"][name] - start[name] for name in start}
    apart = {name: whole.state["weights"][name] - parts.state["weights"][name] for name in start}
    largest = max(float(np.abs(change).max()) for change in moved.values())
    assert largest > 1e-4
    assert max(float(np.abs(difference).max()) for difference in apart.values()) < 0.01 * largest


def test_an_epoch_ends_with_an_update(data: TrainingData, steps: Steps) -> None:
    run(config(epochs=1, batch_size=3, optimiser={"accumulate": 2}), data)
    assert [update for _, _, update, _ in steps] == [False, True, True]
    # The engine divides by two: a batch that steps alone counts twice, for its gradient to be the mean.
    assert [batch.share for batch, *_ in steps] == [1.0, 1.0, 2.0]


def test_every_epoch_is_reported_with_its_scores_and_a_checkpoint_holds_what_the_report_adds(
    data: TrainingData,
) -> None:
    epochs: list[tuple[Metrics, Checkpoint]] = []
    train(config(), data, lambda metrics, make: epochs.append((metrics, make({"worth": 0.5}))))
    assert [metrics["epoch"] for metrics, _ in epochs] == [1, 2]
    for metrics, checkpoint in epochs:
        assert checkpoint.epoch == metrics["epoch"]
        assert checkpoint.metrics == {**metrics, "worth": 0.5}
        assert 0 < metrics["train_seconds"] < metrics["epoch_seconds"]
    metrics, last = epochs[-1]
    scores, _ = evaluate(*assemble(last.config, data.train, last), data.val)
    assert (metrics["exact_match"], metrics["cer"]) == (scores.exact_match, scores.cer)


def test_what_nobody_asks_for_is_not_read_and_changes_nothing(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    epochs: list[tuple[Metrics, Checkpoint]] = []
    validate = loop.validate

    def count(*parts: Any, **options: Any) -> dict[str, float]:
        read.append(1)
        return validate(*parts, **options)

    monkeypatch.setattr(loop, "validate", count)
    train(config(), data, report_last(lambda metrics, make: epochs.append((metrics, make()))))
    [(metrics, last)] = epochs
    assert (read, metrics["epoch"]) == ([1], 2)
    expected, whole = run(config(), data)[-1]
    assert metrics.keys() == expected.keys()
    assert (metrics["loss"], metrics["cer"]) == (expected["loss"], expected["cer"])
    assert all(np.array_equal(last.state["weights"][n], array) for n, array in whole.state["weights"].items())


def test_a_run_at_its_end_has_nothing_to_resume(data: TrainingData) -> None:
    [(_, end)] = run(config(epochs=1), data)
    assert run(config(epochs=1), data, resume=end) == []


def test_every_line_is_scored_once_and_read_alike_in_any_company(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = lines(data_dir, "scene_words", "val", 20)
    engine, task = assemble(config(charset="keep"), words)
    scores, together = evaluate(engine, task, words)
    assert (scores.n, len(together)) == (20, 20)
    assert scores.exact_match > 0.3
    monkeypatch.setattr(tasks, "EVALUATION_BATCH", 1)
    _, alone = evaluate(engine, task, words)
    assert [text for text, _ in alone] == [text for text, _ in together]


def test_a_second_run_decodes_nothing(data_dir: Path, tmp_path: Path) -> None:
    moved = []
    for sample in samples(data_dir, count=6):
        copy = tmp_path / sample.path.name
        shutil.copy(sample.path, copy)
        moved.append(replace(sample, path=copy))
    data = TrainingData(decode_samples(moved), decode_samples(moved[:2]))
    for sample in moved:
        sample.path.unlink()
    data.train.pixels.setflags(write=False)
    first, second = (run(config(epochs=1), data) for _ in range(2))
    assert first[0][0]["loss"] == second[0][0]["loss"]


def test_the_kept_charset_gains_what_it_lacks(data_dir: Path) -> None:
    odd = replace(lines(data_dir, count=3), texts=("A\u2603B", "AB", "BA"))
    kept, domain = (loop.charset_for(config(charset=rule), odd) for rule in ("keep", "domain"))
    assert kept.unknown("A\u2603B") == set()
    assert kept.classes > 6900
    assert domain.characters == ("A", "B", "\u2603")


@pytest.mark.slow
def test_train_run_is_the_same_way_and_resumes(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from train.run import main

    folder = small_folder(data_dir, tmp_path / "data", train=8, val=4)
    settings = config(epochs=1, optimiser={"learning_rate": 1e-4})
    save_config(settings, tmp_path / "config.yaml")
    arguments = ["--data", str(folder), "--config", str(tmp_path / "config.yaml"), "--test-fraction", "0"]
    main([*arguments, "--output", str(tmp_path / "out")])
    assert "bundle in" in capsys.readouterr().out
    checkpoint = load_checkpoint(tmp_path / "out" / "last")
    assert checkpoint.config == settings
    [(metrics, mine)] = run(settings, few_lines(data_dir))
    assert checkpoint.metrics["loss"] == metrics["loss"]
    assert all(np.array_equal(checkpoint.state["weights"][n], w) for n, w in mine.state["weights"].items())
    assert (tmp_path / "out" / "best" / "inference.onnx").is_file()


def small_folder(data_dir: Path, folder: Path, train: int, val: int) -> Path:
    """Write a data folder with the first real lines of each split."""
    folder.mkdir()
    for split, count in (("train", train), ("val", val)):
        rows = [f"{sample.path}\t{sample.text}\n" for sample in samples(data_dir, split=split, count=count)]
        (folder / f"rec_gt_{split}.txt").write_text("".join(rows), encoding="utf-8")
    return folder


def test_settings_reach_the_engine_unchanged(data: TrainingData) -> None:
    settings: TrialConfig = config(optimiser={"name": "adam", "learning_rate": 7e-4, "weight_decay": 0.03})
    engine: Any = assemble(settings, data.train)[0]
    assert type(engine._optimiser).__name__ == "Adam"
    assert engine._optimiser.get_lr() == pytest.approx(7e-4)
    assert engine._optimiser._grad_clip.clip_norm == settings.optimiser.clip_norm

"""Training on a share of synthetic lines and on batches of many shapes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.real_lines import config, few_lines, lines, run, whole_batches
from train import loop
from train.data.batching.batches import training_batches
from train.data.batching.epoch import epoch_lines
from train.data.batching.mixture import require_extras
from train.data.charset import domain_charset
from train.engine import Engine, World
from train.errors import UsageError
from train.loop import TrainingData, charset_for, extra_sets, train
from train.tasks.recognition import Recognition

MIXED: dict[str, Any] = {"synthetic": 0.4, "multi_scale": 0.4, "batch_size": 5}


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return replace(few_lines(data_dir), synthetic=lines(data_dir, "receipts", count=12))


def test_a_share_of_nothing_is_refused_before_any_work(
    data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "assemble", lambda *_: pytest.fail("an engine was built"))
    with pytest.raises(UsageError, match="--synthetic-labels"):
        train(config(synthetic=0.3), replace(data, synthetic=None), lambda *_: None)


def test_the_network_can_write_what_the_synthetic_lines_hold(data: TrainingData) -> None:
    assert data.synthetic is not None
    engines: list[Engine] = []
    original = loop.train_epoch

    def watch(engine: Engine, *rest: Any) -> float:
        engines.append(engine)
        return original(engine, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "train_epoch", watch)
        run(config(epochs=1, synthetic=0.4), data)
    charset = engines[0].charset
    assert not charset.unknown("".join((*data.train.texts, *data.synthetic.texts)))
    assert charset != charset_for(config(), data.train)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_workers_prepare_the_same_mixed_batches(size: int, data: TrainingData) -> None:
    settings = config(**MIXED)
    extras = require_extras(extra_sets(settings, data))
    task = Recognition(settings, domain_charset([*data.train.texts, *extras[0].lines.texts]))
    parts = []
    for rank in range(size):
        mixed, batches = epoch_lines(settings, data.train, extras, 2)
        parts.append(whole_batches(task, mixed, batches, 2, World(rank, size)))
    mixed, batches = epoch_lines(settings, data.train, extras, 2)
    for position, indices in enumerate(batches):
        whole = task.batch(mixed, indices, 2)
        mine = [part[position] for part in parts]
        targets = [target for batch in mine if batch.share for target in batch.targets]
        assert sorted(targets) == sorted(whole.targets)
        assert all(batch.images.shape[3] <= whole.images.shape[3] for batch in mine)


@pytest.mark.slow
def test_a_mixed_run_resumes_bit_for_bit(data: TrainingData) -> None:
    settings = config(**MIXED)
    [_, (expected, whole)] = run(settings, data)
    [(_, half)] = run(settings, data, stop_after=1)
    [(metrics, resumed)] = run(settings, data, resume=half)
    assert metrics["loss"] == expected["loss"]
    for name, weight in whole.state["weights"].items():
        np.testing.assert_array_equal(resumed.state["weights"][name], weight)


def test_long_lines_keep_their_own_width(data_dir: Path) -> None:
    """Nothing is squeezed to the 320 px of PaddleOCR's configurations."""
    receipts = lines(data_dir, "receipts", count=60)
    task = Recognition(config(augmentation={"probability": 0.0}), domain_charset(receipts.texts))
    assert receipts.widths.max() > 400
    for indices in training_batches(receipts.widths, 8, seed=0, epoch=1):
        batch = task.batch(receipts, indices, 1)
        assert batch.images.shape[3] >= receipts.widths[indices].max()
        for row, index in zip(batch.images, indices, strict=True):
            width = int(receipts.widths[index])
            np.testing.assert_allclose(
                row[:, :, :width].transpose(1, 2, 0) * 127.5 + 127.5, receipts.image(int(index)), atol=1e-3
            )
            assert not row[:, :, width:].any()

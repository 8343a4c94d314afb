"""Batches that are computed in micro-batches: the same step with less memory."""

import re
import resource
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from tests import real_lines
from tests.real_lines import RECOGNISERS, Epoch, narrow_lines
from train.config import TrialConfig
from train.data.batching.batches import split
from train.data.batching.mixture import Mixture
from train.data.charset import Charset
from train.errors import MemoryShortError
from train.loop import TrainingData, train
from train.steps.micro_batches import count_parts, more_micro_batches, share_parts
from train.tasks import TASKS

LINES, BATCH = 13, 8  # the last batch holds five lines
SPARE_BYTES = 600 * 2**20
MAPPED_BYTES = 2**20
"""Blocks of this size and more go back to the system when they are freed: holes in the heap would be left to chance."""


def one_width(data_dir: Path) -> TrainingData:
    """Lines that a micro-batch pads as the whole batch does."""
    return TrainingData(
        narrow_lines(data_dir, "train", LINES, {192}), narrow_lines(data_dir, "val", 4, {192})
    )


def trained(settings: TrialConfig, data: TrainingData, micro_batches: int) -> list[Epoch]:
    epochs: list[Epoch] = []
    train(settings, data, lambda metrics, make: epochs.append((metrics, make())), micro_batches=micro_batches)
    return epochs


def test_indices_are_split_into_parts_of_about_one_size() -> None:
    assert [part.tolist() for part in split(np.arange(5), 3)] == [[0, 1], [2, 3], [4]]
    assert [part.tolist() for part in split(np.arange(2), 3)] == [[0], [1]]


@pytest.mark.parametrize(
    ("batch_size", "micro_batches", "workers", "more"),
    [(8, 1, 1, 2), (8, 4, 1, 8), (8, 8, 1, None), (6, 4, 1, 6), (8, 4, 2, None), (1, 1, 1, None)],
)
def test_micro_batches_double_until_each_is_one_sample(
    batch_size: int, micro_batches: int, workers: int, more: int | None
) -> None:
    assert more_micro_batches(TrialConfig(batch_size=batch_size), micro_batches, workers) == more


def test_only_the_largest_batches_have_all_the_parts() -> None:
    widths = np.array([320] * 4 + [640] * 4 + [1280] * 4, np.int32)
    batches = [np.arange(4), np.arange(4, 8), np.arange(8, 12), np.arange(10, 12), np.array([0, 1, 2, 8])]
    assert share_parts(widths, batches, 4, 4) == [1, 2, 4, 2, 4]
    assert share_parts(widths, batches, 4, 1) == [1] * 5


def test_no_part_is_larger_than_those_of_the_largest_batch() -> None:
    """A line of 1184 px has a part of its own, too, where lines of 1280 px have."""
    widths = np.array([1184] * 16 + [1280] * 16 + [640] * 16, np.int32)
    batches = [np.arange(16), np.arange(16, 32), np.arange(32, 48)]
    assert share_parts(widths, batches, 16, 16) == [16, 16, 8]
    assert share_parts(widths, batches, 16, 8, workers=2) == [8, 8, 4]
    stretched = np.array([640] * 8 + [1280] * 4, np.int32)
    assert share_parts(stretched, [np.arange(8), np.arange(8, 12)], 8, 4) == [4, 4], "there are no 8 of 1280"


def test_parts_go_by_the_lines_that_are_trained(data_dir: Path) -> None:
    """Where lines may be joined, batches of narrow ones are as wide as others. Some models resize them."""
    data = narrow_lines(data_dir, "train", 1, {160})
    lines = Mixture([data, narrow_lines(data_dir, "train", 1, {320, 352, 384})])

    def parts(task: str, **changes: object) -> list[int]:
        config = TrialConfig.model_validate({"batch_size": 4, "task": task} | changes)
        made = TASKS.get(task)(config, Charset(tuple("0")).extended(lines.texts))
        return count_parts(made, config, lines, [np.array([0] * 4), np.array([1] * 4)], 4)

    assert parts("recognition") == [2, 4]
    assert parts("recognition", augmentation={"concat": 0.5}) == [4, 4]
    assert parts("transcription") == [4, 4]


@pytest.mark.slow
@pytest.mark.parametrize("engine", RECOGNISERS)
def test_a_step_in_micro_batches_is_the_step_of_the_whole_batch(
    engine: str, data_dir: Path, one_thread: None
) -> None:
    data = one_width(data_dir)
    settings = real_lines.config(
        engine=engine,
        batch_size=BATCH,
        augmentation={"probability": 0.0},
        optimiser={"learning_rate": 1e-4, "accumulate": 2},
    )
    whole, cut = trained(settings, data, 1), trained(settings, data, 3)
    for (one, _), (other, _) in zip(whole, cut, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-5)
        assert other["val_loss"] == pytest.approx(one["val_loss"], rel=1e-4)
    first, last = whole[0][1].weights, whole[1][1].weights
    moved = max(float(np.abs(last[name] - first[name]).max()) for name in last)
    apart = max(float(np.abs(last[name] - cut[1][1].weights[name]).max()) for name in last)
    assert apart < 0.1 * moved, (apart, moved)


def starve() -> None:
    """Let this process take SPARE_BYTES more, and refuse it what goes beyond."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    used = 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + SPARE_BYTES, resource.RLIM_INFINITY))


def train_starved(engine: str, data_dir: Path) -> tuple[str, int]:
    """Train on 32 lines at a time with too little memory, then in 16 micro-batches; return error and epochs."""
    settings = real_lines.config(engine=engine, batch_size=32, epochs=1)
    data = real_lines.few_lines(data_dir, train=32, val=2)
    trained(settings, real_lines.few_lines(data_dir, train=4, val=2), 1)  # what is loaded once does not count
    starve()
    said = ""
    try:
        trained(settings, data, 1)
    except MemoryShortError as error:
        said = str(error)
    return said, len(trained(settings, data, 16))


@pytest.mark.slow
@pytest.mark.parametrize("engine", RECOGNISERS)
def test_too_little_memory_is_named_and_micro_batches_need_less(
    engine: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", str(MAPPED_BYTES))
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        said, epochs = pool.submit(train_starved, engine, data_dir).result()
    assert re.search(r"batch_size=32: .*accumulate", said)
    assert epochs == 1

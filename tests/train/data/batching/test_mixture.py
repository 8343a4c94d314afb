"""Batches of several sets, for any widths and shares."""

from dataclasses import replace
from itertools import repeat

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.real_lines import config, lines
from train.data.batching.batches import Indices, training_batches, worker_share
from train.data.batching.epoch import epoch_lines
from train.data.batching.mixture import Extra, Mixture, Subset, mixed_batches, require_extras
from train.data.charset import domain_charset
from train.data.dataset import MemoryDataset
from train.errors import UsageError
from train.tasks.recognition import Recognition

Widths = npt.NDArray[np.int32]
WIDTHS = st.lists(st.integers(1, 1600), min_size=1, max_size=150).map(lambda w: np.array(w, np.int32))


def widths_of(count: int, seed: int = 0) -> Widths:
    return np.random.default_rng(seed).integers(20, 900, count).astype(np.int32)


def mixed(
    first: Widths, others: list[Widths], shares: list[float], size: int, epoch: int = 1
) -> list[Indices]:
    return mixed_batches([first, *others], shares, repeat(size), seed=0, epoch=epoch)[0]


def plain(batches: list[Indices]) -> list[list[int]]:
    return [batch.tolist() for batch in batches]


@given(widths=WIDTHS, size=st.integers(1, 40), seed=st.integers(0, 5), epoch=st.integers(1, 5))
def test_one_set_alone_is_batched_as_ever(widths: Widths, size: int, seed: int, epoch: int) -> None:
    alone, _ = mixed_batches([widths], [], repeat(size), seed, epoch)
    assert plain(alone) == plain(training_batches(widths, size, seed, epoch))


@given(first=WIDTHS, other=WIDTHS, share=st.floats(0.01, 0.9), size=st.integers(1, 40))
def test_every_training_line_comes_once_and_no_batch_is_too_large(
    first: Widths, other: Widths, share: float, size: int
) -> None:
    batches, [copies] = mixed_batches([first, other], [share], repeat(size), seed=0, epoch=1)
    own = np.concatenate([batch[batch < len(first)] for batch in batches])
    assert sorted(own.tolist()) == list(range(len(first)))
    assert all(len(batch) <= size and (batch < len(first)).any() for batch in batches)
    every = np.concatenate(batches)
    assert len(set(every.tolist())) == len(every)  # one that comes again is another copy's
    assert every.max() < len(first) + copies * len(other)


@pytest.mark.parametrize(("shares", "size"), [([0.3], 16), ([0.05], 8), ([0.9], 32), ([0.25, 0.5], 12)])
def test_the_shares_are_kept(shares: list[float], size: int) -> None:
    first = widths_of(480)
    others = [widths_of(200, seed) for seed in range(1, len(shares) + 1)]
    batches, copies = mixed_batches([first, *others], shares, repeat(size), seed=0, epoch=1)
    everything = np.concatenate(batches)
    start = len(first)
    for share, other, copied in zip(shares, others, copies, strict=True):
        held = ((everything >= start) & (everything < start + copied * len(other))).mean()
        assert held == pytest.approx(share, abs=0.02)
        start += copied * len(other)
    assert min(map(len, batches)) >= size - 2
    if len(shares) == 1:
        assert {abs((b >= 480).sum() - shares[0] * size) < 1.5 for b in batches} == {True}


def test_no_extra_line_comes_again_before_all_have_come() -> None:
    every = np.concatenate(mixed(widths_of(100), [widths_of(30, 1)], [0.5], 10))
    counts = np.bincount((every[every >= 100] - 100) % 30)
    assert counts.sum() == 100
    assert set(counts.tolist()) == {3, 4}
    once = np.bincount(np.concatenate(mixed(widths_of(20), [widths_of(90, 1)], [0.5], 10)))[20:]
    assert once.max() == 1


def test_epochs_draw_anew_and_repeat_alike() -> None:
    first, other = widths_of(40), widths_of(500, 1)
    one, again, two = (mixed(first, [other], [0.5], 8, epoch) for epoch in (1, 1, 2))
    assert plain(one) == plain(again)
    drawn = [{int(i) for batch in epoch for i in batch if i >= 40} for epoch in (one, two)]
    assert drawn[0] != drawn[1]


def test_two_further_sets_draw_apart() -> None:
    batches = np.concatenate(mixed(widths_of(60), [widths_of(90, 1)] * 2, [0.3, 0.3], 10))
    first, second = (sorted((batches[(batches >= s) & (batches < s + 90)] - s).tolist()) for s in (60, 150))
    assert first != second


def test_lines_of_similar_width_share_a_mixed_batch() -> None:
    first, other = widths_of(256), widths_of(256, 1)
    widths = np.concatenate([first, other])
    batches = mixed(first, [other], [0.5], 16)
    computed = sum(int(widths[batch].max()) * len(batch) for batch in batches)
    assert computed < 1.4 * sum(int(widths[batch].sum()) for batch in batches)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_compute_every_line_of_a_mixed_batch_once(workers: int) -> None:
    batches = mixed(widths_of(50), [widths_of(20, 1)], [0.4], 7)
    shares = [[worker_share(batch, rank, workers) for rank in range(workers)] for batch in batches]
    for batch, parts in zip(batches, shares, strict=True):
        assert sorted(np.concatenate(parts).tolist()) == sorted(batch.tolist())


@pytest.fixture(scope="module")
def parts(data_dir: object) -> list[MemoryDataset]:
    return [lines(data_dir, "vin", count=5), lines(data_dir, "receipts", count=7)]  # type: ignore[arg-type]


def test_a_mixture_holds_its_sets_one_behind_the_other(parts: list[MemoryDataset]) -> None:
    both = Mixture(parts)
    assert len(both) == 12
    assert both.texts == parts[0].texts + parts[1].texts
    assert both.sources == parts[0].sources + parts[1].sources
    assert both.widths.tolist() == [*parts[0].widths, *parts[1].widths]
    for index in range(12):
        part, at = (parts[0], index) if index < 5 else (parts[1], index - 5)
        np.testing.assert_array_equal(both.image(index), part.image(at))
        assert both.peers(index) == (range(5) if index < 5 else range(5, 12))


def test_an_epoch_mixes_what_the_configuration_asks_for(parts: list[MemoryDataset]) -> None:
    settings = config(batch_size=4, synthetic=0.5)
    mixture, batches = epoch_lines(settings, parts[0], [Extra("synthetic", 0.5, parts[1])], epoch=1)
    assert len(mixture) == 12
    assert [sum(index >= 5 for index in batch) for batch in batches if len(batch) == 4] == [2, 2]
    alone, same = epoch_lines(config(batch_size=4), parts[0], [], epoch=1)
    assert alone is parts[0]
    assert plain(same) == plain(training_batches(parts[0].widths, 4, 0, 1))


def test_a_line_that_comes_again_is_augmented_anew(parts: list[MemoryDataset]) -> None:
    settings = config(batch_size=4, synthetic=0.5, augmentation={"probability": 1.0, "operations": ["noise"]})
    one = Extra("synthetic", 0.5, Subset(parts[1], [0]))
    lines, batches = epoch_lines(settings, parts[0], [one], epoch=1)
    again = [int(i) for i in np.concatenate(batches) if i >= 5]
    task = Recognition(settings, domain_charset(lines.texts))
    seen = {task.batch(lines, np.array([i]), 1).images.tobytes() for i in again}
    assert len(seen) == len(again) > 1


def test_a_share_of_nothing_is_refused(parts: list[MemoryDataset]) -> None:
    with pytest.raises(
        UsageError, match=r"synthetic=0\.2 and none; name their labels \(--synthetic-labels FILE\)"
    ):
        require_extras([Extra("synthetic", 0.2, None)])
    with pytest.raises(UsageError, match="lower them"):
        require_extras([Extra("synthetic", 0.5, parts[0]), Extra("replay", 0.5, parts[1])])
    assert require_extras([Extra("synthetic", 0.0, None)]) == []


def test_only_lines_that_the_head_can_write_are_drawn(parts: list[MemoryDataset]) -> None:
    texts = ("AB", "aB", "CAB", "", "X")
    some = replace(parts[0], texts=texts)
    kept = Extra("replay", 0.5, some).writable(domain_charset(["ABC"])).lines
    assert (kept.texts, len(kept)) == (("AB", "CAB", ""), 3)
    assert kept.widths.tolist() == [parts[0].widths[i] for i in (0, 2, 3)]
    for index, at in enumerate((0, 2, 3)):
        np.testing.assert_array_equal(kept.image(index), parts[0].image(at))
    with pytest.raises(UsageError, match="replay needs lines that the charset can write"):
        Extra("replay", 0.5, parts[0]).writable(domain_charset(["~"]))

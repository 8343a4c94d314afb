"""Batches of several sets: every own line once, the shares kept, the same for all who ask."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.real_lines import lines
from train.data.batches import Indices, training_batches, worker_share
from train.data.charset import domain_charset
from train.data.dataset import Dataset
from train.data.mixture import Extra, Mixture, mixed_batches, writable_extra
from train.errors import UsageError

SHARES = st.floats(0.01, 0.9)
WIDTHS = st.lists(st.integers(1, 1600), min_size=3, max_size=200).map(lambda w: np.array(w, np.int32))


def mixed(widths: npt.NDArray[np.int32], own: int, share: float, size: int, epoch: int = 1) -> list[Indices]:
    further = np.arange(own, len(widths))
    return mixed_batches(widths, own, [(further, share)], size, 0, epoch)


@given(widths=WIDTHS, size=st.integers(1, 40), seed=st.integers(0, 9), epoch=st.integers(1, 9))
def test_without_further_sets_nothing_changes(
    widths: npt.NDArray[np.int32], size: int, seed: int, epoch: int
) -> None:
    ours = mixed_batches(widths, len(widths), [], size, seed, epoch)
    theirs = training_batches(widths, size, seed, epoch)
    assert [batch.tolist() for batch in ours] == [batch.tolist() for batch in theirs]


@given(widths=WIDTHS, size=st.integers(1, 40), share=SHARES)
def test_own_lines_come_once_and_every_batch_has_its_share(
    widths: npt.NDArray[np.int32], size: int, share: float
) -> None:
    own = len(widths) // 2
    batches = mixed(widths, own, share, size)
    everything = np.concatenate(batches)
    assert sorted(everything[everything < own].tolist()) == list(range(own))
    assert all(len(batch) <= size for batch in batches)
    for batch in batches:
        assert abs((batch >= own).sum() - share * len(batch)) <= 1.5
    assert abs((everything >= own).sum() - share * len(everything)) <= 1 + share * len(batches[-1])
    again = np.bincount(everything[everything >= own], minlength=len(widths))[own:]
    assert again.max() - again.min() <= 1, "every further line comes once before any comes again"


def test_two_further_sets_have_their_shares() -> None:
    widths = np.full(900, 200, np.int32)
    pools = [(np.arange(300, 600), 0.25), (np.arange(600, 900), 0.5)]
    batches = mixed_batches(widths, 300, pools, 8, 0, 1)
    counts = [[int(((b >= low) & (b < low + 300)).sum()) for low in (0, 300, 600)] for b in batches[:-1]]
    assert counts.count([2, 2, 4]) >= len(batches) - 2
    assert sum(own for own, *_ in counts) + int((batches[-1] < 300).sum()) == 300


def test_seed_and_epoch_alone_decide() -> None:
    widths = np.random.default_rng(0).integers(32, 640, 200).astype(np.int32)
    first, second, later = (mixed(widths, 100, 0.3, 8, epoch) for epoch in (1, 1, 2))
    assert [b.tolist() for b in first] == [b.tolist() for b in second]
    assert {i for b in first for i in b if i >= 100} != {i for b in later for i in b if i >= 100}


def test_lines_of_similar_width_share_a_batch() -> None:
    widths = np.random.default_rng(0).integers(32, 640, 600).astype(np.int32)
    batches = mixed(widths, 300, 0.5, 8)
    computed = sum(int(widths[batch].max()) * len(batch) for batch in batches)
    assert computed < 1.3 * sum(int(widths[batch].sum()) for batch in batches)


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_compute_every_line_once(workers: int) -> None:
    for batch in mixed(np.full(60, 100, np.int32), 30, 0.5, 8):
        shares = [worker_share(batch, rank, workers) for rank in range(workers)]
        assert sorted(np.concatenate(shares).tolist()) == sorted(batch.tolist())


@pytest.fixture(scope="module")
def vin(data_dir: Path) -> Dataset:
    return lines(data_dir, count=6)


@pytest.fixture(scope="module")
def words(data_dir: Path) -> Dataset:
    return lines(data_dir, "scene_words", count=5)


def test_a_mixture_is_its_parts_one_behind_the_other(vin: Dataset, words: Dataset) -> None:
    mixture = Mixture(vin, (Extra(words, np.array([1, 3]), 0.5),))
    assert mixture.texts == vin.texts + words.texts
    for index, (part, place) in enumerate([(vin, i) for i in range(6)] + [(words, i) for i in range(5)]):
        assert np.array_equal(mixture.image(index), part.image(place))
        assert mixture.widths[index] == part.widths[place]
        assert mixture.peers(index) == (range(6) if part is vin else range(6, 11))
    drawn = np.concatenate(mixture.batches(4, 0, 1))
    assert {int(i) for i in drawn if i >= 6} == {7, 9}


def test_only_lines_that_the_head_can_write_are_drawn(vin: Dataset, words: Dataset) -> None:
    charset = domain_charset(["ABC"])
    mixed_texts = replace(words, texts=("AB", "aB", "CAB", "", "X"))
    [extra] = writable_extra(mixed_texts, 0.5, charset, "replay", "--general-labels FILE")
    assert extra.usable.tolist() == [0, 2, 3]
    assert writable_extra(None, 0.0, charset, "replay", "--general-labels FILE") == ()
    with pytest.raises(UsageError, match=r"replay needs lines to draw from.*add --general-labels FILE"):
        writable_extra(None, 0.5, charset, "replay", "--general-labels FILE")
    with pytest.raises(UsageError, match="none of 6 with 3 characters; use charset: keep"):
        writable_extra(vin, 0.5, charset, "replay", "--general-labels FILE")

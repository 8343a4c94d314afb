"""Batches of many shapes, none larger than it would be at the usual one."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.real_lines import config, lines
from train.config import TrialConfig, config_from_mapping
from train.data.batching.epoch import epoch_lines
from train.data.batching.multi_scale import batch_sizes
from train.data.charset import domain_charset
from train.data.dataset import MemoryDataset
from train.data.images import MAX_WIDTH_PX
from train.errors import UsageError
from train.tasks.recognition import Recognition


@pytest.fixture(scope="module")
def words(data_dir: Path) -> MemoryDataset:
    return lines(data_dir, "scene_words", "train", 120)


@given(size=st.integers(1, 64), scale=st.floats(0.01, 1.0), epoch=st.integers(1, 9))
def test_sizes_stay_in_reach_and_vary(size: int, scale: float, epoch: int) -> None:
    sizes = list(islice(batch_sizes(size, scale, 0, epoch), 200))
    assert min(sizes) >= max(1, round(size / (1 + scale)))
    assert max(sizes) <= round(size * (1 + scale))
    assert sizes == list(islice(batch_sizes(size, scale, 0, epoch), 200))


def test_without_it_batches_are_as_ever(words: MemoryDataset) -> None:
    assert list(islice(batch_sizes(16, 0.0, 0, 1), 5)) == [16] * 5
    assert epoch_lines(config(), words, [], 1)[0] is words


def test_every_batch_has_the_pixels_of_the_usual_one(words: MemoryDataset) -> None:
    settings = config(batch_size=12, multi_scale=0.5)
    scaled, batches = epoch_lines(settings, words, [], 1)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(words)))
    assert len({len(batch) for batch in batches}) > 2
    wider = narrower = 0
    for batch in batches:
        factor = scaled.widths[batch] / words.widths[batch]
        assert np.ptp(factor) < 0.05
        assert factor.max() < 1.5 + 0.05
        assert scaled.widths[batch].sum() <= 12 * words.widths[batch].mean() + len(batch)
        wider, narrower = wider + (factor.mean() > 1.1), narrower + (factor.mean() < 0.9)
    assert wider
    assert narrower


def test_lines_are_stretched_and_keep_their_texts(words: MemoryDataset) -> None:
    scaled, batches = epoch_lines(config(batch_size=12, multi_scale=0.5), words, [], 1)
    assert scaled.texts == words.texts
    index = int(min(batches, key=len)[0])
    expected = cv2.resize(words.image(index), (int(scaled.widths[index]), 48))
    np.testing.assert_array_equal(scaled.image(index), expected)
    assert scaled.widths.max() <= MAX_WIDTH_PX


def test_epochs_differ_and_repeat(words: MemoryDataset) -> None:
    settings = config(batch_size=12, multi_scale=0.3)
    one, again, two = (epoch_lines(settings, words, [], epoch)[0].widths.tolist() for epoch in (1, 1, 2))
    assert one == again != two


def test_labels_still_fit_their_stretched_lines(words: MemoryDataset) -> None:
    settings = config(batch_size=12, multi_scale=1.0)
    task = Recognition(settings, domain_charset(words.texts))
    scaled, batches = epoch_lines(settings, words, [], 1)
    for indices in batches:
        batch = task.batch(scaled, indices, 1)
        assert batch.images.shape[3] // 8 >= max(len(target) for target in batch.targets)


def test_at_a_fixed_width_it_is_refused() -> None:
    with pytest.raises(UsageError, match="multi_scale needs fit_width 0, got fit_width=320"):
        config_from_mapping({"fit_width": 320, "multi_scale": 0.2}, "test")
    assert TrialConfig(fit_width=320).multi_scale == 0

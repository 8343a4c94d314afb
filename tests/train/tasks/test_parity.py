"""The parity gate's rule, without any model."""

from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from train.data.charset import Charset
from train.data.dataset import MemoryDataset
from train.tasks.parity import (
    BATCH_LINES,
    TOLERANCE,
    WIDTHS_PX,
    ParityResult,
    class_verdicts,
    compare,
    line_batches,
    text_verdicts,
)

Array = npt.NDArray[np.float32]
CHARSET = Charset(("a", "b"))
VERDICTS = partial(text_verdicts, charset=CHARSET)


def dataset(widths: list[int]) -> MemoryDataset:
    sizes = np.array(widths, np.int64) * 48 * 3
    pixels = np.random.default_rng(0).integers(0, 256, int(sizes.sum()), dtype=np.uint8)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    names = tuple(map(str, widths))
    heights = np.full(len(widths), 48, np.int32)
    shapes = np.stack([heights, np.array(widths, np.int32)], axis=1)
    return MemoryDataset(pixels, offsets, heights, shapes[:, 1], shapes, names, names)


def outputs(*steps: list[float]) -> Array:
    return np.array([steps], np.float32)


def judge(expected: Array, found: Array) -> ParityResult:
    batch = np.zeros((1, 3, 48, 80), np.float32)
    return compare(lambda _: expected, lambda _: found, iter([batch]), VERDICTS)


def test_equal_outputs_pass() -> None:
    result = judge(outputs([0.1, 0.8, 0.1]), outputs([0.1, 0.8, 0.1]))
    assert result.passed
    assert result.lines == 1


def test_another_text_fails() -> None:
    result = judge(outputs([0.1, 0.5, 0.4]), outputs([0.1, 0.4, 0.5]))
    assert result.differing == 1
    assert not result.passed


def test_a_tie_is_counted_but_no_fault() -> None:
    result = judge(outputs([0.0, 0.50001, 0.49999]), outputs([0.0, 0.49999, 0.50001]))
    assert (result.differing, result.ties, result.passed) == (0, 1, True)


def test_a_tie_does_not_hide_another_fault() -> None:
    expected = outputs([0.0, 0.50001, 0.49999], [1.0, 0.0, 0.0], [0.0, 0.9, 0.1])
    found = outputs([0.0, 0.49999, 0.50001], [1.0, 0.0, 0.0], [0.0, 0.1, 0.9])
    assert judge(expected, found).differing == 1


@pytest.mark.parametrize("off", [2 * TOLERANCE, np.nan, np.inf])
def test_the_same_text_with_other_probabilities_fails(off: float) -> None:
    result = judge(outputs([0.1, 0.8, 0.1]), outputs([0.1, 0.8 + off, 0.1]))
    assert not result.passed


def test_what_rounding_does_to_the_reference_is_no_fault() -> None:
    def shaky(batch: Array) -> Array:
        return outputs([0.0, 0.499, 0.501] if batch.any() else [0.0, 0.501, 0.499])

    batch = np.zeros((1, 3, 48, 80), np.float32)
    near, far = outputs([0.0, 0.4995, 0.5005]), outputs([0.0, 0.45, 0.55])
    passed, failed = (
        compare(shaky, lambda _, found=found: found, [batch], VERDICTS) for found in (near, far)
    )
    assert (passed.passed, passed.ties, passed.off) == (True, 1, 0)
    assert (failed.passed, failed.off) == (False, 1)


def test_what_rounding_explains_at_one_step_excuses_no_other() -> None:
    """Neither a probability nor a text: between 0.5004 and 0.4996 no tie decides."""
    sure, shaky_step = [0.0, 0.5004, 0.4996], [0.0, 0.501, 0.499]

    def shaky(batch: Array) -> Array:
        return outputs(sure, [1.0, 0.0, 0.0], [0.0, 0.499, 0.501] if batch.any() else shaky_step)

    batch = np.zeros((1, 3, 48, 80), np.float32)
    moved, misread = (
        compare(
            shaky,
            lambda _, first=first: outputs(first, [1.0, 0.0, 0.0], [0.0, 0.4995, 0.5005]),
            [batch],
            VERDICTS,
        )
        for first in ([0.0, 0.502, 0.498], [0.0, 0.4998, 0.5002])
    )
    assert (moved.off, moved.differing, moved.ties) == (1, 0, 1)
    assert (misread.off, misread.differing) == (0, 1)


def test_a_pixel_beside_one_that_rounding_moves_may_move_and_no_other() -> None:
    still = np.zeros((1, 1, 8, 8), np.float32)

    def shaky(batch: Array) -> Array:
        moved = still.copy()
        moved[0, 0, 2, 2] = 0.002 * batch.any()
        return moved

    for place, off in ((2, 0), (3, 0), (4, 1)):
        found = still.copy()
        found[0, 0, 2, place] = 0.003
        none = compare(
            shaky,
            lambda _, found=found: found,
            [np.zeros((1, 3, 8, 8), np.float32)],
            lambda one, _: iter([(False, False)] * len(one)),
        )
        assert none.off == off


def test_nan_in_an_early_batch_is_not_forgotten() -> None:
    good, bad = outputs([0.1, 0.8, 0.1]), outputs([0.1, np.nan, 0.1])
    answers = iter([bad, good])
    batches = iter([np.zeros((1, 3, 48, 80), np.float32)] * 2)
    assert not compare(lambda _: good, lambda _: next(answers), batches, VERDICTS).passed


def test_a_class_that_rounding_decides_is_a_tie() -> None:
    expected = np.array([[0.9, 0.1], [0.9, 0.1], [0.50001, 0.49999]], np.float32)
    found = np.array([[0.8, 0.2], [0.1, 0.9], [0.49999, 0.50001]], np.float32)
    assert list(class_verdicts(expected, found)) == [(False, False), (True, False), (False, True)]


def test_another_shape_fails() -> None:
    one, two = outputs([0.1, 0.8, 0.1]), outputs([0.1, 0.8, 0.1], [0.9, 0.0, 0.1])
    assert judge(one, two).differing == 1


@pytest.mark.parametrize("widths", [[20], [100, 700, 30, 30], [90] * 200])
def test_batches_cover_every_width_and_size(widths: list[int]) -> None:
    batches = list(line_batches(dataset(widths)))
    shapes = {(batch.shape[3], batch.shape[0]) for batch in batches}
    assert {(width, count) for width in WIDTHS_PX for count in BATCH_LINES} <= shapes
    assert all(batch.dtype == np.float32 and batch.shape[1:3] == (3, 48) for batch in batches)


def test_batches_of_the_fixed_widths_have_text_from_end_to_end() -> None:
    first = next(line_batches(dataset([30, 20, 10])))
    assert np.abs(first[:, :, :, -1]).max() > 0

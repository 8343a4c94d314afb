"""What every registered augmentation must keep."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.real_lines import config, lines
from train.data.augment import AUGMENTATIONS, Augmentation, sample_rng
from train.data.dataset import MemoryDataset
from train.data.images import Image
from train.engine import Engine
from train.loop import assemble
from train.steps.validation import evaluate
from train.tasks import Task

Reader = tuple[Engine, Task, MemoryDataset]

WIDTHS_PX = (1, 7, 64, 265, 1600)


def line(width_px: int) -> Image:
    """A read-only line with a bright stroke in every 16 px."""
    image = np.full((48, width_px, 3), 90, np.uint8)
    image[12:36, 4::16] = 220
    image.setflags(write=False)
    return image


@pytest.fixture(params=AUGMENTATIONS.names())
def operation(request: pytest.FixtureRequest) -> Augmentation:
    return AUGMENTATIONS.get(request.param)


@pytest.mark.parametrize("width_px", WIDTHS_PX)
def test_shape_and_type_stay(operation: Augmentation, width_px: int) -> None:
    for strength, index in product((0.0, 0.5, 1.0), range(5)):
        changed = operation(line(width_px), strength, sample_rng(0, 0, index))
        assert changed.shape == (48, width_px, 3), strength
        assert changed.dtype == np.uint8


def test_the_input_is_not_written_to(operation: Augmentation) -> None:
    image = line(264).copy()
    operation(image, 1.0, sample_rng(0, 0, 0))
    np.testing.assert_array_equal(image, line(264))


def test_the_same_generator_gives_the_same_line(operation: Augmentation) -> None:
    first, second = (operation(line(264), 0.7, sample_rng(1, 2, 3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_full_strength_changes_the_line(operation: Augmentation) -> None:
    assert (operation(line(264), 1.0, sample_rng(0, 0, 0)) != line(264)).any()


def test_no_strength_changes_next_to_nothing(operation: Augmentation) -> None:
    difference = np.abs(operation(line(264), 0.0, sample_rng(0, 0, 0)).astype(int) - line(264))
    assert difference.mean() < 3


def test_lines_are_not_mirrored(operation: Augmentation) -> None:
    """Light on dark or dark on light, what is changed looks more like the line than like its mirror images."""
    image = np.full((48, 256, 3), 60, np.uint8)
    image[6:20, 20:120] = image[20:28, 40:60] = 200
    mirrored = image[::-1], image[:, ::-1]
    for index in range(20):
        changed = operation(image, 1.0, sample_rng(0, 0, index)).ravel()
        alike = [abs(np.corrcoef(changed, other.ravel())[0, 1]) for other in (image, *mirrored)]
        assert alike[0] > max(alike[1:])


@pytest.fixture(scope="module")
def reader(data_dir: Path) -> Reader:
    """A model as published, and lines that it reads but for one."""
    data = lines(data_dir, split="val", count=24)
    assert isinstance(data, MemoryDataset)
    return (*assemble(config(engine="torch", model="pp-ocrv6-small", fit_width=320), data), data)


@pytest.mark.slow
def test_full_strength_leaves_lines_that_can_be_read(operation: Augmentation, reader: Reader) -> None:
    """A text that cannot be seen teaches to guess: of ten characters not one may be lost."""
    engine, task, data = reader
    changed = [operation(data.image(i), 1.0, sample_rng(0, 1, i)).ravel() for i in range(len(data))]
    scores, _ = evaluate(engine, task, replace(data, pixels=np.concatenate(changed)))
    assert scores.tie > 0.95

"""The recognition task: augmented batches whose labels still stand in the picture and fit the output."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from serve.inference.beam import find_alternatives
from tests.real_lines import config, lines
from train.data import images
from train.data.augment.pair import Line, concatenate, fits
from train.data.batching.mixture import Mixture
from train.data.charset import Charset, domain_charset, steps_needed
from train.data.dataset import Dataset, MemoryDataset
from train.loop import assemble
from train.tasks.recognition import Recognition


@pytest.fixture(scope="module")
def words(data_dir: Path) -> Dataset:
    return lines(data_dir, "scene_words", "val", 40)


def task_for(data: Dataset, **augmentation: Any) -> Recognition:
    return Recognition(config(augmentation=augmentation), domain_charset(data.texts))


def text_of(target: list[int], data: Dataset) -> str:
    return "".join(domain_charset(data.texts).characters[c - 1] for c in target)


@pytest.mark.parametrize("concat", [0.0, 1.0])
def test_every_label_fits_its_output(concat: float, words: Dataset) -> None:
    task = task_for(words, probability=1.0, strength=1.0, concat=concat)
    for epoch in range(1, 4):
        batch = task.batch(words, np.arange(len(words)), epoch)
        steps = batch.images.shape[3] // images.STEP_PX
        assert batch.images.shape[3] % images.BUCKET_PX == 0
        assert all(len(target) > 0 and steps_needed(target) <= steps for target in batch.targets)
        assert batch.images.dtype == np.float32
        assert np.abs(batch.images).max() <= 1


def test_without_augmentation_a_batch_is_the_lines_themselves(words: Dataset) -> None:
    task = task_for(words, probability=0.0)
    indices = np.array([3, 1, 7])
    batch = task.batch(words, indices, 1)
    expected = task.padded(words, indices, batch.images.shape[3])
    np.testing.assert_array_equal(batch.images, expected)
    assert [text_of(list(target), words) for target in batch.targets] == [words.texts[i] for i in indices]


def test_samples_look_different_in_every_epoch_and_alike_in_every_batch(words: Dataset) -> None:
    task = task_for(words, probability=0.6, strength=0.7)
    first, again, later = (task.batch(words, np.arange(6), epoch).images for epoch in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != later).any()
    alone = task.batch(words, np.array([4]), 1).images
    width = min(int(words.widths[4]), alone.shape[3])
    np.testing.assert_array_equal(alone[0, :, :, :width], first[4, :, :, :width])


def one_of(words: MemoryDataset, text: str) -> MemoryDataset:
    """Return the first word alone, labelled otherwise."""
    first = {name: getattr(words, name)[:1] for name in ("heights", "widths", "sizes", "sources")}
    return replace(words, texts=(text,), **first)


def test_a_label_too_long_for_its_line_gets_room(words: Dataset) -> None:
    narrow = one_of(words, "A" * 40)
    batch = task_for(narrow, probability=0.0).batch(narrow, np.array([0]), 1)
    assert batch.images.shape[3] // images.STEP_PX >= 79


def test_joined_lines_carry_all_their_texts(words: Dataset) -> None:
    batch = task_for(words, probability=0.0, concat=1.0).batch(words, np.arange(len(words)), 1)
    two = {first + second for first in words.texts for second in words.texts}
    joined = [0, 0]
    for index, target in enumerate(batch.targets):
        text = text_of(list(target), words)
        assert text.startswith(words.texts[index])
        rest = text.removeprefix(words.texts[index])
        assert not rest or rest in words.texts or rest in two
        if rest:
            joined[rest not in words.texts] += 1
    assert sum(joined) > len(words) // 3
    assert joined[1]


def test_lines_that_are_to_be_divided_are_joined_with_spaces(words: Dataset) -> None:
    charset = domain_charset([*words.texts, " "])
    how = config(augmentation={"probability": 0.0, "concat": 1.0}, cut={"words": True})
    task = Recognition(how, charset)
    targets = task.batch(words, np.arange(len(words)), 1).targets
    own = [task.targets(words, np.array([index]))[0] for index in range(len(words))]
    joined = [(t[: len(o)], t[len(o)]) for t, o in zip(targets, own, strict=True) if len(t) > len(o)]
    assert len(joined) > len(words) // 4
    assert {following for _, following in joined} == {*charset.encode(" ")}


def test_partners_come_from_a_line_s_own_set(words: Dataset) -> None:
    both = Mixture([replace(words, texts=("A",) * len(words)), replace(words, texts=("B",) * len(words))])
    task = Recognition(config(augmentation={"probability": 0.0, "concat": 1.0}), domain_charset("AB"))
    batch = task.batch(both, np.arange(len(both)), 1)
    assert {len(set(target)) for target in batch.targets} == {1}
    assert max(len(target) for target in batch.targets) == 3


def test_the_pretrained_model_reads_joined_lines(words: Dataset) -> None:
    """A join that hides, squeezes or swaps text would be read worse than its halves."""
    engine, task = assemble(config(model="pp-ocrv6-tiny", charset="keep"), words)
    pairs = [(i, i + 1) for i in range(0, 24, 2)]
    halves = [Line(words.image(i), words.texts[i]) for i in range(len(words))]
    joined = [concatenate(halves[a], halves[b]) for a, b in pairs if fits(halves[a], halves[b])]
    assert len(joined) > 5

    def similarity(some: list[Line]) -> float:
        width = images.bucket_width(max(line.image.shape[1] for line in some))
        read = task.decode(engine.predict(images.to_batch([line.image for line in some], width)))
        scores = [
            Levenshtein.normalized_similarity(a[0], line.text) for a, line in zip(read, some, strict=True)
        ]
        return float(np.mean(scores))

    assert similarity(joined) > similarity(halves[:24]) - 0.2


def test_lines_of_a_fixed_width_train_on_the_pixels_that_evaluation_reads(data_dir: Path) -> None:
    import paddle

    data = lines(data_dir, "vin", "val", 12)
    task = Recognition(config(fit_width=320, augmentation={"probability": 0}), domain_charset(data.texts))
    trained = task.batch(data, np.arange(len(data)), epoch=1).images
    for index in range(len(data)):
        width = images.bucket_width(int(data.widths[index]))
        padded = paddle.to_tensor(task.padded(data, np.array([index]), width))
        read = paddle.nn.functional.interpolate(padded, [48, 320], mode="bilinear", align_corners=False)
        np.testing.assert_allclose(trained[index], read.numpy()[0], atol=1e-4)


def test_a_right_to_left_line_is_taught_as_it_looks_and_read_as_people_do() -> None:
    text = "שלום (ABC) 12/05"
    charset = domain_charset([text])
    target = Charset(charset.characters).encode(text)
    assert "".join(charset.characters[number - 1] for number in target) == "12/05 (ABC) םולש"
    output = np.zeros((1, 2 * len(target), charset.classes), np.float32)
    output[0, np.arange(2 * len(target)), [number for c in target for number in (c, 0)]] = 0.9
    task = Recognition(config(), charset)
    assert task.decode(output) == [(text, pytest.approx(0.9))]
    assert find_alternatives(output[0], charset.characters, 1)[0][0] == text

"""The task of detection: what it trains on, how predictions become scores, and what is chosen after training."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.real_photos import config, labelled_photos, samples
from train.bundle import SETTINGS
from train.config import TrialConfig
from train.data.batching.mixture import Extra
from train.data.charset import Charset
from train.data.checks.checking import cheap_check, drop_faulty
from train.data.dataset import MemoryDataset
from train.data.geometry.detection import Quads
from train.data.geometry.rectangles import smallest_rectangle
from train.data.photos.regions import Region, label_of, regions_of
from train.data.split import given_splits, make_splits
from train.errors import UsageError
from train.steps.fits import check_settings
from train.tasks.detection import DetectedBoxes, Detection


@pytest.fixture(scope="module")
def photos(data_dir: Path) -> MemoryDataset:
    return labelled_photos(data_dir, split="val", count=4)


def task(**changes: Any) -> Detection:
    return Detection(config(**changes), Charset(()))


def labels_of(photos: MemoryDataset, index: int) -> Quads:
    """Return the labels of a photo as a perfect detector would give them."""
    corners = [smallest_rectangle(np.array(r.points, np.int32))[0] for r in regions_of(photos.texts[index])]
    return np.array(corners).astype(np.int32)


def found(quads: Quads) -> DetectedBoxes:
    return DetectedBoxes(quads, np.full(len(quads), 0.9))


def test_settings_that_do_nothing_are_refused() -> None:
    check_settings(config())
    for changes in ({"label_smoothing": 0.1}, {"fit_width": 320}, {"augmentation": {"concat": 0.5}}):
        with pytest.raises(UsageError, match="does nothing for the task detection"):
            check_settings(config(**changes))
    with pytest.raises(UsageError, match="detection does nothing for the task recognition"):
        check_settings(TrialConfig(detection={"crop_px": 640}))  # type: ignore[arg-type]


def test_scales_out_of_order_are_refused() -> None:
    with pytest.raises(UsageError, match="min_scale must not be more than max_scale"):
        config(detection={"min_scale": 3})


def test_photos_of_other_kinds_are_mixed_into_every_batch(photos: MemoryDataset, data_dir: Path) -> None:
    """Few photos alone teach a detector to forget all others."""
    others = labelled_photos(data_dir, "scene_words", split="val", count=2)
    mixed = config(batch_size=4, replay=0.5)
    lines, batches = task().training_batches(mixed, photos, [Extra("replay", 0.5, others)], epoch=1)
    assert [sum(int(index) >= len(photos) for index in batch) for batch in batches] == [2, 2]
    assert {lines.sources[index] for batch in batches for index in batch} == {
        *photos.sources,
        *others.sources,
    }
    assert task().batch(lines, batches[0], epoch=1).images.shape == (4, 3, 128, 128)


def test_squares_have_one_size_a_batch_and_other_ones_in_the_next(photos: MemoryDataset) -> None:
    def sides(**changes: Any) -> set[int]:
        one = task(detection={"crop_px": 160}, **changes)
        batches = [
            one.batch(photos, np.array([i % 4, (i + 1) % 4]), epoch) for epoch in (1, 2, 3) for i in range(4)
        ]
        assert all(len(b.images) == 2 and b.targets.shape == (2, 4, *b.images.shape[2:]) for b in batches)
        return {b.images.shape[3] for b in batches}

    assert sides() == {160}
    assert len(sides(multi_scale=1.0)) > 1
    assert sides(multi_scale=1.0) <= set(range(96, 321, 32))


def test_targets_lie_where_the_text_is(photos: MemoryDataset) -> None:
    still = {"rotation_degrees": 0, "min_scale": 1, "max_scale": 1, "crop": 0, "crop_px": 256}
    batch = task(detection=still, augmentation={"probability": 0}).batch(photos, np.arange(4), 1)
    for index in range(4):
        inside = batch.targets[index, 0] > 0
        [quad] = labels_of(photos, index)
        rows, columns = np.nonzero(inside)
        assert quad[:, 0].min() <= columns.min() <= columns.max() <= quad[:, 0].max()
        assert quad[:, 1].min() <= rows.min() <= rows.max() <= quad[:, 1].max()
        assert inside.any()


def test_a_photo_is_right_if_it_has_all_texts_and_nothing_else(photos: MemoryDataset) -> None:
    right = [found(labels_of(photos, index)) for index in range(4)]
    none, wrong = (
        found(np.zeros((0, 4, 2), np.int32)),
        np.array([[[0, 0], [30, 0], [30, 9], [0, 9]]], np.int32),
    )
    too_many = found(np.concatenate([labels_of(photos, 2), wrong]))
    one, predictions = task(), [right[0], none, too_many, right[3]]
    assert one.score(right, photos).as_dict() == pytest.approx(
        {"n": 4, "precision": 1, "recall": 1, "hmean": 1, "iou": 1}, abs=0.05
    )
    scores = one.score(predictions, photos)
    assert (scores.precision, scores.recall) == (0.75, 0.75)
    rows = one.per_sample(predictions, photos)
    assert rows[:, :3].tolist() == [[1, 1, 1], [0, 0, 1], [1, 2, 1], [1, 1, 1]]
    assert one.primary(rows.sum(axis=0)) == scores.primary == scores.hmean
    mistakes = one.mistakes(predictions, photos)
    assert [(m.index, m.label, m.reading, m.faults) for m in mistakes] == [
        (1, "1 text", "0 boxes, 0 right", 1),
        (2, "1 text", "2 boxes, 1 right", 1),
    ]
    pictures = [one.picture(photos, 2, prediction) for prediction in (right[2], too_many)]
    assert (pictures[0][:10, :31] != pictures[1][:10, :31]).any()


def test_a_large_photo_is_scored_in_the_pixels_of_its_file(data_dir: Path) -> None:
    [photo] = samples(data_dir, "receipts", "val", 1)
    data = labelled_photos(data_dir, "receipts", "val", 1)
    small = replace(data, sizes=data.sizes * 3)  # as if the file were three times as large
    regions = tuple(
        replace(region, points=tuple((3 * x, 3 * y) for x, y in region.points))
        for region in regions_of(photo.text)
    )
    small = replace(small, texts=(label_of(regions),))
    one = task(detection={"max_side_px": 320})
    [indices] = one.evaluation_batches(small)
    inputs = one.evaluation_batch(small, indices)
    assert max(inputs.shape[2:]) == 320
    output = np.zeros((1, 1, *inputs.shape[2:]), np.float32)
    output[0, 0, 100:120, 50:150] = 0.9
    [quad] = one.decode(output, small, indices)[0].quads
    factor = small.sizes[0, 0] / output.shape[2]
    assert quad[:, 1].mean() == pytest.approx(110 * factor, abs=2 * factor)
    assert one.score([found(labels_of(small, 0))], small).hmean > 0.8


def test_thresholds_are_chosen_for_the_maps(photos: MemoryDataset) -> None:
    """Weak maps that the usual thresholds throw away: after tuning every text is found."""
    one, maps = task(), np.zeros((4, 1, 256, 256), np.float32)
    for index in range(4):
        [quad] = labels_of(photos, index)
        (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
        maps[index, 0, top + 3 : bottom - 2, left + 3 : right - 2] = 0.45
    everything = np.arange(4)
    assert one.score(one.decode(maps, photos, everything), photos).hmean == 0
    outputs = [(everything[:3], maps[:3]), (everything[3:], maps[3:])]
    chosen = one.tuned(outputs, photos)
    assert chosen.detection.box_thresh < 0.45
    for learnt, side in ((None, 960), ([[100, 200]], photos.sizes.max()), ([[500, 200]], 512)):
        sizes = None if learnt is None else np.array(learnt, np.int32)
        assert one.tuned(outputs, photos, sizes).detection.max_side_px == side  # a larger photo is shrunken
    better = Detection(chosen, Charset(()))
    assert better.score(better.decode(maps, photos, everything), photos).hmean == 1
    assert chosen.model_copy(update={"detection": one._config.detection}) == one._config


def test_what_paddleocr_and_serving_are_told(tmp_path: Path) -> None:
    one = task(detection={"max_side_px": 640, "thresh": 0.2, "box_thresh": 0.5, "unclip_ratio": 1.75})
    one.write_settings(tmp_path, "PP-OCRv6_tiny_det", Charset(()))
    told = yaml.safe_load((tmp_path / SETTINGS).read_text("utf-8"))
    assert told["PreProcess"]["transform_ops"][1] == {"DetResizeForTest": {"resize_long": 640}}
    chosen = {"thresh": 0.2, "box_thresh": 0.5, "unclip_ratio": 1.75}
    assert told["PostProcess"].items() >= chosen.items()
    assert one.settings().items() >= {"limit_side_len": 640, "limit_type": "max", **chosen}.items()


def test_the_gate_sees_a_box_too_many_and_forgives_a_pixel() -> None:
    one, maps = task(), np.zeros((1, 1, 96, 160), np.float32)
    maps[0, 0, 20:40, 20:120] = 0.9
    more, grown = maps.copy(), maps.copy()
    more[0, 0, 60:80, 20:120] = 0.9
    grown[0, 0, 20:40, 120] = 0.9
    assert list(one.verdicts(maps, more)) == [(True, False)]
    assert list(one.verdicts(maps, grown)) == [(False, False)]
    edge = maps.copy()
    edge[0, 0, 60:80, 20:120] = 0.6  # as good as the box threshold
    assert list(one.verdicts(edge, maps)) == [(False, True)]


def test_corners_that_run_anticlockwise_are_turned_and_counted(data_dir: Path) -> None:
    given = samples(data_dir, count=3)
    [region] = regions_of(given[1].text)
    other = Region((region.points[0], *region.points[:0:-1]), region.text)
    splits = given_splits({"train": [given[0], replace(given[1], text=label_of([other])), given[2]]})
    checks = Detection.checks()
    report = cheap_check(splits, checks)
    assert [finding.rule for finding in report.findings] == ["anticlockwise"]
    kept = drop_faulty(splits, report, 0, checks.repaired)
    assert kept.repaired == 1
    assert kept.train == tuple(given)


def test_a_text_that_was_photographed_twice_stays_in_one_split(data_dir: Path) -> None:
    given = samples(data_dir, count=60)
    [first] = regions_of(given[0].text)
    again = [
        replace(given[i], text=label_of([replace(regions_of(given[i].text)[0], text=first.text)]))
        for i in (1, 2, 3)
    ]
    splits = make_splits({"train": [given[0], *again, *given[4:]]}, 0, text_of=Detection.text_of)
    held = [name for name, part in splits.items() for sample in part if first.text in sample.text]
    assert len(held) == 4
    assert len(set(held)) == 1
    assert {name for name, _ in splits.items()} == {"train", "val", "test"}
    empty, unread = label_of([]), label_of([replace(first, text="")])
    assert (Detection.text_of(empty), Detection.text_of(unread)) == ("", unread), "nothing in it stands twice"


def test_epochs_are_judged_with_the_thresholds_that_suit_them(photos: MemoryDataset) -> None:
    """What a network is not sure of yet counts all the same; the final choice is no worse."""
    one, maps, everything = task(), np.zeros((4, 1, 256, 256), np.float32), np.arange(4)
    for index in range(4):
        [quad] = labels_of(photos, index)
        (left, top), (right, bottom) = quad.min(axis=0), quad.max(axis=0)
        maps[index, 0, top + 3 : bottom - 2, left + 3 : right - 2] = 0.45
    best = one.at_best
    predictions = best.decode(maps, photos, everything)
    scores = best.score(predictions, photos)
    assert (one.score(one.decode(maps, photos, everything), photos).hmean, scores.primary) == (0, 1)
    assert best.primary(best.per_sample(predictions, photos).sum(axis=0)) == 1
    chosen = Detection(one.tuned([(everything, maps)], photos), Charset(()))
    assert chosen.score(chosen.decode(maps, photos, everything), photos).rank >= scores.rank
    assert best.per_sample([], photos).shape == (0, 5)

"""Text-line orientation: what is turned, what counts, and the way from labels to a bundle in both frameworks."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from serve.inference.model import load_model
from serve.inference.orienter import LineOrienter
from tests import tiny_orientation
from tests.real_lines import run, samples
from train import evaluate
from train.bundle import SETTINGS, load_bundle
from train.config import TrialConfig, config_from_mapping
from train.data.batching.mixture import Mixture
from train.data.charset import Charset
from train.data.dataset import Dataset, MemoryDataset, decode_samples
from train.data.decoded.decoding import Decoding
from train.data.formats.loading import load
from train.data.geometry.orientation import PP_LCNET, normalise
from train.data.sample import Sample
from train.data.split import make_splits
from train.errors import CheckpointError, DataError, UsageError
from train.export import export_checkpoint
from train.loop import TrainingData, assemble
from train.steps.validation import evaluate as evaluate_split
from train.system import cli
from train.tasks.orientation import Orientation
from train.trained import readers

SETTINGS_OF = {
    "task": "orientation",
    "model": tiny_orientation.NAME,
    "epochs": 3,
    "batch_size": 8,
    "batch_norm": "live",
    "optimiser": {"learning_rate": 2e-3},
    "augmentation": {"probability": 0.2},
}


@pytest.fixture(autouse=True)
def _known() -> None:
    tiny_orientation.register()


@pytest.fixture(scope="module")
def lines(data_dir: Path) -> Dataset:
    return decode_samples(samples(data_dir, "receipts", "val", 200), Orientation.stored)


def config(**changes: object) -> TrialConfig:
    return config_from_mapping(SETTINGS_OF | changes, "test")


def task(**changes: object) -> Orientation:
    return Orientation(config(**changes), Charset(()))


def labelled(lines: Dataset, angles: list[str]) -> MemoryDataset:
    assert isinstance(lines, MemoryDataset)
    count = len(angles)
    first = {name: getattr(lines, name)[:count] for name in ("heights", "widths", "sizes", "sources")}
    return replace(lines, texts=tuple(angles), **first)


def test_half_of_the_lines_are_turned_always_the_same_ones(lines: Dataset) -> None:
    one = task()
    labels = one._labels(lines)
    assert 70 < labels.sum() < 130
    np.testing.assert_array_equal(labels, task(seed=3)._labels(lines))
    for index in (int(labels.argmax()), int(labels.argmin())):
        seen, kept = one.picture(lines, index, 0.5), lines.image(index)
        np.testing.assert_array_equal(seen, kept[::-1, ::-1] if labels[index] else kept)


def test_a_labelled_list_is_taken_at_its_word(lines: Dataset) -> None:
    told = labelled(lines, ["180", "0", "0", "180"])
    assert task()._labels(told).tolist() == [1, 0, 0, 1]
    np.testing.assert_array_equal(task().picture(told, 0, 0.5), told.image(0))


def test_training_turns_other_lines_in_every_epoch_and_says_so(lines: Dataset) -> None:
    plain, indices = task(augmentation={"probability": 0.0}), np.arange(60)
    first, second = (plain.batch(lines, indices, epoch) for epoch in (1, 2))
    assert first.targets != second.targets
    assert 15 < sum(first.targets) < 45
    told = labelled(lines, ["180"] * 60)
    assert [a ^ b for a, b in zip(first.targets, plain.batch(told, indices, 1).targets, strict=True)] == [
        1
    ] * 60
    upright = plain.evaluation_batch(labelled(lines, ["0"] * 60), indices)
    for index, turned in enumerate(first.targets):
        expected = upright[index][:, ::-1, ::-1] if turned else upright[index]
        np.testing.assert_allclose(first.images[index], expected, atol=1e-6)


def test_a_labelled_list_keeps_its_word_beside_lines_of_other_kinds(lines: Dataset) -> None:
    plain, indices = task(augmentation={"probability": 0.0}), np.arange(60)
    told = labelled(lines, ["180", "0"] * 30)
    both, upright = Mixture([told, lines]), 60 + indices
    assert plain.batch(both, indices, 1).targets == plain.batch(told, indices, 1).targets
    mixed = plain.batch(both, upright, 1)
    for index, turned in enumerate(mixed.targets):
        kept = normalise([lines.image(index)], PP_LCNET)[0]
        np.testing.assert_allclose(mixed.images[index], kept[:, ::-1, ::-1] if turned else kept, atol=1e-6)


def test_scores_and_mistakes_of_directions(lines: Dataset) -> None:
    told = labelled(lines, ["0", "180", "0", "180"])
    predictions = [0.1, 0.8, 0.7, 0.4]
    scores = task().score(predictions, told)
    assert scores.as_dict() == {
        "n": 4,
        "accuracy": 0.5,
        "confidence": pytest.approx((0.9 + 0.8 + 0.3 + 0.4) / 4),
    }
    wrong = task().mistakes(predictions, told)
    assert [(m.index, m.label, m.reading) for m in wrong] == [(2, "0", "180"), (3, "180", "0")]
    assert wrong[0].confidence == pytest.approx(0.7)
    output = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
    np.testing.assert_allclose(task().losses(output, told, np.arange(2)), -np.log([0.9, 0.8]), rtol=1e-6)


def write_lists(folder: Path, data_dir: Path, count: int) -> None:
    """Write real lines, every second one turned, under labels that say which."""
    for split in ("train", "val"):
        rows = []
        for number, sample in enumerate(samples(data_dir, "receipts", split, count)):
            image = cv2.imread(str(sample.path))
            name = f"{split}_{number}.png"
            cv2.imwrite(str(folder / name), image[::-1, ::-1] if number % 2 else image)
            rows.append(f"{name}\t{180 * (number % 2)}\n")
        (folder / f"ori_gt_{split}.txt").write_text("".join(rows), "utf-8")


def test_labels_are_found_before_texts(tmp_path: Path, data_dir: Path) -> None:
    write_lists(tmp_path, data_dir, 4)
    (tmp_path / "rec_gt_train.txt").write_text("train_0.png\ttext\n", "utf-8")
    name, splits = load(tmp_path, tasks=Orientation.formats)
    assert (name, sorted(splits)) == ("orientation", ["train", "val"])
    assert [sample.text for sample in splits["train"]] == ["0", "180", "0", "180"]
    assert load(tmp_path)[0] == "paddleocr"
    assert load(tmp_path / "ori_gt_val.txt", tasks=Orientation.formats)[0] == "orientation"
    assert load(tmp_path / "rec_gt_train.txt", tasks=Orientation.formats)[0] == "paddleocr"
    with pytest.raises(UsageError, match="the format must be one for recognition"):
        load(tmp_path, name="orientation")


@pytest.mark.parametrize("line", ["a.png\t90", "a.png", "\t0", "a.png\t0\t1"])
def test_a_label_that_is_no_angle_is_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / "ori_gt.txt").write_text(f"b.png\t0\n{line}\n", "utf-8")
    with pytest.raises(DataError, match=r"ori_gt\.txt:2"):
        load(tmp_path, tasks=Orientation.formats)


def test_angles_are_spread_over_made_splits() -> None:
    given = [Sample(Path(f"/{i}.png"), "180" if i % 3 else "0", f"l:{i}") for i in range(60)]
    splits = make_splits({"all": given}, 0, classes=Orientation.classes)
    for part in (splits.train, splits.val, splits.test):
        assert {sample.text for sample in part} == {"0", "180"}


def test_mapped_images_are_the_decoded_ones(tmp_path: Path, data_dir: Path) -> None:
    some = samples(data_dir, "receipts", "val", 5)
    [mapped] = Decoding(tmp_path, "file", stored=Orientation.stored).decode({"val": some}).values()
    memory = decode_samples(some, Orientation.stored)
    for kept in ("heights", "widths", "sizes"):
        np.testing.assert_array_equal(getattr(mapped, kept), getattr(memory, kept))
    for index in range(len(some)):
        np.testing.assert_array_equal(mapped.image(index), memory.image(index))
    assert mapped.image(0).shape == (80, 160, 3)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fit_width": 320}, "fit_width does nothing for the task orientation, got 320; leave it at 0"),
        ({"multi_scale": 0.2}, "multi_scale does nothing"),
        ({"augmentation": {"concat": 0.5}}, "concat does nothing"),
        ({"model": "pp-ocrv6-tiny"}, "must be for the task orientation.*choose from: .*tiny-orientation"),
        ({"task": "recognition"}, "must be for the task recognition"),
        ({"engine": "torch-language"}, "choose from: paddle, torch"),
        (
            {"technique": {"name": "distill", "options": {"teacher": "pp-ocrv6-small"}}},
            "teaches to read texts",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(changes: dict[str, object], says: str, lines: Dataset) -> None:
    with pytest.raises(UsageError, match=says):
        run(config(**changes), TrainingData(lines, lines))


def test_paddleocr_is_told_how_to_look(tmp_path: Path) -> None:
    task().write_settings(tmp_path, "PP-LCNet_x1_0_textline_ori", Charset(()))
    found = yaml.safe_load((tmp_path / SETTINGS).read_text("utf-8"))
    assert found["Global"]["model_name"] == "PP-LCNet_x1_0_textline_ori"
    assert found["PreProcess"]["transform_ops"][0] == {"ResizeImage": {"size": [160, 80]}}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["paddle", "torch"])
def test_from_lines_to_a_bundle(
    engine: str, lines: Dataset, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = decode_samples(samples(data_dir, "receipts", "train", 160), Orientation.stored)
    settings = config(engine=engine)
    whole = run(settings, TrainingData(train, lines))
    metrics, last = whole[-1]
    assert metrics["loss"] < whole[0][0]["loss"]
    assert metrics["val_loss"] < np.log(2)
    assert metrics["accuracy"] > 0.6, "after 60 steps; after 20 it was a matter of the seed"
    _, resumed = run(settings, TrainingData(train, lines), whole[0][1])[-1]
    for name, array in last.state["weights"].items():
        np.testing.assert_array_equal(resumed.state["weights"][name], array)

    bundle = tmp_path / "bundle"
    result = export_checkpoint(last, lines, bundle)
    assert result is not None
    assert result.passed
    manifest = load_bundle(bundle).manifest
    assert (manifest.task, manifest.geometry) == ("orientation", {"height_px": 80, "width_px": 160})
    assert manifest.metrics["accuracy"] == metrics["accuracy"]
    with pytest.raises(CheckpointError, match=r"must be for recognition, got .*, for orientation"):
        load_bundle(bundle).recogniser()

    rest = samples(data_dir, "receipts", "val", 200)
    labels = tmp_path / "rec_gt_val.txt"
    labels.write_text("".join(f"{sample.path}\t{sample.text}\n" for sample in rest), "utf-8")
    arguments = ["--bundle", str(bundle), "--labels", str(labels), "--errors", str(tmp_path / "errors.tsv")]
    assert cli.run(evaluate.main, [*arguments, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    engine_scores = evaluate_split(*assemble(settings, train, last), lines)[0]
    assert printed["accuracy"] == engine_scores.primary
    wrong = (tmp_path / "errors.tsv").read_text("utf-8").splitlines()[1:]
    assert len(wrong) == round((1 - printed["accuracy"]) * printed["n"])
    check_that_serving_tells_the_same(bundle, lines)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["paddle", "torch"])
def test_the_wheels_classifier_is_trained_further_and_served_as_it_was_scored(
    engine: str, data_dir: Path, tmp_path: Path
) -> None:
    settings = config(model="ch-ppocr-mobile-v2", engine=engine, epochs=1, batch_norm="frozen")
    few = decode_samples(samples(data_dir, "receipts", "val", 96), Orientation.stored_as(settings))
    assert {few.image(index).shape[0] for index in range(len(few))} == {48}
    assert len(set(few.widths.tolist())) > 10, "a short line is padded, not stretched"
    untrained = evaluate_split(*assemble(settings, few), few)[0]
    [(metrics, last)] = run(settings, TrainingData(few, few))
    assert untrained.primary > 0.9
    assert metrics["accuracy"] > 0.8
    assert export_checkpoint(last, few, tmp_path / "bundle") is not None
    manifest = load_bundle(tmp_path / "bundle").manifest
    assert manifest.geometry == {"height_px": 48, "width_px": 192}
    assert (manifest.published_name, SETTINGS in manifest.absent) == (None, True)
    assert manifest.settings == {"threshold": 0.5}
    check_that_serving_tells_the_same(tmp_path / "bundle", few)
    further = config_from_mapping(manifest.config | {"weights": str(tmp_path / "bundle")}, "manifest")
    assert evaluate_split(*assemble(further, few), few)[0].primary == metrics["accuracy"]


def check_that_serving_tells_the_same(bundle: Path, lines: Dataset) -> None:
    """What `serve/run.py --orientation BUNDLE` loads turns the lines that evaluation finds on their heads."""
    served = LineOrienter(load_model("orientation", str(bundle)), threads=1)
    manifest = load_bundle(bundle).manifest
    told, chances = readers.read(
        readers.Read(config_from_mapping(manifest.config, "manifest"), load_bundle(bundle)), lines
    )
    seen = [told.picture(lines, index, chance) for index, chance in enumerate(chances)]
    assert served.angles(seen) == [int(chance > 0.5) for chance in chances]
    assert 0 < sum(served.angles(seen)) < len(seen)

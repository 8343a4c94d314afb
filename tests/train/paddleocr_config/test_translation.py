"""PaddleOCR's training configuration is translated, and what has no counterpart is named."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from train.config_file import load_config
from train.errors import UsageError
from train.paddleocr_config.__main__ import main
from train.paddleocr_config.translation import read_config
from train.system.dotted import flatten

LINES: dict[str, Any] = {
    "Global": {
        "model_name": "PP-OCRv5_mobile_rec",
        "epoch_num": 75,
        "pretrained_model": "https://host/PP-OCRv5_mobile_rec_pretrained.pdparams",
        "character_dict_path": "./ppocr/utils/dict/ppocrv5_dict.txt",
        "max_text_length": 25,
        "print_batch_step": 10,
        "use_amp": True,
    },
    "Optimizer": {
        "name": "Adam",
        "lr": {"name": "Cosine", "learning_rate": "5e-4", "warmup_epoch": 15},
        "regularizer": {"name": "L2", "factor": 3.0e-5},
    },
    "Architecture": {"model_type": "rec", "algorithm": "SVTR_LCNet", "Backbone": {"name": "PPLCNetV3"}},
    "Train": {
        "dataset": {
            "label_file_list": ["train_list.txt"],
            "transforms": [
                {"DecodeImage": {"img_mode": "BGR"}},
                {"RecConAug": {"prob": 0.4}},
                {"RecAug": None},
            ],
        },
        "loader": {"batch_size_per_card": 64},
    },
}
PHOTOS: dict[str, Any] = {
    "Global": {"model_name": "PP-OCRv5_mobile_det", "epoch_num": 500},
    "Optimizer": {"name": "Momentum", "lr": {"learning_rate": 0.001}},
    "PostProcess": {"thresh": 0.2, "box_thresh": 0.5, "unclip_ratio": 2.0},
    "Train": {
        "dataset": {
            "transforms": [
                {
                    "IaaAugment": {
                        "augmenter_args": [
                            {"type": "Fliplr", "args": {"p": 0.5}},
                            {"type": "Affine", "args": {"rotate": [-15, 10]}},
                            {"type": "Resize", "args": {"size": [0.5, 3]}},
                        ]
                    }
                },
                {"EastRandomCropData": {"size": [640, 640]}},
            ]
        }
    },
}


def written(theirs: dict[str, Any], folder: Path) -> Path:
    path = folder / "theirs.yml"
    path.write_text(yaml.safe_dump(theirs), "utf-8")
    return path


def changed(theirs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return theirs | {"Global": theirs["Global"] | changes}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            LINES,
            {
                "model": "pp-ocrv5-mobile",
                "charset": "keep",
                "epochs": 75,
                "batch_size": 64,
                "precision": "fp16",
                "optimiser.name": "adam",
                "optimiser.learning_rate": 5e-4,
                "optimiser.weight_decay": 3e-5,
                "schedule.name": "cosine",
                "schedule.warmup": 0.2,
                "augmentation.probability": 0.3,
                "augmentation.concat": 0.4,
            },
        ),
        (
            PHOTOS,
            {
                "task": "detection",
                "model": "pp-ocrv5-mobile-det",
                "optimiser.name": "sgd",
                "detection.flip": 0.5,
                "detection.rotation_degrees": 15,
                "detection.min_scale": 0.5,
                "detection.max_scale": 3,
                "detection.crop_px": 640,
                "detection.thresh": 0.2,
                "detection.box_thresh": 0.5,
                "detection.unclip_ratio": 2.0,
            },
        ),
        (
            {
                "Global": {"model": "latin_PP-OCRv5_mobile_rec", "dataset_dir": "d"},
                "Train": {"epochs_iters": 20, "batch_size": 8, "learning_rate": 0.001},
            },
            {"model": "pp-ocrv5-latin", "epochs": 20, "batch_size": 8, "optimiser.learning_rate": 0.001},
        ),
    ],
    ids=["rec", "det", "paddlex"],
)
def test_it_is_translated_and_listed(
    theirs: dict[str, Any], ours: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = read_config(written(theirs, tmp_path))
    values = flatten(found.model_dump())
    assert {key: values[key] for key in ours} == ours
    listed = capsys.readouterr().out
    given = (key for key, value in flatten(theirs).items() if not isinstance(value, list))
    assert all(key.startswith("Architecture.") or key.rpartition(".")[2] in listed for key in given)
    main([str(tmp_path / "theirs.yml")])
    (tmp_path / "ours.yaml").write_text(capsys.readouterr().out, "utf-8")
    assert load_config(tmp_path / "ours.yaml") == found


def test_steps_of_a_rate_may_be_words_as_yaml_has_them(tmp_path: Path) -> None:
    """`1e-4` without a point is no number in YAML 1.1."""
    rates = {"name": "Piecewise", "values": [0.001, "1e-4"]}
    found = read_config(written({**LINES, "Optimizer": {"lr": rates}}, tmp_path))
    assert (found.optimiser.learning_rate, found.schedule.name) == (0.001, "cosine")


def test_files_are_found_from_the_folders_above(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "dict.txt").write_text("A\nB\n", "utf-8")
    (tmp_path / "best_accuracy.pdparams").touch()
    theirs = changed(LINES, character_dict_path="./dict.txt", pretrained_model="best_accuracy")
    found = read_config(written(theirs, tmp_path / "configs"))
    assert (found.charset, found.dictionary) == ("domain", str(tmp_path / "dict.txt"))
    assert found.weights == str(tmp_path / "best_accuracy.pdparams")


@pytest.mark.parametrize(
    ("theirs", "fault"),
    [
        (
            changed(LINES, model_name="CRNN", pretrained_model=None),
            r"a model that there is here.*got CRNN; .*PP-OCRv5",
        ),
        (
            changed(LINES, character_dict_path="lost.txt"),
            r"character_dict_path must be a file.*got lost\.txt",
        ),
        (changed(LINES, pretrained_model="lost"), "pretrained_model must be a file.*got lost"),
        (changed(LINES, epoch_num=0), "epochs: Input should be greater"),
        ({**LINES, "Optimizer": {"name": "Lamb"}}, "Optimizer.name must have a counterpart, got Lamb"),
        ({**LINES, "Optimizer": {"lr": {"values": [0.1, "x"]}}}, "lr.values must be numbers, got "),
    ],
)
def test_what_cannot_be_translated_is_said_in_a_line(
    theirs: dict[str, Any], fault: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=fault) as caught:
        read_config(written(theirs, tmp_path))
    assert "\n" not in str(caught.value)

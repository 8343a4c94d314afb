"""A bundle knows when it is incomplete, damaged or foreign, and PaddleOCR's settings agree with it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from train.bundle import (
    FILES,
    MANIFEST,
    ONNX,
    PADDLEOCR,
    SETTINGS,
    load_bundle,
    seal,
)
from train.data.charset import Charset, domain_charset
from train.errors import CheckpointError
from train.models import MODELS
from train.tasks.inference_yml import write_recognition_settings

CHARSET = Charset(("a", "b", " "))


@pytest.fixture
def bundle_dir(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).write_text(f"what stands for {name}")
    write_recognition_settings(tmp_path, "PP-OCRv6_tiny_rec", CHARSET)
    seal(
        tmp_path,
        task="recognition",
        model="pp-ocrv6-tiny",
        published_name="PP-OCRv6_tiny_rec",
        characters=CHARSET.characters,
        config={"seed": 0},
        metrics={"exact_match": 0.5},
        parity={"differing": 0},
        versions={},
    )
    return tmp_path


def dictionary(folder: Path) -> list[str]:
    settings = yaml.safe_load((folder / SETTINGS).read_text(encoding="utf-8"))
    characters: list[str] = settings["PostProcess"]["character_dict"]
    return characters


def test_what_was_sealed_is_what_is_loaded(bundle_dir: Path) -> None:
    bundle = load_bundle(bundle_dir)
    assert bundle.charset == CHARSET
    assert set(bundle.manifest.files) == set(FILES)
    assert bundle.manifest.metrics == {"exact_match": 0.5}


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused_and_named(bundle_dir: Path, name: str) -> None:
    data = bytearray((bundle_dir / name).read_bytes())
    data[-1] ^= 1
    (bundle_dir / name).write_bytes(data)
    with pytest.raises(CheckpointError, match=name):
        load_bundle(bundle_dir)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_refused_and_named(bundle_dir: Path, name: str) -> None:
    (bundle_dir / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_bundle(bundle_dir)


def test_the_folder_of_a_study_says_where_its_bundle_is(tmp_path: Path) -> None:
    best = tmp_path / "vin" / "best"
    best.mkdir(parents=True)
    (best / MANIFEST).write_text("{}")
    for folder in (tmp_path, tmp_path / "vin"):
        with pytest.raises(CheckpointError, match=f"such as {re.escape(str(best))},"):
            load_bundle(folder)


def test_paddleocrs_files_may_be_absent_for_a_reason(bundle_dir: Path) -> None:
    absent = dict.fromkeys(PADDLEOCR, "Paddle was not installed")
    for name in PADDLEOCR:
        (bundle_dir / name).unlink()
    path = bundle_dir / MANIFEST
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields["files"] = {name: digest for name, digest in fields["files"].items() if name not in absent}
    path.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(CheckpointError, match=PADDLEOCR[0]):
        load_bundle(bundle_dir)
    path.write_text(json.dumps(fields | {"absent": absent}), encoding="utf-8")
    assert load_bundle(bundle_dir).manifest.absent == absent
    path.write_text(json.dumps(fields | {"files": {}, "absent": dict.fromkeys(FILES, "")}), encoding="utf-8")
    with pytest.raises(CheckpointError, match=ONNX):
        load_bundle(bundle_dir)


@pytest.mark.parametrize("cut", [0, 1, 40, 400])
def test_a_cut_manifest_is_refused(bundle_dir: Path, cut: int) -> None:
    path = bundle_dir / MANIFEST
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CheckpointError, match="manifest"):
        load_bundle(bundle_dir)


@pytest.mark.parametrize(
    ("key", "value"),
    [("format", 99), ("geometry", {"height_px": 32}), ("files", {}), ("more", 1), ("characters", None)],
)
def test_a_foreign_manifest_is_refused(bundle_dir: Path, key: str, value: Any) -> None:
    path = bundle_dir / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(CheckpointError):
        load_bundle(bundle_dir)


def test_a_file_that_is_no_model_is_a_bundle_error(bundle_dir: Path) -> None:
    with pytest.raises(CheckpointError, match=ONNX):
        load_bundle(bundle_dir).session()


@pytest.mark.parametrize("name", ["pp-ocrv6-tiny", "pp-ocrv6-small", "pp-ocrv5-mobile"])
def test_a_whole_dictionary_survives_yaml(tmp_path: Path, name: str) -> None:
    charset = MODELS.get(name).charset(None)
    write_recognition_settings(tmp_path, name, charset)
    assert (*dictionary(tmp_path), " ") == charset.characters


@pytest.mark.parametrize("texts", [["a b", "!"], ["ab"], ["~", "null", "no", "1"], [" "]])
def test_paddleocrs_classes_are_ours(tmp_path: Path, texts: list[str]) -> None:
    charset = domain_charset(texts)
    write_recognition_settings(tmp_path, "any", charset)
    theirs = ["blank", *dictionary(tmp_path), " "]
    assert theirs[: charset.classes] == ["blank", *charset.characters]


def test_a_charset_with_its_space_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="space"):
        write_recognition_settings(tmp_path, "any", Charset((" ", "a")))


def test_an_extended_charset_keeps_its_space_last() -> None:
    assert CHARSET.extended(["é b"]).characters == ("a", "b", "é", " ")

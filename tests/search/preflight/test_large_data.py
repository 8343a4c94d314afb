"""A search on lines mapped from files, with a share of synthetic ones; the next study starts from the files."""

import json
from pathlib import Path

import pytest
from PIL import ImageFont

from search.preflight.data import decode_sets, source_of
from search.storage.location import load_settings
from tests.search.driver import MAX_EPOCHS, label_arguments, write_labels
from tests.search.tiny_search import tiny_search
from train.bundle import load_bundle
from train.data.decoded.stored import LINES
from train.data.drawing.drawn_texts import draw_texts
from train.data.formats.loading import load_file
from train.sets.read import read_sets

pytestmark = pytest.mark.slow
SPACE = """\
fixed: {task: recognition, model: tiny-recogniser, engine: torch, charset: domain, epochs: 1, batch_size: 16}
parameters:
  optimiser.learning_rate: {float: [1.0e-4, 1.0e-3], log: true}
  multi_scale: {choice: [0.3]}
  synthetic: {choice: [0.5]}
"""


def write_synthetic(folder: Path, texts: list[str]) -> Path:
    """Draw texts in the font that comes inside Pillow; return the label list."""
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    folder.mkdir()
    (folder / "aileron.ttf").write_bytes(font.font_bytes)
    (folder / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    return draw_texts(folder / "texts.txt", folder, folder / "lines")


def test_a_search_on_mapped_lines_leaves_their_files_to_the_next(data_dir: Path, tmp_path: Path) -> None:
    labels = write_labels(data_dir, tmp_path / "labels", 24, 12)
    texts = [sample.text + "-" for sample in load_file(labels / "rec_gt_train.txt")]
    synthetic = write_synthetic(tmp_path / "drawn", texts)
    (tmp_path / "tiny.yaml").write_text(SPACE, encoding="utf-8")
    where = ["--space", tmp_path / "tiny.yaml", "--storage", tmp_path, "--name", "first"]
    how = ["--decode-to", "file", "--synthetic-labels", synthetic, "--test-fraction", 0]
    done = tiny_search(*label_arguments(labels), *where, *how, "--trials", 1, "--max-epochs", MAX_EPOCHS)
    assert done.wait() == 0, done.output
    assert f"decoded lines are mapped from {tmp_path / 'line-cache'}" in done.output
    assert "synthetic 24 lines" in done.output
    summary = json.loads((tmp_path / "first" / "summary.json").read_text("utf-8"))
    [trial] = summary["trials"]
    assert (trial["state"], trial["config"]["synthetic"]) == ("finished", 0.5)
    assert summary["data"]["samples"]["synthetic"] == 24
    assert "-" in load_bundle(tmp_path / "first/best").charset.characters
    check_next_study(tmp_path)


def check_next_study(storage: Path) -> None:
    """Decode as another study of the same data would: it finds the files, and reads the same texts."""
    written = {path: path.stat().st_mtime_ns for path in (storage / "line-cache").iterdir()}
    assert len(written) == 3
    settings = load_settings(storage / "first").model_copy(update={"name": "second"})
    data = decode_sets(settings, read_sets(source_of(settings)), LINES)
    assert data.training.synthetic is not None
    assert all(text.endswith("-") for text in data.training.synthetic.texts)
    assert {path: path.stat().st_mtime_ns for path in (storage / "line-cache").iterdir()} == written

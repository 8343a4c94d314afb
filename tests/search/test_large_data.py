"""A search on lines mapped from a file, with a share of synthetic ones; and a second one that starts from it."""

import json
from pathlib import Path

import pytest
import yaml
from PIL import ImageFont

from tests.search.driver import MAX_EPOCHS, label_arguments, search, write_labels
from train.data.drawn_texts import draw_texts
from train.data.formats import load_file

pytestmark = pytest.mark.slow
SPACE = """\
fixed: {task: recognition, model: pp-ocrv6-tiny, charset: domain, epochs: 1, batch_size: 16}
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


def test_a_second_search_starts_from_the_first_one_s_files(data_dir: Path, tmp_path: Path) -> None:
    labels = write_labels(data_dir, tmp_path / "labels", 24, 12)
    texts = [sample.text + "-" for sample in load_file(labels / "rec_gt_train.txt")]
    synthetic = write_synthetic(tmp_path / "drawn", texts)
    (tmp_path / "tiny.yaml").write_text(SPACE, encoding="utf-8")
    where = ["--space", tmp_path / "tiny.yaml", "--storage", tmp_path, "--cache", tmp_path / "cache"]
    how = ["--decode-to", "file", "--synthetic-labels", synthetic, "--test-fraction", 0]
    written = []
    for name in ("first", "second"):
        small = ["--trials", 1, "--max-epochs", MAX_EPOCHS, "--name", name]
        done = search(*label_arguments(labels), *where, *how, *small)
        assert done.wait() == 0, done.output
        assert f"decoded lines are mapped from {tmp_path / 'cache'}" in done.output
        assert "synthetic 24 lines" in done.output
        written.append({path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()})
        summary = json.loads((tmp_path / name / "summary.json").read_text("utf-8"))
        [trial] = summary["trials"]
        assert (trial["state"], trial["config"]["synthetic"]) == ("finished", 0.5)
        assert summary["data"]["samples"]["synthetic"] == 24
    assert len(written[0]) == 3
    assert written[0] == written[1]
    dictionary = yaml.safe_load((tmp_path / "second/best/inference.yml").read_text("utf-8"))
    assert "-" in dictionary["PostProcess"]["character_dict"]

"""Batches, the search for alternatives, and the reader against the bundle's own."""

import difflib
import itertools
import os
from dataclasses import replace
from itertools import count
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from serve.inference import pretrained
from serve.inference.beam import find_alternatives
from serve.inference.model import load_model
from serve.inference.recogniser import LineReader, share_out, show_lines, split_into_buckets
from tests import real_lines
from tests.serve import paddle_reference as paddle
from train.data import images
from train.errors import CheckpointError, UsageError
from train.reading.recogniser import Recogniser
from train.system.onnx_session import open_session


@given(st.lists(st.integers(1, 1600), max_size=60), st.integers(1, 16), st.integers(160, 20_000))
def test_only_lines_of_one_bucket_share_a_batch(widths: list[int], most: int, pixels: int) -> None:
    found = list(split_into_buckets(widths, images.bucket_width, most, pixels))
    assert sorted(i for _, indices in found for i in indices) == list(range(len(widths)))
    for width, indices in found:
        assert {images.bucket_width(widths[i]) for i in indices} == {width}
        assert len(indices) <= most
        assert len(indices) == 1 or len(indices) * width <= pixels


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.integers(1, 3000)), max_size=12),
    st.sampled_from(["as_is", "turn"]),
)
def test_lines_are_shown_few_at_a_time(shapes: list[tuple[int, int]], upright: str) -> None:
    """Two hundred thin lines of a hundred bytes each would take a third of a gigabyte."""
    lines = [np.zeros((*shape, 3), np.uint8) for shape in shapes]
    with mock.patch("serve.inference.recogniser.SHOWN_BYTES", 10**5):
        groups = list(share_out(lines, upright))
    assert [id(line) for group in groups for line in group] == [*map(id, lines)]
    for group in groups:
        shown = sum(one.nbytes for one in show_lines(group, upright, 160) if one is not None)
        assert len(group) == 1 or shown <= 10**5 + 144 * len(group)


@given(st.integers(1, 4), st.integers(0, 10**6))
def test_the_best_alternative_is_the_likeliest_text_over_all_alignments(steps: int, seed: int) -> None:
    rows = np.random.default_rng(seed).dirichlet(np.ones(4), steps).astype(np.float32)
    exact: dict[str, float] = {}
    for path in itertools.product(range(4), repeat=steps):
        text = "".join("-abc"[c] for c, _ in itertools.groupby(path) if c)
        exact[text] = exact.get(text, 0.0) + float(np.prod([rows[t, c] for t, c in enumerate(path)]))
    with mock.patch("serve.inference.beam.BEAM", 1000):  # leaves nothing out, so that the sums are exact
        found = find_alternatives(rows, ["a", "b", "c"], 3)
    best = sorted(exact.values(), reverse=True)[:3]
    assert [probability for _, probability in found] == pytest.approx(best[: len(found)], rel=1e-4)
    for text, probability in found:
        assert probability == pytest.approx(exact[text], rel=1e-4)


def test_it_reads_as_the_bundle_does_with_the_steps_of_every_character(data_dir: Path) -> None:
    model = load_model("recognition", "pp-ocrv6-tiny")
    widths = {"min_width_px": images.MIN_WIDTH_PX, "bucket_px": images.BUCKET_PX}
    reader = LineReader(replace(model, **widths), threads=1)
    data = real_lines.lines(data_dir, "receipts", "val", 24)
    lines = [data.image(i) for i in range(len(data))]
    read = reader.read(lines, [1] * len(lines))
    expected = Recogniser(open_session(model.onnx, 1), model.charset).read(lines)
    for (text, confidence), reading in zip(expected, read, strict=True):
        assert reading.text == text
        assert reading.confidence == pytest.approx(confidence, abs=1e-4)
        assert len(reading.columns) == len(reading.text)
        assert list(reading.columns) == sorted(set(reading.columns))
        assert all(column < reading.steps for column in reading.columns)
        assert len(reading.alternatives) == 1
    assert any(line.shape[1] > 320 for line in lines)


def test_a_pretrained_model_reads_as_paddleocr_does_whatever_the_width() -> None:
    """Padded to a multiple of 32 px, it left out spaces of long lines."""
    model = load_model("recognition", "pp-ocrv6-small")
    crops = [draw_line(characters)[1] for characters in (6, 21, 35, 52, 77)]
    lines = [images.resize_line(crop, model.min_width_px) for crop in crops]
    assert len({line.shape[1] % images.BUCKET_PX for line in lines[1:]} - {0}) > 2
    for crop, reading in zip(crops, LineReader(model, threads=1).read(lines, [0] * len(lines)), strict=True):
        expected = paddle.read_line(crop)
        assert reading.text == expected.text
        assert reading.confidence == pytest.approx(expected.confidence, abs=1e-4)
        assert (reading.columns, reading.steps, reading.padded_px) == (
            expected.columns, expected.steps, expected.padded_px
        )  # fmt: skip


def draw_line(characters: int) -> tuple[str, images.Image]:
    """Return words and a picture of them, 44 px high."""
    rng, font = np.random.default_rng(0), ImageFont.truetype(str(pretrained.find_font()), 32)
    words = ("".join(rng.choice(list("abcdefghkmnpqrstuvwxyz23456789"), rng.integers(3, 9))) for _ in count())
    text = ""
    while len(text) < characters:
        text += next(words) + " "
    picture = Image.new("RGB", (int(font.getlength(text)), 44), "white")
    ImageDraw.Draw(picture).text((2, 4), text, fill="black", font=font)
    return text.strip(), np.asarray(picture)


def test_a_long_line_is_read_whole() -> None:
    """As PaddleOCR reads it up to 3,200 px, from where on that squeezes lines until it reads nothing."""
    model = load_model("recognition", "pp-ocrv6-tiny")
    drawn = [draw_line(characters) for characters in (110, 170, 480)]
    lines = [images.resize_line(picture, model.min_width_px) for _, picture in drawn]
    assert [line.shape[1] > width for line, width in zip(lines, (1600, 2400, 6400), strict=True)] == [
        True
    ] * 3
    readings = LineReader(model, threads=1).read(lines, [0] * len(lines))
    for (text, _), reading in zip(drawn, readings, strict=True):
        assert difflib.SequenceMatcher(None, reading.text, text, autojunk=False).ratio() > 0.95


@pytest.mark.parametrize(("source", "error"), [("no/such/folder", UsageError), (".", CheckpointError)])
def test_what_is_no_model_is_refused_with_the_names_of_those_that_are(
    source: str, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as caught:
        load_model("recognition", source)
    if error is UsageError:
        assert "pp-ocrv6-tiny" in str(caught.value)


def test_a_line_that_comes_alone_reads_the_same_on_all_cores(data_dir: Path) -> None:
    reader = LineReader(load_model("recognition", "pp-ocrv6-tiny"), threads=1)
    data = real_lines.lines(data_dir, "receipts", "val", 6)
    lines = [data.image(i) for i in range(len(data))]
    alone, beside = (reader.read(lines, [0] * len(lines), alone) for alone in (True, False))
    assert [reading.text for reading in alone] == [reading.text for reading in beside]
    for one, other in zip(alone, beside, strict=True):
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)
    assert 1 == reader.tuning.threads <= reader.tuning.threads_alone <= (os.cpu_count() or 1)

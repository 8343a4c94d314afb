"""An 8-bit graph joins a bundle only if it reads as well."""

import json
from pathlib import Path

import pytest

from serve.inference.model import load_model
from serve.inference.recogniser import LineReader
from tests import real_lines
from tests.serve.lifecycle.bundles import real_bundle
from train import evaluate
from train.bundle import INT8, load_bundle
from train.errors import CheckpointError
from train.quantise import describe, quantise, try_to_quantise

pytestmark = pytest.mark.slow


def test_a_graph_that_reads_worse_is_refused_and_one_within_the_tolerance_joins(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "serve.runtime.tuning.SECONDS", 60.0
    )  # on a busy machine 4 s are over after the first one
    folder = real_bundle(tmp_path / "tiny", "tiny")
    before = load_bundle(folder).manifest
    data, other = (real_lines.lines(data_dir, "receipts", split, 24) for split in ("val", "train"))
    refused = try_to_quantise(folder, data, other, least_gain=100)
    assert not refused.added
    assert refused.said.startswith("8 bits: none, an 8-bit model must be 100 times as fast")
    assert refused.measured["times_as_fast"] < 100
    assert load_bundle(folder).manifest == before
    labels = tmp_path / "labels.txt"
    lines = real_lines.samples(data_dir, "receipts", "val", 24)
    labels.write_text("".join(f"{line.path}\t{line.text}\n" for line in lines), encoding="utf-8")
    asked = ["--bundle", str(folder), "--labels", str(labels), "--json", "--precision", "int8"]
    with pytest.raises(CheckpointError, match=r"must have inference\.int8\.onnx to be read in 8 bits"):
        evaluate.main(asked)

    scores = quantise(load_bundle(folder), data, other, tolerance=1, least_gain=0)
    after = load_bundle(folder).manifest
    assert after.int8 == scores
    assert f"8 bits: exact_match {scores['exact_match']:.3f}, float32" in describe(scores)
    assert INT8 in after.files
    assert after.characters == before.characters
    assert scores["exact_match"] >= scores["exact_match_float32"] / 2 > 0, "without VNNI, products saturate"
    assert scores["quantised"]
    assert scores["left_float32"] == []
    evaluate.main(asked)
    assert json.loads(capsys.readouterr().out)["exact_match"] == scores["exact_match"]

    reader = LineReader(load_model("recognition", str(folder)), threads=1)
    assert {name.split()[1] for name in reader.tuning.tried} == {"float32", "int8"}
    read = reader.read([data.image(i) for i in range(len(data))], [0] * len(data))
    right = sum(reading.text == text for reading, text in zip(read, data.texts, strict=True)) / len(data)
    assert right == pytest.approx(
        scores["exact_match_float32" if reader.tuning.precision == "float32" else "exact_match"],
        abs=1.5 / 24,  # batches of other widths round otherwise
    )

"""A bundle's kept lines: what sessions are measured on, and what keeps one out that reads otherwise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from serve.inference.model import load_model
from serve.inference.recogniser import LineReader
from serve.runtime.tuning import SAME
from tests import real_lines
from train.data.batching.mixture import Subset
from train.data.dataset import gather
from train.data.decoded.kept import MOST, read_kept_lines, write_kept_lines
from train.data.sample import Sample


def blind(source: Path, path: Path) -> Path:
    """Write a graph like `source` that reads nothing: its last weights are 0."""
    graph = onnx.load(source)
    used = {name for node in graph.graph.node[-4:] for name in node.input}
    for weights in graph.graph.initializer:
        if weights.name in used:
            array = numpy_helper.to_array(weights)
            weights.CopyFrom(numpy_helper.from_array(np.zeros_like(array), weights.name))
    onnx.save(graph, path)
    return path


def test_texts_of_several_lines_are_not_kept(tmp_path: Path) -> None:
    samples = [Sample(Path("x.png"), text, "list:1") for text in ("A\nB", "C\tD", "E")]
    lines = gather(samples, [(np.zeros((48, width, 3), np.uint8), (48, width)) for width in (60, 70, 80)])
    write_kept_lines(lines, tmp_path / "samples.zip")
    assert [line.text for line in read_kept_lines(tmp_path / "samples.zip")] == ["C\tD", "E"]
    write_kept_lines(Subset(lines, [0]), tmp_path / "none.zip")
    assert not (tmp_path / "none.zip").exists()


def test_what_reads_otherwise_is_not_taken(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve.runtime.tuning.SECONDS", 600.0)  # all candidates, on a busy machine, too
    data = real_lines.lines(data_dir, "receipts", "val", 34)
    write_kept_lines(data, tmp_path / "samples.zip")
    kept = read_kept_lines(tmp_path / "samples.zip")
    widths = [line.image.shape[1] for line in kept]
    assert len(kept) == MOST
    assert widths == sorted(widths)
    assert (widths[0], widths[-1]) == (data.widths.min(), data.widths.max())
    places = {data.image(i).tobytes(): data.texts[i] for i in range(len(data))}
    assert all(places[line.image.tobytes()] == line.text for line in kept)
    model = load_model("recognition", "pp-ocrv6-tiny")
    small = replace(model, samples=tmp_path / "samples.zip", int8=blind(model.onnx, tmp_path / "int8.onnx"))
    tuning = LineReader(small, 1, cores=1).tuning
    assert tuning.measured_on == "kept lines"
    assert tuning.precision == "float32"
    assert tuning.agreement
    assert tuning.agreement["CPUExecutionProvider int8"]["same"] < SAME

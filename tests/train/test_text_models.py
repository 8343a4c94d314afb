"""A text model's way: fitted on what a network reads, into the bundle, the same in evaluation and in serving."""

import json
from pathlib import Path

import numpy as np
import pytest

from serve.inference.model import load_model
from serve.inference.recogniser import LineReader
from tests import real_lines, tiny_recogniser
from train import cli
from train.bundle import load_bundle
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.dataset import Dataset
from train.evaluate import main
from train.export import export_network
from train.loaded import load_network
from train.loop import assemble
from train.reading.formats.rules import Rule
from train.sets.texts import TextKnowledge
from train.text_models import read_as_known

RULES = (
    Rule(name="pattern", pattern="[A-Z0-9]{3,5}", hard=True),
    Rule(name="sum", check={"modulus": 5, "weights": [2, 1], "repeat": True, "lengths": [3, 4, 5]}),
)


@pytest.fixture(scope="module")
def lines(data_dir: Path) -> Dataset:
    return real_lines.lines(data_dir, split="val", count=8)


@pytest.fixture(scope="module")
def bundle(lines: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the bundle of a network that has learnt nothing: what it reads obeys no rule by itself."""
    tiny_recogniser.register()
    config = TrialConfig(model=tiny_recogniser.NAME, engine="torch", charset="domain")
    engine, _ = assemble(config, lines)
    network = load_network(Checkpoint(config, engine.charset, 0, {}, engine.state()), lines)
    known = TextKnowledge([text[:4] for text in lines.texts], RULES)
    folder = tmp_path_factory.mktemp("text-model") / "bundle"
    export_network(read_as_known(network, lines, known), lines, folder)
    return folder


@pytest.mark.slow
def test_the_bundles_reader_and_the_server_say_what_evaluation_counts(
    bundle: Path, lines: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crops = [lines.image(index) for index in range(len(lines))]
    found = load_bundle(bundle).recogniser().read_texts(crops)
    assert all(RULES[0].holds(one.text) for one in found)
    assert any(one.text != one.raw for one in found)
    served = LineReader(load_model("recognition", str(bundle)), threads=1).read(crops, [0] * len(crops))
    assert [one.decoded and one.decoded.text for one in served] == [one.text for one in found]
    assert [one.greedy.text for one in served] == [one.raw for one in found]
    labels = tmp_path / "labels.txt"
    rows = [f"{path}\t{one.text}\n" for path, one in zip(lines.sources, found, strict=True)]
    labels.write_text("".join(rows), encoding="utf-8")
    printed = {}
    for decode in ("text-model", "raw"):
        arguments = ["--bundle", str(bundle), "--labels", str(labels), "--json", "--decode", decode]
        assert cli.run(main, arguments) == 0
        printed[decode] = json.loads(capsys.readouterr().out)
    assert printed["text-model"]["exact_match"] == 1
    same = np.mean([one.text == one.raw for one in found])
    assert printed["text-model"]["exact_match_raw"] == printed["raw"]["exact_match"] == pytest.approx(same)
    assert (
        printed["text-model"]["changed"]
        == printed["text-model"]["mended"]
        == sum(one.text != one.raw for one in found)
    )


@pytest.mark.slow
def test_a_bundle_whose_text_model_was_changed_is_refused(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    copy.mkdir()
    for path in bundle.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "reading.json").write_text("{}")
    assert cli.run(main, ["--bundle", str(copy), "--labels", str(tmp_path / "none.txt")]) == 1

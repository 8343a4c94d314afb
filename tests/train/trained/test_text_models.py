"""A text model's way: fitted on what a network reads, into the bundle, the same in evaluation and in serving."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from serve.inference.model import load_model
from serve.inference.recogniser import LineReader
from tests import real_lines, tiny_recogniser
from tests.serve.lifecycle.bundles import add_reading, real_bundle
from train.bundle import load_bundle, write_cut
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.cut import Cut
from train.data.charset import Charset
from train.data.dataset import Dataset
from train.data.photos.regions import Region, label_of
from train.data.sample import Sample
from train.end_to_end.photos import PhotoReading, count_photos, score_photos
from train.evaluate import main
from train.export import export_network
from train.export import main as export
from train.loop import assemble
from train.reading.formats.rules import Rule
from train.reading.knowledge import TextKnowledge
from train.reading.settings import ReadingSettings
from train.reading.text_model import TextModel
from train.system import cli
from train.trained.loaded import load_network
from train.trained.text_models import add_text_model

RULES = (
    Rule(name="pattern", pattern="[A-Z0-9]{3,5}", hard=True),
    Rule(name="sum", check={"modulus": 5, "weights": [2, 1], "repeat": True, "lengths": [3, 4, 5]}),
)


@pytest.fixture(scope="module")
def lines(data_dir: Path) -> Dataset:
    return real_lines.lines(data_dir, split="val", count=8)


@pytest.fixture(scope="module")
def untrained(lines: Dataset) -> Checkpoint:
    """Return a network that has learnt nothing: what it reads obeys no rule by itself."""
    tiny_recogniser.register()
    config = TrialConfig(model=tiny_recogniser.NAME, engine="torch", charset="domain")
    engine, _ = assemble(config, lines)
    return Checkpoint(config, engine.charset, 0, {}, engine.state())


@pytest.fixture(scope="module")
def bundle(untrained: Checkpoint, lines: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its bundle with a text model."""
    network, knowledge = (
        load_network(untrained, lines),
        TextKnowledge([text[:4] for text in lines.texts], RULES),
    )
    folder = tmp_path_factory.mktemp("text-model") / "bundle"
    export_network(add_text_model(network, lines, knowledge), lines, folder)
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


def test_photos_are_measured_by_what_a_format_looks_for() -> None:
    """Labels of other texts count for nothing, lines that cannot be the code are left out, others count raw, too."""
    rule = Rule(name="code", pattern="A[12]{2}", find=True, obeying=30, labels=30, chance=0.1)
    model = ReadingSettings(rules=(rule,))
    places = [np.array([(0, y), (60, y), (60, y + 20), (0, y + 20)], np.int32) for y in (0, 40, 80)]
    texts = ("TOTAL", "A12", "A11")
    regions = [Region(tuple(map(tuple, p.tolist())), text) for p, text in zip(places, texts, strict=True)]
    sample = Sample(Path("photo.jpg"), label_of(regions), "list:1")
    read = np.full((3, 7, 5), 0.001, np.float32)
    read[:, :, 0] = 0.9
    for line, text in zip(read, ("11", "A11", "A11"), strict=True):
        for place, character in enumerate(text):
            line[2 * place + 1, [0, "12A ".index(character) + 1]] = 0.001, 0.9
    read[1, 5, 2] = 0.85  # A11 or A12
    readings = TextModel(model, Charset(tuple("12A "))).read(read)
    page = PhotoReading(places, readings).wanted
    assert page.texts == ["A11", "A11"]
    counts = count_photos([sample], [page], "as-labelled", model)
    scores = score_photos(counts, count_photos([sample], [page.raw], "as-labelled", model)).as_dict()
    assert (scores["recall"], scores["exact_match"], scores["exact_match_raw"]) == (0.5, 0.5, 0.5)
    assert counts[0].labels == counts[0].detections == 2


def test_where_lines_are_divided_a_text_model_is_chosen_on_words(
    untrained: Checkpoint, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = real_lines.lines(data_dir, "receipts", "val", 24)
    words = [word for text in lines.texts for word in text.split()]
    assert len(words) > len(lines)
    config = untrained.config.model_copy(update={"cut": Cut(words=True)})
    engine, _ = assemble(config, lines)
    checkpoint = Checkpoint(config, engine.charset, 0, {}, engine.state())
    found = add_text_model(load_network(checkpoint, lines), lines, TextKnowledge(lines.texts, RULES[:1]))
    assert re.search(r"chosen on \d+ words of 24 lines", capsys.readouterr().out)
    assert found.checkpoint.text_model is not None
    assert [rule.labels for rule in found.checkpoint.text_model.rules] == [len(words)]


def test_a_reader_that_divides_lines_reads_each_word_with_its_text_model_everywhere(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = real_bundle(tmp_path / "bundle", "tiny")
    letters = Rule(name="letters", pattern="[A-Za-z]+", hard=True)
    add_reading(bundle, ReadingSettings(rules=(letters,)))
    write_cut(bundle, Cut(words=True))
    lines = real_lines.lines(data_dir, "receipts", "val", 8)
    crops = [lines.image(index) for index in range(len(lines))]
    found = load_bundle(bundle).recogniser().read_texts(crops)
    assert all(letters.holds(word) for one in found for word in one.text.split(" "))
    assert any(" " in one.text and one.text != one.raw for one in found)
    served = LineReader(load_model("recognition", str(bundle)), threads=1).read(crops, [0] * len(crops))
    assert [one.text for one in served] == [one.text for one in found]
    assert [" ".join(word.reading.text for word in one.words) for one in served] == [
        one.text for one in found
    ]
    assert [one.greedy.text for one in served] == [one.raw for one in found]
    labels = tmp_path / "labels.txt"
    rows = [f"{path}\t{one.text}\n" for path, one in zip(lines.sources, found, strict=True)]
    labels.write_text("".join(rows), encoding="utf-8")
    assert cli.run(main, ["--bundle", str(bundle), "--labels", str(labels), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    same = np.mean([one.text == one.raw for one in found])
    assert (scores["exact_match"], scores["exact_match_raw"]) == (1, pytest.approx(same))


@pytest.mark.slow
def test_a_bundle_whose_text_model_was_changed_is_refused(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "bundle"
    copy.mkdir()
    for path in bundle.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "reading.json").write_text("{}")
    assert cli.run(main, ["--bundle", str(copy), "--labels", str(tmp_path / "none.txt")]) == 1


@pytest.mark.slow
def test_an_export_keeps_the_text_model_or_says_that_there_is_none(
    untrained: Checkpoint, bundle: Path, lines: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of the checkpoint, of the bundle that training began with, or one chosen on the lines."""
    rows = [f"{path}\t{text}\n" for path, text in zip(lines.sources, lines.texts, strict=True)]
    (tmp_path / "labels.txt").write_text("".join(rows), encoding="utf-8")
    (tmp_path / "rules.yaml").write_text("{pattern: '[A-Z0-9]{2}', hard: true}", encoding="utf-8")
    kept = load_bundle(bundle).text_model
    begun = untrained.config.model_copy(update={"weights": str(bundle)})
    cases = {
        "none": (untrained, [], "reads greedily"),
        "checkpoint": (replace(untrained, text_model=kept), [], "the checkpoint's"),
        "begun": (replace(untrained, config=begun), [], "calibration as before"),
        "named": (replace(untrained, text_model=kept), ["--reading", str(tmp_path / "rules.yaml")], "hard"),
    }
    found = {}
    for name, (checkpoint, arguments, said) in cases.items():
        checkpoint.save(tmp_path / name)
        where = [str(tmp_path / name), str(tmp_path / f"{name}-bundle")]
        assert cli.run(export, [*where, "--labels", str(tmp_path / "labels.txt"), *arguments]) == 0
        assert said in capsys.readouterr().out
        found[name] = load_bundle(tmp_path / f"{name}-bundle").text_model
    assert kept is not None
    assert found["none"] is None
    assert found["checkpoint"] == found["begun"] == kept
    assert found["named"] is not None
    assert [(rule.pattern, rule.hard) for rule in found["named"].rules] == [("[A-Z0-9]{2}", True)]

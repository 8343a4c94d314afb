"""The winner of two real trials: one network is tuned, exported, judged and asked about labels."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pandas as pd
import pytest
from pyarrow.fs import LocalFileSystem
from ray import tune
from ray.train.constants import CHECKPOINT_DIR_NAME

from search.planning.plan import Planned
from search.preflight.cost import Cost
from search.preflight.data import StudyData
from search.preflight.probing.probe import Probe
from search.preflight.stages import Prepared, Probed
from search.records.facts import DataSummary
from search.records.result import PRETRAINED, Baseline
from search.records.trial import Measure, TrialRecord
from search.selection.choose import Selection
from search.selection.outcome import Searched
from search.selection.winner import export_winner
from search.settings import StudySettings
from search.storage.trial_folder import CHECKPOINT_FOLDER
from spaces.space import load_space
from tests import real_lines
from train.bundle import load_bundle
from train.checkpoint import Checkpoint
from train.data.dataset import Dataset
from train.engines import ENGINES
from train.engines.paddlepaddle.engine import PaddleEngine
from train.loop import TrainingData, assemble
from train.reading.formats.rules import Rule
from train.reading.knowledge import TextKnowledge
from train.scoring.texts import TextScores
from train.sets.read import Sets
from train.trained.loaded import Assembled, load_network

CONFIG = real_lines.config(engine="paddle", charset="domain", fit_width=320)


class Counted(PaddleEngine):
    """The engine, which counts the networks that are built and the images that they read."""

    built: ClassVar[int] = 0
    images: ClassVar[int] = 0

    def __init__(self, *settings: Any) -> None:
        Counted.built += 1
        super().__init__(*settings)

    def predict(self, images: Any) -> Any:
        Counted.images += len(images)
        return super().predict(images)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    ENGINES.names()  # the folder is imported first
    monkeypatch.setitem(ENGINES._entries, "paddle", Counted)
    monkeypatch.setattr(Counted, "built", 0)
    monkeypatch.setattr(Counted, "images", 0)
    return Counted


def ended(folder: Path, checkpoint: Checkpoint) -> Any:
    """Return what Tune says of a trial that left this checkpoint."""
    checkpoint.save(folder / "checkpoint_000000" / CHECKPOINT_FOLDER)
    frame = pd.DataFrame({"epoch": [1], "score": [0.9], CHECKPOINT_DIR_NAME: ["checkpoint_000000"]})
    return tune.Result({}, None, None, str(folder), frame, [], LocalFileSystem())


def made_probe(network: Assembled, data: TrainingData) -> Probe:
    reading = network.read(data.val)
    baseline = Baseline(model=CONFIG.model, charset="domain", fit_width=320, scores=reading.scores)
    cost = Cost(full=1.0, frozen=1.0, evaluate=0.1, keep=1.0, work=1.0)
    primary = network.task.primary
    return Probe(CONFIG.model, (baseline,), (reading.stats,), cost, primary, configs=(CONFIG,))


class Made(NamedTuple):
    """A study's end: what was searched, what was chosen, the winner's checkpoint."""

    search: Searched
    selection: Selection
    best: Checkpoint


def searched(data: TrainingData, test: Dataset, folder: Path, rules: tuple[Rule, ...] = ()) -> Made:
    """Return a study of two trials that ended with the pretrained weights."""
    start = Assembled(*assemble(CONFIG, data.train))
    probe = made_probe(start, data)
    scores = start.read(data.val).scores
    state = {"weights": start.engine.state()["weights"]}
    best = Checkpoint(CONFIG, start.engine.charset, 1, scores.metrics(), state)
    other = replace(best, config=CONFIG.model_copy(update={"fit_width": 384}))  # never averaged with the best
    results = [ended(folder / "a", best), ended(folder / "b", other)]
    history = (Measure(epoch=1, scores=TextScores(4, 0.75, 0.9, 0.1), loss=1.0, seconds=1.0),)
    ranked = [
        TrialRecord(id=name, state="finished", config=one.config, history=history)
        for name, one in (("a", best), ("b", other))
    ]
    study = StudyData(
        data, test, DataSummary(path="", samples={}, origins={}), TextKnowledge(data.train.texts, rules)
    )
    settings = StudySettings(name="vin", storage=str(folder.parent))
    prepared = Prepared(settings, load_space("quick"), Sets({}, {}, {}), (), False, 0.0)
    probed = Probed(prepared, study, None, (probe,), None)
    search = Searched(Planned(probed, None, None), results)  # type: ignore[arg-type]
    return Made(search, Selection(ranked, None, (), {}, ()), best)


@pytest.mark.slow
def test_the_winners_network_is_built_once(counted: type[Counted], data_dir: Path, tmp_path: Path) -> None:
    data = real_lines.few_lines(data_dir, train=8, val=4)
    test, folder = real_lines.lines(data_dir, split="val", count=6), tmp_path / "vin"
    search, selection, best = searched(data, test, folder)
    counted.built = 0
    verdict = export_winner(search, selection, folder)
    assert counted.built == 5, "the winner; the baseline, as bundle and on the test split; two other voters"
    assert verdict.averaged == (PRETRAINED,)
    assert verdict.labels is not None
    assert verdict.labels.voters == ("winner", "a", "b")
    assert load_bundle(folder / "best").manifest.config["fit_width"] == 320
    read = counted.images
    assert verdict.picture is not None
    assert verdict.picture(0).shape == data.val.image(0).shape
    assert counted.images == read, "the picture is of the reading that was scored"
    fresh = load_network(best, data.train)
    assert [(one.split, one.winner) for one in verdict.comparisons] == [
        ("validation", fresh.read(data.val).scores), ("test", fresh.read(test).scores),
    ]  # fmt: skip
    assert not any("text model" in str(one.baseline) for one in verdict.comparisons), (
        "nothing is known of the texts"
    )
    assert {split: len(rows.rows) for split, rows in verdict.rows.items()} == {"validation": 4, "test": 6}


@pytest.mark.slow
def test_a_declared_format_decides_the_winners_texts_and_its_baselines(
    data_dir: Path, tmp_path: Path
) -> None:
    """Both are the pretrained network here: with a text model each, they read the same, and better than greedily."""
    data = real_lines.few_lines(data_dir, train=64, val=24)
    test, folder = real_lines.lines(data_dir, split="val", count=48), tmp_path / "vin"
    rules = (Rule(name="pattern", pattern="[A-HJ-NPR-Z0-9]{17}"), Rule(name="vin", check="vin"))
    search, selection, _ = searched(data, test, folder, rules)
    verdict = export_winner(search, selection, folder)
    assert {one.split: one.gain.difference for one in verdict.comparisons} == {"validation": 0, "test": 0}
    assert verdict.decoded.keys() == {"validation", "test"}
    for comparison in verdict.comparisons:
        one = verdict.decoded[comparison.split]
        assert comparison.winner.primary == one.decoded > one.raw
        assert str(comparison.baseline).endswith(", with a text model")
    model = load_bundle(folder / "best").text_model
    assert model is not None
    assert [(rule.name, rule.labels) for rule in model.rules] == [("pattern", 64), ("vin", 64)]


def test_a_split_is_read_once(counted: type[Counted], data_dir: Path) -> None:
    data = real_lines.few_lines(data_dir, train=2, val=2)
    network = Assembled(*assemble(CONFIG, data.train))
    counted.images = 0
    assert network.read(data.val) is network.read(data.val)
    assert counted.images == 2

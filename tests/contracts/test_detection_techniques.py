"""Every technique on a detector in both frameworks: it trains what its plan says, goes on bit for bit, and exports."""

from pathlib import Path

import pytest

from tests.contracts.test_techniques import changed, engine_for, learned_by, plan_of, technique, with_teacher
from tests.real_lines import run
from tests.real_photos import MODEL, config, few_photos
from train.checkpoint import load_checkpoint
from train.engines import ENGINES
from train.engines.choice import holds
from train.errors import UsageError
from train.export import export_checkpoint
from train.loop import TrainingData, train
from train.models.network import STATISTICS
from train.techniques import TECHNIQUES

pytestmark = pytest.mark.usefixtures("one_thread")
TEACHER = {"teacher": MODEL}

NAMES = [name for name in TECHNIQUES.names() if not with_teacher(name)]
EACH = pytest.mark.parametrize(
    ("name", "engine"), [(name, one) for name in NAMES for one in ENGINES.names() if holds(one, [MODEL])]
)


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return few_photos(data_dir)


@pytest.mark.slow
@EACH
def test_an_epoch_changes_exactly_the_groups_of_its_plan_and_goes_on_bit_for_bit(
    name: str, engine: str, data: TrainingData, tmp_path: Path
) -> None:
    settings = config(engine=engine, technique=technique(name), multi_scale=0.3)
    network = engine_for(settings, data)
    untouched, plan = network.weights(), plan_of(name, 0.0)
    whole = run(settings, data)
    network.load(whole[0][1].state)
    expected = {n for n in learned_by(network, plan) if not n.endswith(STATISTICS)}
    assert changed(untouched, network.weights()) == expected
    whole[0][1].save(tmp_path / "half")
    [(metrics, resumed)] = run(settings, data, load_checkpoint(tmp_path / "half"))
    assert metrics["loss"] == whole[1][0]["loss"]
    for part in ("weights", "optimiser"):
        assert whole[1][1].state[part].keys() == resumed.state[part].keys()
        assert changed(whole[1][1].state[part], resumed.state[part]) == set()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "engine"), [("full", "paddle"), ("lora", "torch")])
def test_what_was_trained_passes_the_gate_at_every_size(
    name: str, engine: str, data: TrainingData, tmp_path: Path
) -> None:
    [(_, checkpoint)] = run(config(engine=engine, technique=technique(name), epochs=1), data)
    gate = export_checkpoint(checkpoint, data.val, tmp_path / "bundle")
    assert gate is not None
    assert gate.passed
    assert set(gate.widths_px) >= {256, 320, 384}


@pytest.mark.slow
def test_live_batch_norms_take_the_statistics_of_the_photos(data: TrainingData) -> None:
    settings = config(engine="torch", batch_norm="live", epochs=1)
    before = engine_for(settings, data).weights()
    [(_, checkpoint)] = run(settings, data)
    assert {n for n in before if n.endswith(STATISTICS)} <= changed(before, checkpoint.state["weights"])


def test_a_detector_has_nothing_to_learn_from_a_teacher(data: TrainingData) -> None:
    settings = config(technique={"name": "distill", "options": TEACHER})
    with pytest.raises(UsageError, match="a teacher teaches to read texts"):
        train(settings, data, lambda metrics, make: None)

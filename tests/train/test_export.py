"""Checkpoint to bundle with a real model, real lines, onnxruntime and PaddleOCR."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train import cli
from train.bundle import Bundle, load_bundle, run
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data import images
from train.data.dataset import Dataset, decode_samples
from train.data.formats import load_file
from train.data.sample import Sample
from train.engine import Engine
from train.engines.paddle_engine import PaddleEngine
from train.errors import CheckpointError, DataError, ParityError, UsageError
from train.export import export_checkpoint, main, whole_or_nothing
from train.loop import assemble
from train.parity import BATCH_LINES, WIDTHS_PX, ParityResult

GROUPS = ("stem", "backbone.early", "backbone.late", "neck", "head")
LINES = 48
STEPS = 3


@dataclass(frozen=True)
class Trained:
    """A network that has left its published weights, and its bundle."""

    samples: Sequence[Sample]
    data: Dataset
    engine: Engine
    checkpoint: Checkpoint
    directory: Path
    result: ParityResult

    @property
    def bundle(self) -> Bundle:
        return load_bundle(self.directory)


def train_step(engine: Engine, task: Any, data: Dataset, start: int) -> float:
    return engine.train_step(task.batch(data, np.arange(start, start + 8), 1), 1e-4, True)


def trained(labels: Path, charset: str, folder: Path, **settings: Any) -> Trained:
    samples = load_file(labels)
    samples = [samples[int(i)] for i in np.linspace(0, len(samples) - 1, LINES)]
    data = decode_samples(samples)
    config = TrialConfig.model_validate({"model": "pp-ocrv6-tiny", "charset": charset} | settings)
    engine, task = assemble(config, data)
    engine.apply_plan(dict.fromkeys(GROUPS, 1.0))
    for step in range(STEPS):
        train_step(engine, task, data, 8 * step)
    checkpoint = Checkpoint(config, engine.charset, 1, {"exact_match": 0.3}, engine.state())
    result = export_checkpoint(checkpoint, data, folder / "bundle")
    return Trained(samples, data, engine, checkpoint, folder / "bundle", result)


@pytest.fixture(scope="module")
def vin(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(data_dir / "vin/rec_gt_val.txt", "domain", tmp_path_factory.mktemp("vin"))


@pytest.fixture(scope="module")
def words(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(data_dir / "scene_words/rec_gt_val.txt", "keep", tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="module")
def receipts(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return trained(data_dir / "receipts/rec_gt_val.txt", "domain", tmp_path_factory.mktemp("receipts"))


@pytest.mark.slow
def test_the_gate_saw_every_width_and_size_and_the_manifest_says_so(vin: Trained) -> None:
    assert vin.result.passed
    assert set(WIDTHS_PX) <= set(vin.result.widths_px)
    assert set(BATCH_LINES) <= set(vin.result.batch_lines)
    manifest = vin.bundle.manifest
    assert manifest.parity["max_difference"] == vin.result.max_difference
    assert manifest.metrics == {"split": "val", "charset_rule": "as-labelled", "exact_match": 0.3}
    assert TrialConfig.model_validate(manifest.config) == vin.checkpoint.config
    assert vin.bundle.charset == vin.checkpoint.charset
    assert not [path for path in vin.directory.parent.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "width"), [(1, 8), (2, 161), (5, 333), (1, 1600)])
def test_batch_and_width_are_free_and_padded_in_the_graph(vin: Trained, count: int, width: int) -> None:
    batch = np.random.default_rng(0).uniform(-1, 1, (count, 3, 48, width)).astype(np.float32)
    found = run(vin.bundle.session(), batch)
    expected = vin.engine.predict(images.pad_to_bucket(batch))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.slow
def test_the_exported_network_trains_on(vin: Trained) -> None:
    twins = [assemble(vin.checkpoint.config, vin.data, vin.checkpoint) for _ in range(2)]
    twins[0][0].export(make(vin.directory.parent / "aside"))
    losses = []
    for engine, task in twins:
        engine.apply_plan(dict.fromkeys(GROUPS, 1.0))
        losses.append([train_step(engine, task, vin.data, start) for start in (0, 8)])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_other_weights_in_the_graph_leave_no_bundle(
    vin: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = PaddleEngine.export

    def export_after_another_step(engine: PaddleEngine, directory: Path) -> dict[str, str]:
        before = engine.state()
        noise = np.random.default_rng(0)
        shaken = {
            k: v + 0.02 * noise.standard_normal(v.shape).astype(v.dtype) for k, v in engine.weights().items()
        }
        engine.load({"weights": shaken})
        absent = export(engine, directory)
        engine.load(before)
        return absent

    monkeypatch.setattr(PaddleEngine, "export", export_after_another_step)
    with pytest.raises(ParityError):
        export_checkpoint(vin.checkpoint, vin.data, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_failed_export_keeps_the_older_bundle(
    vin: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_checkpoint(vin.checkpoint, vin.data, tmp_path / "bundle")
    monkeypatch.setattr("train.parity.TOLERANCE", 0.0)
    with pytest.raises(ParityError):
        export_checkpoint(vin.checkpoint, vin.data, tmp_path / "bundle")
    assert load_bundle(tmp_path / "bundle").manifest.parity["differing"] == 0
    monkeypatch.undo()
    export_checkpoint(vin.checkpoint, vin.data, tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.slow
def test_a_lines_text_does_not_depend_on_its_neighbours(words: Trained) -> None:
    lines = [words.data.image(index) for index in range(LINES)]
    recogniser = words.bundle.recogniser()
    together, alone = recogniser.read(lines), [recogniser.read([line])[0] for line in lines]
    assert [text for text, _ in together] == [text for text, _ in alone]
    assert [c for _, c in together] == pytest.approx([c for _, c in alone], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vin", "words", "receipts"])
def test_paddleocr_loads_the_bundle_and_reads_the_same(
    name: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
    from paddleocr import TextRecognition

    made: Trained = request.getfixturevalue(name)
    files = [str(sample.path) for sample in made.samples]
    reader = TextRecognition(model_name="PP-OCRv6_tiny_rec", model_dir=str(made.directory), device="cpu")
    theirs = [(page["rec_text"], page["rec_score"]) for page in reader.predict(files)]
    ours = made.bundle.recogniser().read([made.data.image(index) for index in range(LINES)])
    assert [text for text, _ in ours] == [text for text, _ in theirs]
    assert [c for _, c in ours] == pytest.approx([c for _, c in theirs], abs=1e-3)
    assert len({text for text, _ in ours}) > LINES // 2


@pytest.mark.slow
def test_the_receipts_test_above_has_spaces_and_long_lines(receipts: Trained) -> None:
    assert receipts.bundle.charset.characters[-1] == " "
    assert receipts.data.widths.max() > 320
    lines = [receipts.data.image(index) for index in range(LINES)]
    assert any(" " in text for text, _ in receipts.bundle.recogniser().read(lines))


@pytest.mark.slow
def test_the_command_line_exports(vin: Trained, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    vin.checkpoint.save(tmp_path / "checkpoint")
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"{s.path}\t{s.text}" for s in vin.samples[:4]) + "\n")
    arguments = [str(tmp_path / "checkpoint"), str(tmp_path / "deep" / "bundle"), "--labels", str(labels)]
    assert cli.run(main, arguments) == 0
    assert load_bundle(tmp_path / "deep" / "bundle").charset == vin.checkpoint.charset
    printed = capfd.readouterr()
    assert printed.out.count("\n") == 1
    assert "Paddle2ONNX" not in printed.err


def test_another_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="replace"), whole_or_nothing(tmp_path):
        pytest.fail("must not come here")
    assert (tmp_path / "thesis.txt").exists()


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    def fail_midway() -> None:
        with whole_or_nothing(tmp_path / "bundle") as aside:
            (aside / "half").write_text("half")
            raise DataError("a rule", "a value", "a remedy")

    with pytest.raises(DataError):
        fail_midway()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_checkpoint_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(tmp_path / "none"), str(tmp_path / "bundle"), "--labels", str(tmp_path)]
    assert cli.run(main, arguments) == CheckpointError.exit_status
    assert capsys.readouterr().err.startswith("error: a checkpoint must be whole")

"""Checkpoint to bundle with a real model of both frameworks, real lines, onnxruntime and PaddleOCR."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from train.bundle import INT8, ONNX, PADDLEOCR, Bundle, load_bundle
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data import images
from train.data.dataset import Dataset, decode_samples
from train.data.formats.loading import load_file
from train.data.sample import Sample
from train.engine import Engine
from train.engines.paddlepaddle.engine import PaddleEngine
from train.errors import DataError, ParityError, UsageError
from train.export import export_checkpoint, main, whole_or_nothing
from train.loop import assemble
from train.quantise import quantise
from train.system import cli, onnx_session
from train.tasks.parity import BATCH_LINES, WIDTHS_PX, ParityResult

GROUPS = ("stem", "backbone.early", "backbone.late", "neck", "head")
LINES = 48
STEPS = 3
REPOSITORY = Path(__file__).resolve().parents[2]
SETS: dict[str, tuple[str, dict[str, Any]]] = {  # the lines, and how a network is trained on them
    "paddle": ("vin", {"charset": "domain", "cut": {"along": 0.2, "direct": True}}),
    "torch": ("vin", {"charset": "domain", "engine": "torch"}),
    "torch, one width": ("vin", {"charset": "domain", "engine": "torch", "fit_width": 320}),
    "words": ("scene_words", {"charset": "keep"}),
    "receipts": ("receipts", {"charset": "domain"}),
}
TORCH = ("torch", "torch, one width")
VIN = ("paddle", *TORCH)
Make = Callable[[str], "Trained"]


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


def train_and_export(labels: Path, folder: Path, settings: dict[str, Any]) -> Trained:
    samples = load_file(labels)
    samples = [samples[int(i)] for i in np.linspace(0, len(samples) - 1, LINES)]
    data = decode_samples(samples)
    config = TrialConfig.model_validate({"model": "pp-ocrv6-tiny"} | settings)
    engine, task = assemble(config, data)
    engine.apply_plan(dict.fromkeys(GROUPS, 1.0))
    for step in range(STEPS):
        train_step(engine, task, data, 8 * step)
    checkpoint = Checkpoint(config, engine.charset, 1, {"exact_match": 0.3}, engine.state())
    result = export_checkpoint(checkpoint, data, folder / "bundle")
    return Trained(samples, data, engine, checkpoint, folder / "bundle", result)


@pytest.fixture(scope="module")
def made(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Return a trained network and its bundle by its name in SETS, each made once."""

    @cache
    def trained(name: str) -> Trained:
        kind, settings = SETS[name]
        labels = data_dir / kind / "rec_gt_val.txt"
        return train_and_export(labels, tmp_path_factory.mktemp(kind), settings)

    return trained


@pytest.fixture(scope="module")
def vin(made: Make) -> Trained:
    return made("paddle")


@pytest.mark.slow
def test_the_gate_saw_every_width_and_size_and_the_manifest_says_so(vin: Trained) -> None:
    assert vin.result.passed
    assert set(WIDTHS_PX) <= set(vin.result.widths_px)
    assert set(BATCH_LINES) <= set(vin.result.batch_lines)
    manifest = vin.bundle.manifest
    assert manifest.parity["max_difference"] == vin.result.max_difference
    assert manifest.metrics == {"split": "val", "charset_rule": "as-labelled", "exact_match": 0.3}
    assert TrialConfig.model_validate(manifest.config) == vin.checkpoint.config
    assert manifest.settings["cut"] == {"along": 0.2, "direct": True}, "what reads photos cuts lines by it"
    assert vin.bundle.charset == vin.checkpoint.charset
    assert not [path for path in vin.directory.parent.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCH)
def test_a_bundle_of_torch_is_whole(name: str, made: Make) -> None:
    assert made(name).result.passed
    manifest = made(name).bundle.manifest
    assert (manifest.config["engine"], manifest.absent) == ("torch", {})
    assert set(PADDLEOCR) < set(manifest.files)
    assert manifest.versions["torch"].split("+")[0] == "2.13.0"
    assert (
        sys.prefix.encode() not in (made(name).directory / ONNX).read_bytes()
    )  # torch notes lines of source files


@pytest.mark.slow
@pytest.mark.parametrize(("count", "width"), [(1, 8), (2, 161), (5, 333), (1, 1600)])
@pytest.mark.parametrize("name", VIN)
def test_batch_and_width_are_free_and_padded_in_the_graph(
    name: str, count: int, width: int, made: Make
) -> None:
    vin = made(name)
    batch = np.random.default_rng(0).uniform(-1, 1, (count, 3, 48, width)).astype(np.float32)
    found = onnx_session.run(vin.bundle.session(), batch)
    expected = vin.engine.predict(images.pad_to_bucket(batch))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", VIN)
def test_the_exported_network_trains_on(name: str, made: Make, tmp_path: Path) -> None:
    vin = made(name)
    twins = [assemble(vin.checkpoint.config, vin.data, vin.checkpoint) for _ in range(2)]
    twins[0][0].export(tmp_path)
    losses = []
    for engine, task in twins:
        engine.apply_plan(dict.fromkeys(GROUPS, 1.0))
        losses.append([train_step(engine, task, vin.data, start) for start in (0, 8)])
    assert losses[0] == (losses[1] if name in TORCH else pytest.approx(losses[1], rel=1e-5))


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
    shutil.copytree(vin.directory, tmp_path / "bundle")
    monkeypatch.setattr("train.export.compare", lambda *_: ParityResult(1, (80,), (1,), 0.1, 0, 0, off=1))
    with pytest.raises(ParityError):
        export_checkpoint(vin.checkpoint, vin.data, tmp_path / "bundle")
    assert load_bundle(tmp_path / "bundle").manifest.parity["differing"] == 0
    monkeypatch.undo()
    export_checkpoint(vin.checkpoint, vin.data, tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


@pytest.mark.slow
def test_a_lines_text_does_not_depend_on_its_neighbours(made: Make) -> None:
    words = made("words")
    lines = [words.data.image(index) for index in range(LINES)]
    recogniser = words.bundle.recogniser()
    together, alone = recogniser.read(lines), [recogniser.read([line])[0] for line in lines]
    assert [text for text, _ in together] == [text for text, _ in alone]
    assert [c for _, c in together] == pytest.approx([c for _, c in alone], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_paddleocr_loads_the_bundle_and_reads_the_same(
    name: str, made: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
    from paddleocr import TextRecognition

    found = made(name)
    files = [str(sample.path) for sample in found.samples]
    reader = TextRecognition(model_name="PP-OCRv6_tiny_rec", model_dir=str(found.directory), device="cpu")
    theirs = [(page["rec_text"], page["rec_score"]) for page in reader.predict(files)]
    ours = found.bundle.recogniser().read([found.data.image(index) for index in range(LINES)])
    assert [text for text, _ in ours] == [text for text, _ in theirs]
    assert [c for _, c in ours] == pytest.approx([c for _, c in theirs], abs=1e-3)
    assert name in TORCH or len({text for text, _ in ours}) > LINES // 2


@pytest.mark.slow
def test_the_receipts_test_above_has_spaces_and_long_lines(made: Make) -> None:
    receipts = made("receipts")
    assert receipts.bundle.charset.characters[-1] == " "
    assert receipts.data.widths.max() > 320
    lines = [receipts.data.image(index) for index in range(LINES)]
    assert any(" " in text for text, _ in receipts.bundle.recogniser().read(lines))


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCH)
def test_an_8_bit_graph_can_be_added(name: str, made: Make, tmp_path: Path) -> None:
    """Whether it reads as well is the gate's own matter; this network has seen three steps."""
    folder = tmp_path / "bundle"
    shutil.copytree(made(name).directory, folder)
    quantise(load_bundle(folder), made(name).data, made(name).data, tolerance=1.0, least_gain=0.0)
    bundle = load_bundle(folder)
    assert INT8 in bundle.manifest.files
    assert bundle.manifest.absent == made(name).bundle.manifest.absent


@pytest.mark.slow
def test_the_command_line_exports(vin: Trained, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    vin.checkpoint.save(tmp_path / "checkpoint")
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"{s.path}\t{s.text}" for s in vin.samples[:4]) + "\n")
    arguments = [str(tmp_path / "checkpoint"), str(tmp_path / "deep" / "bundle"), "--labels", str(labels)]
    assert cli.run(main, arguments) == 0
    assert load_bundle(tmp_path / "deep" / "bundle").charset == vin.checkpoint.charset
    printed = capfd.readouterr()
    assert (printed.out[:16], printed.out.count("\n")) == ("text model: none", 2)
    assert "Paddle2ONNX" not in printed.err


WITHOUT_PADDLE = """
import json, sys
from pathlib import Path
for name in ("paddle", "paddlex", "paddle2onnx", "paddleocr"):
    sys.modules[name] = None
from tests.real_lines import config, few_lines, run
from train.export import export_checkpoint
data = few_lines(Path(sys.argv[1]))
[(metrics, checkpoint)] = run(config(engine="torch", epochs=1), data)
export_checkpoint(checkpoint, data.val, Path(sys.argv[2]))
print(json.dumps(metrics))
"""


@pytest.mark.slow
def test_torch_trains_and_exports_without_paddle(data_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_PADDLE, str(data_dir), str(tmp_path / "bundle")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["epoch"] == 1
    manifest = load_bundle(tmp_path / "bundle").manifest
    assert manifest.absent.keys() == set(PADDLEOCR)
    assert all("paddlepaddle" in reason for reason in manifest.absent.values())
    assert not set(PADDLEOCR) & set(manifest.files)


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
    assert cli.run(main, arguments) == UsageError.exit_status
    assert capsys.readouterr().err.startswith("error: CHECKPOINT must be a folder that is there, got ")

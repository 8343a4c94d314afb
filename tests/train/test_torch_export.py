"""A bundle that torch trained: the same form, the same gate, and no need of Paddle."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.train.test_export import GROUPS, LINES, Trained, make, train_step, trained
from train.bundle import INT8, PADDLEOCR, load_bundle, run
from train.data import images
from train.loop import assemble
from train.quantise import quantise

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module", params=[0, 320], ids=["own width", "fit width"])
def vin(request: pytest.FixtureRequest, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("vin")
    settings = {"engine": "torch", "fit_width": request.param}
    return trained(data_dir / "vin/rec_gt_val.txt", "domain", folder, **settings)


def test_the_gate_passed_and_the_bundle_is_whole(vin: Trained) -> None:
    assert vin.result.passed
    manifest = vin.bundle.manifest
    assert (manifest.config["engine"], manifest.absent) == ("torch", {})
    assert set(PADDLEOCR) < set(manifest.files)
    assert manifest.versions["torch"].split("+")[0] == "2.13.0"


@pytest.mark.parametrize(("count", "width"), [(1, 8), (2, 161), (5, 333), (1, 1600)])
def test_batch_and_width_are_free_and_padded_in_the_graph(vin: Trained, count: int, width: int) -> None:
    batch = np.random.default_rng(0).uniform(-1, 1, (count, 3, 48, width)).astype(np.float32)
    found = run(vin.bundle.session(), batch)
    expected = vin.engine.predict(images.pad_to_bucket(batch))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-3


def test_the_exported_network_trains_on(vin: Trained) -> None:
    twins = [assemble(vin.checkpoint.config, vin.data, vin.checkpoint) for _ in range(2)]
    twins[0][0].export(make(vin.directory.parent / "aside"))
    losses = []
    for engine, task in twins:
        engine.apply_plan(dict.fromkeys(GROUPS, 1.0))
        losses.append([train_step(engine, task, vin.data, start) for start in (0, 8)])
    assert losses[0] == losses[1]


def test_paddleocr_loads_the_bundle_and_reads_the_same(vin: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
    from paddleocr import TextRecognition

    files = [str(sample.path) for sample in vin.samples]
    reader = TextRecognition(model_name="PP-OCRv6_tiny_rec", model_dir=str(vin.directory), device="cpu")
    theirs = [(page["rec_text"], page["rec_score"]) for page in reader.predict(files)]
    ours = vin.bundle.recogniser().read([vin.data.image(index) for index in range(LINES)])
    assert [text for text, _ in ours] == [text for text, _ in theirs]
    assert [c for _, c in ours] == pytest.approx([c for _, c in theirs], abs=1e-3)


def test_an_8_bit_graph_can_be_added(vin: Trained, tmp_path: Path) -> None:
    """Whether it reads as well is the gate's own matter; this network has seen three steps."""
    folder = tmp_path / "bundle"
    shutil.copytree(vin.directory, folder)
    quantise(load_bundle(folder), vin.data, tolerance=1.0)
    bundle = load_bundle(folder)
    assert INT8 in bundle.manifest.files
    assert bundle.manifest.absent == vin.bundle.manifest.absent


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


def test_torch_trains_and_exports_without_paddle(data_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_PADDLE, str(data_dir), str(tmp_path / "bundle")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["epoch"] == 1
    manifest = load_bundle(tmp_path / "bundle").manifest
    assert manifest.absent.keys() == set(PADDLEOCR)
    assert all("paddlepaddle" in reason for reason in manifest.absent.values())
    assert not set(PADDLEOCR) & set(manifest.files)

"""Where a detection model's weights come from: safetensors folders, bundles, and what is refused."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.contracts.models.networks import array_of
from tests.real_photos import photos, sigmoid
from train.engine import GROUPS
from train.errors import ModelError
from train.models import MODELS

pytestmark = pytest.mark.usefixtures("one_thread")
FRAMEWORKS = ("paddle", "torch")
NAME, OTHER = "pp-ocrv6-tiny-det", "pp-ocrv6-small-det"


def save_safetensors(network: Any, settings: dict[str, Any], folder: Path) -> Path:
    """Write a Paddle network's `layer` as PaddleOCR publishes it for Hugging Face: without the threshold branch."""
    from safetensors.numpy import save_file

    folder.mkdir(exist_ok=True)
    state = network.layer.get_hf_state_dict()
    arrays = {key: tensor.numpy() for key, tensor in state.items() if not key.startswith("threshold.")}
    save_file(arrays, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(settings), "utf-8")
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model: Any = MODELS.get(NAME)
    return save_safetensors(model.network("paddle", None), model.settings, tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_safetensors_folder_finds_what_the_wheel_finds(
    framework: str, published: Path, data_dir: Path
) -> None:
    batch = photos(data_dir, "vin", 1)
    maps = []
    for weights in (None, published):
        network = MODELS.get(NAME).network(framework, weights)
        maps.append(sigmoid(array_of(network.training_logits(network.tensor(batch.batch)))))
    assert len(batch.boxes(maps[0][:, :1])[0]) > 3
    assert np.abs(maps[0] - maps[1]).max() < 1e-5


def test_a_folder_without_settings_is_refused(published: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((published / "model.safetensors").read_bytes())
    with pytest.raises(
        ModelError, match=r"without config\.json; download the safetensors form of PP-OCRv6_tiny_det"
    ):
        MODELS.get(NAME).network("torch", tmp_path)


def test_the_weights_of_another_model_are_refused(published: Path, tmp_path: Path) -> None:
    small: Any = MODELS.get(OTHER)
    (tmp_path / "config.json").write_text(json.dumps(small.settings), "utf-8")
    (tmp_path / "model.safetensors").write_bytes((published / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match="must hold the weights of PP-OCRv6_small_det"):
        small.network("torch", tmp_path)


def published_settings(name: str) -> dict[str, Any]:
    """Return what the published config.json says."""
    from paddlex.modules.base.utils.pdparams2safetensors.model_config import MODEL_CONFIGS

    return dict(MODEL_CONFIGS[MODELS.get(name).published_name()])


@pytest.mark.parametrize("name", ["pp-ocrv6-tiny-det", "pp-ocrv6-small-det", "pp-ocrv5-mobile-det"])
def test_the_settings_are_the_published_ones(name: str) -> None:
    """What a model says of itself stands in the published file, but for the branches, which are fused."""
    model: Any = MODELS.get(name)
    published = published_settings(name)
    for key, value in model.settings.items():
        if key != "backbone_config":
            assert published[key] == value, key
    backbone = dict(model.settings["backbone_config"])
    assert backbone.pop("conv_symmetric_num", 1) == 1
    assert backbone.items() <= published["backbone_config"].items()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_parallel_branches_are_added_up_without_changing_the_function(framework: str, tmp_path: Path) -> None:
    """PP-OCRv5 mobile as it is published, with random weights and statistics."""
    import paddle
    from paddlex.inference.models.text_detection.modeling import PPOCRV5MobileDet

    settings = published_settings("pp-ocrv5-mobile-det")
    paddle.seed(0)
    branched = PPOCRV5MobileDet(PPOCRV5MobileDet.config_class(**settings))
    rng = np.random.default_rng(0)
    for layer in branched.sublayers():
        if "BatchNorm" in type(layer).__name__:
            channels = layer.weight.shape
            layer._mean.set_value(0.3 * rng.standard_normal(channels).astype(np.float32))
            layer._variance.set_value(rng.uniform(0.5, 2, channels).astype(np.float32))
            layer.weight.set_value(rng.uniform(0.5, 1.5, channels).astype(np.float32))
    branched.eval()
    folder = save_safetensors(SimpleNamespace(layer=branched), settings, tmp_path)
    network = MODELS.get("pp-ocrv5-mobile-det").network(framework, folder)
    assert len(network.arrays()) < len(branched.state_dict())
    noise = rng.standard_normal((1, 3, 64, 96)).astype(np.float32)
    expected = array_of(branched.model(paddle.to_tensor(noise)))
    features = network.layer.model(network.tensor(noise))
    found = array_of(getattr(features, "last_hidden_state", features))
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["pp-ocrv6-medium-det", "pp-ocrv5-server-det"])
def test_models_without_a_wheel_load_in_both_frameworks(name: str, tmp_path: Path) -> None:
    """Random weights stand in for the published ones, which are to be had by download only."""
    import paddle

    model: Any = MODELS.get(name)
    paddle.seed(0)
    settings = published_settings(name)
    folder = save_safetensors(model._empty("paddle", settings), settings, tmp_path)
    noise = np.random.default_rng(0).standard_normal((1, 3, 64, 96)).astype(np.float32)
    outputs = []
    for framework in FRAMEWORKS:
        network = model.network(framework, folder)
        outputs.append(array_of(network.training_logits(network.tensor(noise))))
        groups = {array: model.group(array) for array in network.arrays()}
        places = [GROUPS.index(groups[n]) for n in network.parameters()]
        assert places == sorted(places)
        assert set(groups.values()) == set(GROUPS)
        final = f"{model.branch}.conv_final."
        assert {n for n, group in groups.items() if group == "head"} > {
            f"{final}weight",
            "threshold.conv_final.bias",
        }
    assert outputs[0].shape == (1, 2, 64, 96)
    assert np.ptp(outputs[0][:, 0]) > 0
    assert np.abs(outputs[0] - outputs[1]).max() < 1e-4 * max(1, np.abs(outputs[0]).max())


def test_the_refining_head_answers_with_the_mean_of_two_probabilities(tmp_path: Path) -> None:
    """PP-OCRv5 server's: the logit is exactly that of what the published head gives."""
    import paddle

    model: Any = MODELS.get("pp-ocrv5-server-det")
    paddle.seed(0)
    network = model._empty("paddle", published_settings("pp-ocrv5-server-det"))
    features = 3 * paddle.randn([1, 256, 16, 24])
    with paddle.no_grad():
        from train.models.detection.db_head import shrink_logits

        expected = network.layer.head(features).numpy()
        found = sigmoid(shrink_logits(network.layer, features).numpy())
    assert np.ptp(expected) > 0.01
    assert np.abs(found - expected).max() < 1e-6


def test_the_refining_head_is_finite_in_float16() -> None:
    """There a sigmoid is 0 from -17 on: mixed precision would end in a loss of NaN."""
    import torch

    from train.models.detection.db_head import shrink_logits

    far = torch.full((1, 1, 2, 2), -40.0, dtype=torch.float16)
    branch = SimpleNamespace(conv_down=far.add, conv_up=far.add, conv_final=lambda features: far)
    head = SimpleNamespace(
        binarize_head=branch, upsample_convolution=far.add, local_refinement_module=lambda features, map_: far
    )
    found = shrink_logits(SimpleNamespace(head=head), far)
    assert torch.isfinite(found).all()
    assert found.max() < -10

"""Where a model's weights come from: safetensors folders, downloads, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.contracts.models.networks import LARGEST_DIFFERENCE, Array, array_of, each, read
from train.engine import GROUPS
from train.errors import ModelError
from train.models import MODELS
from train.models.paddle_network import published_layer

IN_WHEELS = [name for name in MODELS.names() if getattr(MODELS.get(name), "wheel", None)]
FRAMEWORKS = ("paddle", "torch")


def save_safetensors(network: Any, settings: dict[str, Any], characters: list[str], folder: Path) -> Path:
    """Write a network in the Hugging Face layout that PaddleOCR publishes."""
    from safetensors.numpy import save_file

    folder.mkdir(exist_ok=True)
    arrays = {key: tensor.numpy() for key, tensor in network.get_hf_state_dict().items()}
    for key in network.get_transpose_weight_keys():
        arrays[key] = np.ascontiguousarray(arrays[key].T)
    save_file(arrays, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(settings | {"model_type": "published"}), "utf-8")
    post = {"PostProcess": {"name": "CTCLabelDecode", "character_dict": characters}}
    (folder / "inference.yml").write_text(yaml.safe_dump(post, allow_unicode=True), "utf-8")
    return folder


def published_folder(name: str, folder: Path) -> Path:
    model: Any = MODELS.get(name)
    charset = model.charset(None)
    settings = model.settings | {"head_out_channels": charset.classes}
    return save_safetensors(
        model.network("paddle", None).layer, settings, list(charset.characters[:-1]), folder
    )


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", each([("pp-ocrv6-tiny",), ("pp-ocrv6-small",)]))
def test_a_safetensors_folder_reads_as_the_wheel(
    name: str, framework: str, real_images: list[Array], tmp_path: Path
) -> None:
    model = MODELS.get(name)
    folder = published_folder(name, tmp_path)
    assert model.charset(folder) == model.charset(None)
    network, original = model.network(framework, folder), model.network(framework, None)
    for images in real_images:
        assert np.abs(read(network, images) - read(original, images)).max() < 1e-5


def branched_network(settings: dict[str, Any]) -> Any:
    """Return the v5 network as it was published for training, with statistics of no particular kind."""
    network = published_layer("text_recognition", "PPOCRV5MobileRec", settings)
    rng = np.random.default_rng(0)
    for layer in network.sublayers():
        if "BatchNorm" in type(layer).__name__:
            channels = layer.weight.shape
            layer._mean.set_value(0.3 * rng.standard_normal(channels).astype(np.float32))
            layer.bias.set_value(0.3 * rng.standard_normal(channels).astype(np.float32))
            layer._variance.set_value(rng.uniform(0.5, 2, channels).astype(np.float32))
            layer.weight.set_value(rng.uniform(0.5, 1.5, channels).astype(np.float32))
    network.eval()
    return network


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_parallel_branches_are_added_up_without_changing_the_function(
    framework: str, real_images: list[Array], tmp_path: Path
) -> None:
    import paddle

    model: Any = MODELS.get("pp-ocrv5-mobile")
    characters = list("ABCDEFGHIJ")
    backbone = model.settings["backbone_config"] | {"conv_symmetric_num": 4}
    settings = model.settings | {"backbone_config": backbone, "head_out_channels": len(characters) + 2}
    branched = branched_network(settings)
    folder = save_safetensors(branched, settings, characters, tmp_path)
    fused = model.network(framework, folder)
    assert len(fused.arrays()) == len(model.network(framework, None).arrays()) < len(branched.state_dict())
    images = real_images[1][:2]
    expected = array_of(branched.model(paddle.to_tensor(images)))
    features = fused.layer.model(fused.tensor(images))
    found = array_of(getattr(features, "last_hidden_state", features))
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    assert np.abs(read(fused, images) - branched([images])[0]).max() < LARGEST_DIFFERENCE


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json", "inference.yml"])
def test_an_incomplete_folder_is_refused(missing: str, tmp_path: Path) -> None:
    for name in {"model.safetensors", "config.json", "inference.yml"} - {missing}:
        (tmp_path / name).touch()
    with pytest.raises(ModelError, match=r"without .*; download the safetensors form of PP-OCRv6_tiny_rec"):
        MODELS.get("pp-ocrv6-tiny").network("torch", tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        MODELS.get("pp-ocrv6-tiny").charset(tmp_path / "nowhere")


def test_the_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    folder = published_folder("pp-ocrv6-tiny", tmp_path)
    with pytest.raises(ModelError, match="must hold the weights of PP-OCRv6_small_rec"):
        MODELS.get("pp-ocrv6-small").network("torch", folder)


def test_a_dictionary_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = published_folder("pp-ocrv6-tiny", tmp_path)
    post = {"PostProcess": {"character_dict": list("ABC")}}
    (folder / "inference.yml").write_text(yaml.safe_dump(post), "utf-8")
    with pytest.raises(ModelError, match=r"inference\.yml"):
        MODELS.get("pp-ocrv6-tiny").network("torch", folder)


class OfflineHost:
    """Stands in for paddlex's model hosts: serves a folder of this machine."""

    alias = "offline"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []

    def supports_model(self, name: str) -> bool:
        return True

    def get_model(self, name: str) -> Path:
        self.asked.append(name)
        return self.folder


@pytest.fixture
def official_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Return paddlex's downloader with an empty cache."""
    from paddlex.inference.utils import official_models

    monkeypatch.setattr(official_models.official_models, "_save_dir", tmp_path / "cache")
    return official_models.official_models


def test_paddlex_downloads_what_no_wheel_ships(
    official_models: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    host = OfflineHost(published_folder("pp-ocrv6-small", tmp_path / "published"))
    monkeypatch.setattr(official_models, "_hosters", [host])
    medium, small = MODELS.get("pp-ocrv6-medium"), MODELS.get("pp-ocrv6-small")
    assert medium.charset(None) == small.charset(None)
    assert {medium.group(name) for name in medium.network("paddle", None).arrays()} == set(GROUPS)
    assert {name.removesuffix("_safetensors") for name in host.asked} == {"PP-OCRv6_medium_rec"}


NOT_IN_WHEELS = [
    name for name in MODELS.names() if "paddle" in MODELS.get(name).frameworks() and name not in IN_WHEELS
]
DOWNLOADED = {getattr(MODELS.get(name), "layer_class", name): name for name in NOT_IN_WHEELS}
"""One of each network: languages differ in nothing but the name."""


@pytest.mark.parametrize("name", DOWNLOADED.values())
def test_without_a_network_a_missing_model_says_so(
    name: str, official_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(official_models, "_hosters", [])
    with pytest.raises(ModelError, match=r"network.*; set `weights:` to a folder"):
        MODELS.get(name).network("paddle", None)

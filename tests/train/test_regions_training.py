"""A detection network learns from real photos, whatever the framework, and only where it may."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.real_photos import Array, photos
from train.data.photos.targets import RegionTargets
from train.engine import BACKBONE
from train.engines import regions_loss
from train.engines.paddlepaddle import cpu as paddle_cpu
from train.models import MODELS
from train.models.network import Network
from train.models.weights.reinflation import reinflate

paddle_cpu.prepare()  # before anything imports paddle, as the engine does

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
MODEL = "pp-ocrv6-tiny-det"
COUNT, STEPS, LEARNING_RATE = 4, 20, 3e-4
FAR, NEAR = 0.3, 0.7  # the least and the greatest threshold


def targets(data_dir: Path, size: tuple[int, int]) -> Array:
    """Return (COUNT, 4, height, width) maps of the photos' only boxes, upright and drawn without much care."""
    maps = {name: np.zeros((COUNT, *size), np.float32) for name in RegionTargets._fields}
    maps["shrink_mask"] += 1
    maps["threshold"] += FAR
    lines = (data_dir / "vin/det_gt_val.txt").read_text(encoding="utf-8").splitlines()[:COUNT]
    for index, line in enumerate(lines):
        [region] = json.loads(line.split("\t")[1])
        (left, top), (right, bottom) = region["points"][0], region["points"][2]
        edge = (bottom - top) // 4
        for name, by, value in (("threshold_mask", -edge, 1), ("threshold", 0, NEAR), ("shrink", edge, 1)):
            corners = (left + by, top + by), (right - by, bottom - by)
            cv2.rectangle(maps[name][index], *corners, value, cv2.FILLED if value == 1 else edge)
    return np.stack(list(maps.values()), axis=1)


def torch_stepper(network: Network) -> tuple[Callable[[Any], None], Callable[[Any, Any], Any]]:
    import torch

    optimiser = torch.optim.AdamW(network.parameters().values(), LEARNING_RATE)

    def step(loss: Any) -> None:
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step, partial(regions_loss.regions_loss, torch.nn.functional)


def paddle_stepper(network: Network) -> tuple[Callable[[Any], None], Callable[[Any, Any], Any]]:
    import paddle

    optimiser = paddle.optimizer.AdamW(LEARNING_RATE, parameters=list(network.parameters().values()))

    def step(loss: Any) -> None:
        optimiser.clear_grad()
        loss.backward()
        optimiser.step()

    return step, partial(regions_loss.regions_loss, paddle.nn.functional)


STEPPERS = {"paddle": paddle_stepper, "torch": torch_stepper}


def prepared(framework: str, data_dir: Path) -> tuple[Network, Any, Any]:
    """Return a network ready to be trained, photos and their targets as its tensors."""
    batch = photos(data_dir, "vin", COUNT)
    network = MODELS.get(MODEL).network(framework, None)
    images = network.tensor(batch.batch)
    reinflate(network, lambda: network.training_logits(images).detach())
    return network, images, network.tensor(targets(data_dir, batch.size))


@pytest.mark.parametrize("framework", STEPPERS)
def test_the_loss_falls_by_half_in_twenty_steps(framework: str, data_dir: Path) -> None:
    network, images, wanted = prepared(framework, data_dir)
    step, loss_of = STEPPERS[framework](network)
    losses = []
    for _ in range(STEPS):
        loss = loss_of(network.training_logits(images), wanted)
        losses.append(float(loss.detach()))
        step(loss)
    assert losses[-1] < losses[0] / 2, losses


@pytest.mark.parametrize("framework", STEPPERS)
def test_a_frozen_backbone_has_no_gradient(framework: str, data_dir: Path) -> None:
    network, images, wanted = prepared(framework, data_dir)
    model = MODELS.get(MODEL)
    for name, parameter in network.parameters().items():
        if framework == "torch":
            parameter.requires_grad = model.group(name) not in BACKBONE
        else:
            parameter.stop_gradient = model.group(name) in BACKBONE
    step, loss_of = STEPPERS[framework](network)
    before = network.arrays()
    step(loss_of(network.training_logits(images), wanted))
    after, graded = network.arrays(), network.parameters()
    for name, parameter in graded.items():
        frozen = model.group(name) in BACKBONE
        assert (parameter.grad is None) == frozen, name
        assert not frozen or np.array_equal(before[name], after[name]), name
    changed = {n.split(".")[0] for n in graded if not np.array_equal(before[n], after[n])}
    assert changed == {"model", "head", "threshold"}


def test_both_frameworks_take_the_same_first_step(data_dir: Path) -> None:
    """The gradients of all groups agree: a difference would be one of the network or of the loss."""
    found = {}
    for framework, stepper in STEPPERS.items():
        network, images, wanted = prepared(framework, data_dir)
        _, loss_of = stepper(network)
        loss_of(network.training_logits(images), wanted).backward()
        found[framework] = {
            name: network.shared(name, network.array_of(parameter.grad))
            for name, parameter in network.parameters().items()
        }
    for name, expected in found["torch"].items():
        error = np.abs(found["paddle"][name] - expected).max()
        assert error <= 1e-2 * np.abs(expected).max() + 1e-5, name

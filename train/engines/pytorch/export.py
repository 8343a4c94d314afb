"""A torch network as an inference graph, and the same weights as PaddleOCR's two files."""

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from train.bundle import ONNX, PADDLEOCR, SETTINGS
from train.config import TrialConfig
from train.data.images import BUCKET_PX
from train.engine import Engine
from train.errors import ParityError
from train.models import MODELS, InputSize
from train.tasks.parity import TOLERANCE, compare

Read = Callable[[Any], Any]
EXAMPLES = 2


def export_graph(network: Any, read: Read, size: InputSize, directory: Path) -> None:
    """Write inference.onnx; the network can be trained further.

    The graph maps `x`, (N, 3, H, W) float32, to what the task decodes, of lines (N, T, C) float32 probabilities; N is
    free, and so are the sides that `size` leaves free. Of lines it pads W to a multiple of `images.BUCKET_PX` itself,
    so that it reads what training read wherever it runs.

    Args:
        network: the live module.
        read: computes what the task decodes from padded images.
        size: of the images.
        directory: an existing folder.
    """
    import torch

    modes = {module: module.training for module in network.modules()}
    network.eval()
    images = torch.zeros((EXAMPLES, 3, *size.example_px), device=next(network.parameters()).device)
    sides = {2: size.height_px, 3: size.width_px}
    free = {0: torch.export.Dim.DYNAMIC} | {
        axis: torch.export.Dim.DYNAMIC for axis, side in sides.items() if side is None
    }
    try:
        with _silence():
            torch.onnx.export(
                _reader(network, read, size),
                (images,),
                directory / ONNX,
                input_names=["x"],
                output_names=["probabilities"],
                dynamic_shapes={"x": free},
                external_data=False,
                verbose=False,
            )
    finally:
        for module, training in modes.items():
            module.training = training
    _forget_sources(directory / ONNX)


def _forget_sources(path: Path) -> None:
    """Remove what torch notes beside every operator: from which line of which file on this machine it came."""
    import onnx

    model = onnx.load(path)
    for node in model.graph.node:
        del node.metadata_props[:]
    onnx.save(model, path)


def _reader(network: Any, read: Read, size: InputSize) -> Any:
    """Return a module over `network` that ends in what training leaves to the loss, a softmax say."""
    import torch
    from torch.nn import functional

    class Reader(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Any) -> Any:
            if not size.pads:
                return read(x)
            width = (x.shape[3] + BUCKET_PX - 1) // BUCKET_PX * BUCKET_PX
            room = functional.pad(x, (0, BUCKET_PX - 1))[:, :, :, :width]
            return read(room)

    return Reader().eval()


@contextmanager
def _silence() -> Iterator[None]:
    """The exporter reports its stages and every operator of a package that is not installed."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def find_absent(config: TrialConfig) -> dict[str, str]:
    """Return which of PaddleOCR's files cannot be written, and why."""
    if MODELS.get(config.model).published_name() is None:
        return dict.fromkeys((*PADDLEOCR, SETTINGS), f"PaddleOCR 3 has no network like {config.model}")
    if importlib.util.find_spec("paddle") is None:
        return dict.fromkeys(PADDLEOCR, "PaddleOCR's own form needs paddlepaddle, which was not installed")
    return {}


def export_for_paddleocr(engine: Engine, config: TrialConfig, directory: Path) -> dict[str, str]:
    """Write inference.json and inference.pdiparams from an engine's weights in the Paddle network.

    Returns:
        the files that are not there, and why.

    Raises:
        ParityError: if the two networks do not compute the same.
    """
    if absent := find_absent(config):
        return absent
    from train.engines.paddlepaddle.engine import PaddleEngine

    twin = PaddleEngine(config.model_copy(update={"compile": False}), engine.charset, None)
    twin.load({"weights": engine.weights()})
    noise = (
        np.random.default_rng(config.seed)
        .uniform(-1, 1, (EXAMPLES, 3, *MODELS.get(config.model).input.example_px))
        .astype(np.float32)
    )
    result = compare(engine.predict, twin.predict, [noise], lambda one, _: iter([(False, False)] * len(one)))
    if not result.passed:
        raise ParityError(
            f"the Paddle network must compute what torch's does, within {TOLERANCE:g} or rounding",
            f"{result}",
            "no bundle was written; install the packages as pyproject.toml pins them",
        )
    twin.export_for_paddleocr(directory)
    return {}

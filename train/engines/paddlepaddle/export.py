"""A Paddle network as an inference graph: PaddleOCR's own two files, and the same graph in ONNX."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from train.data.images import BUCKET_PX
from train.errors import UsageError
from train.models import InputSize
from train.models.weights.inference_graph import GRAPH, ONNX, captured_output, convert_graph
from train.system.paths import require_folder

Read = Callable[[Any], Any]


def export_graph(network: Any, read: Read, size: InputSize, directory: Path) -> None:
    """Write inference.json, inference.pdiparams and inference.onnx; the network can be trained further.

    The graph maps `x`, (N, 3, H, W) float32, to what the task decodes, of lines (N, T, C) float32 probabilities; N is
    free, and so are the sides that `size` leaves free. Of lines it pads W to a multiple of `images.BUCKET_PX` itself,
    so that it reads what training read wherever it runs.

    Args:
        network: the live network.
        read: computes what the task decodes from padded images.
        size: of the images.
        directory: an existing folder.

    Raises:
        ModelError: if the converter wrote no ONNX file.
    """
    save_graph(network, read, size, directory)
    convert_graph(directory, directory / ONNX)


def save_graph(network: Any, read: Read, size: InputSize, directory: Path) -> None:
    """Write inference.json and inference.pdiparams alone, the forms that PaddleOCR reads."""
    with _evaluating(network), captured_output(), writable_home():
        _save(_reader(network, read, size), size, directory)


@contextmanager
def writable_home() -> Iterator[None]:
    """Give Paddle a home for the sources that it traces: it knows no place but `~/.cache`, which may be read-only."""
    try:
        require_folder(Path("~/.cache").expanduser(), "HOME")
    except UsageError:
        before = str(Path("~").expanduser())
        with tempfile.TemporaryDirectory() as home:
            os.environ["HOME"] = home
            try:
                yield
            finally:
                os.environ["HOME"] = before
    else:
        yield


@contextmanager
def _evaluating(network: Any) -> Iterator[None]:
    """Put the network in eval mode, and every layer back into its own mode at the end."""
    modes = {layer: layer.training for layer in network.sublayers(include_self=True)}
    network.eval()
    try:
        yield
    finally:
        for layer, training in modes.items():
            layer.training = training


def _reader(network: Any, read: Read, size: InputSize) -> Any:
    """Return a layer over `network` that ends in what training leaves to the loss, a softmax say."""
    import paddle

    class Reader(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Any) -> Any:
            return read(_padded(x) if size.pads else x)

    layer = Reader()
    layer.eval()
    return layer


def _padded(x: Any) -> Any:
    """Pad (N, 3, 48, W) with zeros to the next multiple of BUCKET_PX, W being known only at run time."""
    import paddle

    width = paddle.shape(x)[3]
    room = paddle.nn.functional.pad(x, [0, BUCKET_PX - 1, 0, 0])
    return room[:, :, :, : (width + BUCKET_PX - 1) // BUCKET_PX * BUCKET_PX]


def _save(layer: Any, size: InputSize, directory: Path) -> None:
    import paddle

    images = paddle.static.InputSpec([-1, 3, size.height_px or -1, size.width_px or -1], "float32", name="x")
    graph = paddle.jit.to_static(layer, input_spec=[images], full_graph=True)
    paddle.jit.save(graph, str(directory / Path(GRAPH).stem))

"""A Paddle network as an inference graph: PaddleOCR's own two files, and the same graph in ONNX."""

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO, Any

from train.data.images import BUCKET_PX
from train.errors import ModelError
from train.models import InputSize

Read = Callable[[Any], Any]
GRAPH, WEIGHTS, ONNX = "inference.json", "inference.pdiparams", "inference.onnx"


def export_graph(network: Any, read: Read, size: InputSize, directory: Path) -> None:
    """Write inference.json, inference.pdiparams and inference.onnx; the network can be trained further.

    The graph maps `x`, (N, 3, H, W) float32, to what the task decodes, of lines (N, T, C) float32 probabilities; N is
    free, and so are the sides that `size` leaves free. Of lines it pads W to a multiple of `images.BUCKET_PX` itself,
    so that whoever runs it reads what training read.

    Args:
        network: the live network.
        read: computes what the task decodes from padded images.
        size: of the images.
        directory: an existing folder.

    Raises:
        ModelError: if the converter wrote no ONNX file.
    """
    with _evaluating(network), _captured_output() as output:
        _save(_reader(network, read, size), size, directory)
        _convert(directory)
        output.flush()
        output.seek(0)
        messages = output.read().strip().splitlines()
    if not (directory / ONNX).is_file():
        raise ModelError(
            "the network must convert to ONNX", " ".join(messages[-3:]), "install the pinned paddle2onnx"
        )


def save_graph(network: Any, read: Read, size: InputSize, directory: Path) -> None:
    """Write inference.json and inference.pdiparams alone, the forms that PaddleOCR reads."""
    with _evaluating(network), _captured_output():
        _save(_reader(network, read, size), size, directory)


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

    class Reader(paddle.nn.Layer):  # type: ignore[misc]
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


def _convert(directory: Path) -> None:
    import paddle2onnx

    graph, weights, onnx = (str(directory / name) for name in (GRAPH, WEIGHTS, ONNX))
    try:
        # Its default optimiser pip-installs packages at run time; onnxruntime optimises when it loads.
        paddle2onnx.export(graph, weights, onnx, optimize_tool="None")
    except UnboundLocalError:
        # paddle2onnx prints the converter's error and then trips over the result that it lacks.
        return


@contextmanager
def _captured_output() -> Iterator[IO[str]]:
    """Send what Python and the C++ converters print into the yielded file, and silence their logs."""
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace"))
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.INFO)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for descriptor in (1, 2):
            saved = os.dup(descriptor)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, descriptor)
            os.dup2(file.fileno(), descriptor)
        # Python's own buffers would be written only after the descriptors are back.
        stack.enter_context(redirect_stdout(file))
        stack.enter_context(redirect_stderr(file))
        yield file

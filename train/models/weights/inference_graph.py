"""Paddle's inference graphs as ONNX: what a network exports, and the folders that PaddleOCR publishes."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import IO

from train.errors import ModelError

GRAPH, WEIGHTS, ONNX = "inference.json", "inference.pdiparams", "inference.onnx"


def is_graph(folder: Path) -> bool:
    """Whether a folder holds an inference graph, and no weights by name."""
    return (
        (folder / WEIGHTS).is_file() and (folder / GRAPH).is_file() and not any(folder.glob("*.safetensors"))
    )


def convert_graph(folder: Path, onnx: Path) -> None:
    """Write the ONNX form of a folder's graph; raise ModelError, with what the converter printed, if it cannot."""
    try:
        import paddle2onnx
    except ImportError as error:
        raise ModelError(
            "Paddle's inference graphs are read through paddle2onnx",
            error,
            "install paddlepaddle and paddle2onnx",
        ) from error
    with captured_output() as output:
        with suppress(
            UnboundLocalError
        ):  # it prints the converter's error, then trips over the result that it lacks
            # Its default optimiser pip-installs packages at run time; onnxruntime optimises when it loads.
            paddle2onnx.export(str(folder / GRAPH), str(folder / WEIGHTS), str(onnx), optimize_tool="None")
        output.flush()
        output.seek(0)
        messages = output.read().strip().splitlines()
    if not onnx.is_file():
        raise ModelError(
            "the network must convert to ONNX", " ".join(messages[-3:]), "install the pinned paddle2onnx"
        )


@contextmanager
def captured_output() -> Iterator[IO[str]]:
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

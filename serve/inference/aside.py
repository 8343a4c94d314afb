"""Large pictures are searched for text in a process of their own, behind all others: its memory goes back with it.

A picture of 16 megapixels takes a detector some seconds and 1.5 gigabytes. In the replica, every other picture would
wait for it, and the memory would stay. As the graph comes it would be 1.9: here it takes the picture as bytes, and is
run in an order in which tensors live briefly (`make_lean`); what it computes is the same, bit for bit.
"""

import asyncio
import gc
import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serve.errors import BusyError
from serve.inference.model import load_model
from serve.runtime.tuning import hold_turn
from train.data.geometry.detection import MEAN_BGR, STD_BGR, DetectionParameters, decode_boxes
from train.data.images import Image
from train.system.machine.processes import end_with_parent
from train.system.machine.processor import count_cores
from train.system.onnx_session import open_session

NICENESS = 10
IDLE_S = 60.0
Boxes = tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]
_session: Any = None


class LargePictureDetector:
    """A detector in another process, which starts with the first picture and ends when none came for IDLE_S."""

    def __init__(self, source: str) -> None:
        """Take the bundle's folder or the pretrained model's name."""
        self._source = source
        self._pool: ProcessPoolExecutor | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def find(self, picture: Image, size: tuple[int, int], how: DetectionParameters) -> Boxes:
        """Return (N, 4, 2) corners and (N,) scores in a prepared picture; raise BusyError if the process died."""
        loop = asyncio.get_running_loop()
        if self._idle:
            self._idle.cancel()
        pool = self._pool = self._pool or self._start()
        try:
            return await loop.run_in_executor(pool, _find, [picture], size, how)
        except BrokenProcessPool as error:
            self._end()
            raise BusyError("a large picture needs memory", "too little of it", "send it smaller") from error
        finally:
            self._idle = loop.call_later(IDLE_S, self._end)

    def _start(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, spawn, initializer=_open, initargs=(self._source, os.getpid()))

    def _end(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _open(source: str, parent: int) -> None:
    """Open the model in the new process; it ends with the one that started it."""
    global _session  # noqa: PLW0603  (a pool's process has no other place for it)
    end_with_parent(parent)
    os.nice(NICENESS)
    _session = open_lean(load_model("detection", source).onnx, count_cores())


def open_lean(graph: Path, threads: int) -> Any:
    """Return a detector's session that takes a picture, (1, H, W, 3) uint8 BGR, and little memory."""
    import onnx

    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        onnx.save(make_lean(onnx.load(graph)), file.name)
        return open_session(Path(file.name), threads, arena=False)


def make_lean(model: Any) -> Any:
    """Return a detector's graph (`onnx.ModelProto`), changed in place, that needs little memory at its peak.

    Its input is a picture, (N, H, W, 3) uint8 BGR: as float32 it would live through the whole run. Of branches that
    meet, onnxruntime runs those first that stand last in the file; turned round, each runs where it stood.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    pixels = helper.make_tensor_value_info("picture", TensorProto.UINT8, ["N", "H", "W", 3])
    for name, values in {
        "scale": 1 / 255 / np.array(STD_BGR),
        "shift": -np.array(MEAN_BGR) / STD_BGR,
    }.items():
        channels = values.astype(np.float32).reshape(1, 3, 1, 1)
        graph.initializer.append(numpy_helper.from_array(channels, f"picture_{name}"))
    normalised = [
        helper.make_node("Transpose", ["picture"], ["picture_planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["picture_planes"], ["picture_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["picture_float", "picture_scale"], ["picture_scaled"]),
        helper.make_node("Add", ["picture_scaled", "picture_shift"], [graph.input[0].name]),
    ]
    nodes = _turn_round([*normalised, *graph.node], [output.name for output in graph.output])
    del graph.input[:], graph.node[:]
    graph.input.append(pixels)
    graph.node.extend(nodes)
    return model


def _turn_round(nodes: list[Any], outputs: list[str]) -> list[Any]:
    """Return the nodes that the outputs need, each after those that it needs, the later ones of these first."""
    makers = {name: number for number, node in enumerate(nodes) for name in node.output}
    order: dict[int, None] = {}
    waiting = [makers[name] for name in outputs]
    while waiting:
        needed = {makers[name] for name in nodes[waiting[-1]].input if name in makers} - order.keys()
        if needed:
            waiting.append(max(needed))
        else:
            order.setdefault(waiting.pop())
    return [nodes[number] for number in order]


def _find(pictures: list[Image], size: tuple[int, int], how: DetectionParameters) -> Boxes:
    """Search the one picture of a list, which is emptied: the pool keeps its arguments while the model runs."""
    with hold_turn("large"):  # the memory is the machine's, however many detectors a server has
        probability = _session.run(None, {"picture": pictures.pop()[None]})[0][0, 0]
    found = decode_boxes(probability, size, how)
    gc.collect()
    return found

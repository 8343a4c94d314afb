"""Decoded lines in an Arrow file: for sets larger than memory, mapped by every process, kept for the next study.

One record batch holds CHUNK_LINES lines; nothing is compressed, so that a line is a view of the mapped file.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import Any, overload
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from train.data import images
from train.data.dataset import Dataset, decode_sample
from train.data.sample import Sample
from train.errors import DataError

CHUNK_LINES = 256
SCHEMA = pa.schema(
    [("pixels", pa.binary()), ("width", pa.int32()), ("text", pa.string()), ("source", pa.string())]
)

Chunk = tuple[bytes, list[int]]


class MappedDataset(Dataset):
    """Lines of an Arrow file that `write_lines` made; pickled as its path, which every node must reach."""

    def __init__(self, path: Path) -> None:
        """Map the file; raise DataError if it is missing or not whole."""
        self._path = path.absolute()
        try:
            whole = pa.memory_map(str(self._path)).read_buffer()
            reader = pa.ipc.open_file(pa.BufferReader(whole))
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                "a file of decoded lines must be whole, and on every node under the same path",
                f"{self._path}: {error}",
                "delete it, and name a folder that all nodes share with --cache",
            ) from error
        self._pixels: npt.NDArray[np.uint8] = np.frombuffer(whole, np.uint8)
        starts = [_starts(batch.column("pixels"), whole.address) for batch in batches]
        self._starts: npt.NDArray[np.int64] = np.concatenate([np.zeros(0, np.int64), *starts])
        self.widths = np.concatenate(
            [np.zeros(0, np.int32), *(b.column("width").to_numpy() for b in batches)]
        )
        self.texts = Strings(pa.chunked_array([b.column("text") for b in batches], pa.string()))
        self.sources = Strings(pa.chunked_array([b.column("source") for b in batches], pa.string()))

    def image(self, index: int) -> images.Image:
        """Return line `index`, (HEIGHT_PX, width, 3) uint8 BGR: a read-only view of the file."""
        start, width = self._starts[index], self.widths[index]
        size = images.HEIGHT_PX * int(width) * 3
        return self._pixels[start : start + size].reshape(images.HEIGHT_PX, width, 3)

    def __reduce__(self) -> tuple[type["MappedDataset"], tuple[Path]]:
        return MappedDataset, (self._path,)


def _starts(column: Any, base: int) -> npt.NDArray[np.int64]:
    """Return where each value of a binary column starts in the file that is mapped at address `base`."""
    _, offsets, values = column.buffers()
    inside: npt.NDArray[np.int64] = np.frombuffer(offsets, np.int32)[: len(column)].astype(np.int64)
    return inside + int(values.address - base)


class Strings(Sequence[str]):
    """A column of texts, read from the file when asked for."""

    def __init__(self, column: Any) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        """Return a text, or a part of the column."""
        if isinstance(index, slice):
            return Strings(self._column.take(list(range(*index.indices(len(self))))))
        return str(self._column[int(index)].as_py())

    def __iter__(self) -> Iterator[str]:
        for chunk in self._column.chunks:
            yield from chunk.to_pylist()


def write_lines(samples: Sequence[Sample], path: Path, processes: int) -> None:
    """Decode the samples into an Arrow file at `path`: whole or not at all, never more than some chunks in memory.

    Raises DataError at the first image that cannot be read, or if the folder cannot be written to.
    """
    draft = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            with pa.ipc.new_file(file, SCHEMA) as writer:
                for part, chunk in _decoded(samples, processes):
                    writer.write_batch(_record_batch(part, chunk))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise DataError(
            "the folder for decoded lines must be writable and have room",
            f"{path.parent}: {error}",
            "see --cache",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _decoded(samples: Sequence[Sample], processes: int) -> Iterator[tuple[Sequence[Sample], Chunk]]:
    """Yield the samples in chunks, in order, each with its pixels; a few are decoded ahead."""
    parts = [samples[start : start + CHUNK_LINES] for start in range(0, len(samples), CHUNK_LINES)]
    # Not forked: this process may have threads, Ray's among them, that a fork would leave hanging.
    spawn = multiprocessing.get_context("spawn")
    ahead: deque[Future[Chunk]] = deque()
    with ProcessPoolExecutor(processes, spawn) as pool:
        try:
            for number, part in enumerate(parts):
                while len(ahead) < 2 * processes and number + len(ahead) < len(parts):
                    ahead.append(pool.submit(_decode_chunk, parts[number + len(ahead)]))
                yield part, ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode_chunk(samples: Sequence[Sample]) -> Chunk:
    """Return the pixels of some lines, one behind the other, and their widths."""
    lines = [decode_sample(sample) for sample in samples]
    return b"".join(line.tobytes() for line in lines), [line.shape[1] for line in lines]


def _record_batch(samples: Sequence[Sample], chunk: Chunk) -> Any:
    pixels, widths = chunk
    offsets = np.array([0, *accumulate(images.HEIGHT_PX * width * 3 for width in widths)], np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(pixels)]
    columns = [
        pa.Array.from_buffers(pa.binary(), len(samples), buffers),
        pa.array(widths, pa.int32()),
        pa.array([sample.text for sample in samples], pa.string()),
        pa.array([str(sample.path) for sample in samples], pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)

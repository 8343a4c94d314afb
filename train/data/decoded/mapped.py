"""Decoded images in an Arrow file: for sets larger than memory, mapped by every process, kept for the next study.

One record batch holds a chunk of images; nothing is compressed, so that an image is a view of the mapped file.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from train.data import images
from train.data.dataset import Dataset, try_to_decode
from train.data.decoded.stored import LINES, Stored
from train.data.sample import Sample
from train.data.texts.forms import is_unicode
from train.errors import DataError
from train.system.files import mark_in_use, remove_left, replace_file
from train.system.machine.processes import end_helpers, start_helpers

SIDES = ("height", "width", "file_height", "file_width")
SCHEMA = pa.schema(
    [
        ("pixels", pa.large_binary()),
        *((side, pa.int32()) for side in SIDES),
        ("text", pa.string()),
        ("source", pa.string()),
    ]
)

Chunk = tuple[bytes, npt.NDArray[np.int32], list[int]]
"""The pixels of some images, one behind the other, their SIDES, (N, 4), and which of the samples they are."""


class MappedDataset(Dataset):
    """Images of an Arrow file that `write_images` made; pickled as its path, which every node must reach."""

    def __init__(self, path: Path) -> None:
        """Map the file; raise DataError if it is missing or not whole."""
        self._path = path.absolute()
        try:
            whole = pa.memory_map(str(self._path)).read_buffer()
            reader = pa.ipc.open_file(pa.BufferReader(whole))
            batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                "a file of decoded images must be whole, and on every node under the same path",
                f"{self._path}: {getattr(error, 'strerror', None) or error}",
                "delete it, and name a folder that all nodes share with --cache",
            ) from error
        self._pixels: npt.NDArray[np.uint8] = np.frombuffer(whole, np.uint8)
        starts = [_starts(batch.column("pixels"), whole.address) for batch in batches]
        self._starts: npt.NDArray[np.int64] = np.concatenate([np.zeros(0, np.int64), *starts])
        sides = [np.stack([b.column(side).to_numpy() for side in SIDES], axis=1) for b in batches]
        both = np.concatenate([np.zeros((0, len(SIDES)), np.int32), *sides])
        self.heights, self.widths, self.sizes = both[:, 0], both[:, 1], both[:, 2:]
        self.texts = Strings(pa.chunked_array([b.column("text") for b in batches], pa.string()))
        self.sources = Strings(pa.chunked_array([b.column("source") for b in batches], pa.string()))

    def image(self, index: int) -> images.Image:
        """Return image `index`, (height, width, 3) uint8 BGR: a read-only view of the file."""
        start, height, width = self._starts[index], int(self.heights[index]), int(self.widths[index])
        return self._pixels[start : start + height * width * 3].reshape(height, width, 3)

    def discard(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)

    def __reduce__(self) -> tuple[type["MappedDataset"], tuple[Path]]:
        return MappedDataset, (self._path,)


def _starts(column: Any, base: int) -> npt.NDArray[np.int64]:
    """Return where each value of a binary column starts in the file that is mapped at address `base`."""
    _, offsets, values = column.buffers()
    inside: npt.NDArray[np.int64] = np.frombuffer(offsets, np.int64)[: len(column)]
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


def write_images(samples: Sequence[Sample], path: Path, processes: int, stored: Stored = LINES) -> None:
    """Decode the samples into an Arrow file at `path`: whole or not at all, never more than some chunks in memory.

    An image that cannot be read is left out.

    Raises:
        DataError: if the folder cannot be written to, or a name is no UTF-8.
    """
    _require_utf8_names(samples)
    try:
        remove_left(path.parent)
        with (
            replace_file(path, durable=True) as draft,
            draft.open("wb") as file,
            pa.ipc.new_file(file, SCHEMA) as writer,
        ):
            mark_in_use(file.fileno())
            for part, chunk in _decoded(samples, processes, stored):
                writer.write_batch(_record_batch(part, chunk))
    except OSError as error:
        raise DataError(
            "the folder for decoded images must be writable and have room",
            f"{path.parent}: {error.strerror or error}",
            "make room there, or name another one with --cache",
        ) from error


def _require_utf8_names(samples: Sequence[Sample]) -> None:
    """Raise DataError for the first image whose name, or a folder's above it, is no UTF-8: Arrow holds none."""
    odd = next((sample.path for sample in samples if not is_unicode(str(sample.path))), None)
    if odd is not None:
        raise DataError(
            "images whose decoded form lies in files must have names in UTF-8",
            odd,
            "rename it, or keep what is decoded in memory",
        )


def _decoded(
    samples: Sequence[Sample], processes: int, stored: Stored
) -> Iterator[tuple[Sequence[Sample], Chunk]]:
    """Yield the samples in chunks, in order, each with its pixels; a few are decoded ahead."""
    size = stored.chunk
    parts = [samples[start : start + size] for start in range(0, len(samples), size)]
    ahead: deque[Future[Chunk]] = deque()
    with start_helpers(processes) as pool:
        try:
            for number, part in enumerate(parts):
                while len(ahead) < 2 * processes and number + len(ahead) < len(parts):
                    ahead.append(pool.submit(_decode_chunk, parts[number + len(ahead)], stored))
                yield part, ahead.popleft().result()
        except BaseException:  # Ctrl-C, or a full disk: what is decoded ahead is of no use
            end_helpers(pool)
            raise


def _decode_chunk(samples: Sequence[Sample], stored: Stored) -> Chunk:
    tried = ((index, try_to_decode(sample, stored)) for index, sample in enumerate(samples))
    decoded = [(index, one) for index, one in tried if one is not None]
    sides = np.array([(*image.shape[:2], *size) for _, (image, size) in decoded], np.int32)
    pixels = b"".join(image.tobytes() for _, (image, _) in decoded)
    return pixels, sides.reshape(-1, len(SIDES)), [index for index, _ in decoded]


def _record_batch(part: Sequence[Sample], chunk: Chunk) -> Any:
    pixels, sides, kept = chunk
    samples = [part[index] for index in kept]
    lengths = sides[:, 0].astype(np.int64) * sides[:, 1] * 3
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(pixels)]
    columns = [
        pa.Array.from_buffers(pa.large_binary(), len(samples), buffers),
        *(pa.array(side, pa.int32()) for side in sides.T),
        pa.array([sample.text for sample in samples], pa.string()),
        pa.array([str(sample.path) for sample in samples], pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)

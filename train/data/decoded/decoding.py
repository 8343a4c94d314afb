"""Where decoded images are kept: in memory, or, where they are too many, in mapped files under content's names."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from train.data.dataset import Dataset, decode_samples
from train.data.decoded.header import image_size
from train.data.decoded.stored import LINES, Stored
from train.data.sample import Sample
from train.errors import DataError
from train.memory import available_bytes

MEMORY_SHARE = 0.25  # decoding in memory takes up to three times what it ends with
SIZED = 500
CACHE = "line-cache"


@dataclass(frozen=True)
class Decoding:
    """How samples become datasets.

    Attributes:
        folder: for files of decoded images; every node that trains must reach it under the same path.
        place: `memory`, `file`, or `auto`: files for more than MEMORY_SHARE of what is free.
        room_bytes: what is free for images in memory; None for the memory that this machine has left.
        processes: that decode.
        stored: what a decoded file becomes.
    """

    folder: Path
    place: str = "auto"
    room_bytes: int | None = None
    processes: int = 2
    stored: Stored = LINES

    def decode(self, sets: Mapping[str, Sequence[Sample]]) -> dict[str, Dataset]:
        """Return the dataset of each set; raise DataError for what cannot be read, or without room on the disk."""
        if not self.in_files(sets):
            return {
                name: decode_samples(samples, self.stored, self.processes) for name, samples in sets.items()
            }
        return {name: self._mapped(samples) for name, samples in sets.items()}

    def in_files(self, sets: Mapping[str, Sequence[Sample]]) -> bool:
        """Return whether these sets are to lie in files."""
        if self.place != "auto":
            return self.place == "file"
        room = available_bytes() if self.room_bytes is None else self.room_bytes
        return sum(decoded_bytes(samples, self.stored) for samples in sets.values()) > MEMORY_SHARE * room

    def _mapped(self, samples: Sequence[Sample]) -> Dataset:
        from train.data.decoded.mapped import MappedDataset, write_images

        path = self.folder / f"{content_key(samples, self.stored)}.arrow"
        if not path.exists():
            self._require_room(decoded_bytes(samples, self.stored))
            write_images(samples, path, self.processes, self.stored)
        return MappedDataset(path)

    def _require_room(self, needed: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise DataError(
                f"decoded images need about {needed / 1e9:.1f} GB of disk",
                f"{free / 1e9:.1f} GB free in {self.folder}",
                "name another folder with --cache",
            )


def decoded_bytes(samples: Sequence[Sample], stored: Stored = LINES) -> int:
    """Return about how many bytes the images have as they are kept, judged by the headers of up to SIZED of them."""
    if not samples:
        return 0
    chosen = np.random.default_rng(0).permutation(len(samples))[:SIZED]
    pixels = [np.prod(stored.size(*image_size(samples[int(index)].path))) for index in chosen]
    return int(np.mean(pixels) * 3 * len(samples))


def content_key(samples: Sequence[Sample], stored: Stored = LINES) -> str:
    """Return the name of what the samples decode to: labels, paths, sizes and times of the files, and the rule."""
    digest = hashlib.blake2b(repr(stored.version).encode(), digest_size=16)
    for sample in samples:
        try:
            found = sample.path.stat()
        except OSError as error:
            raise DataError(
                "an image file must be readable",
                sample.path,
                f"{error.strerror}: restore it or remove its label",
            ) from error
        line = repr((str(sample.path), sample.text, found.st_size, found.st_mtime_ns))
        digest.update(line.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()

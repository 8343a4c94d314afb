"""Where decoded images are kept: in memory, or, where they are too many, in mapped files under content's names."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from train.data.checks.allowed import require_few, require_some
from train.data.dataset import Dataset, decode_usable, faults_of
from train.data.decoded.header import image_size
from train.data.decoded.stored import LINES, Stored
from train.data.folders.notes import note
from train.data.pictures.alpha import FLAT, measure_span
from train.data.sample import Sample
from train.errors import DataError
from train.system.machine.memory import available_bytes

MEMORY_SHARE = 0.25  # decoding in memory takes up to three times what it ends with
SIZED = 500
LOOKED_AT, BLANK = 200, 0.1
"""So many images of a set are looked at, and from which share of blank ones on it is said."""
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
        return self.decode_usable(sets, 0, {})[0]

    def decode_usable(
        self, sets: Mapping[str, Sequence[Sample]], allow_bad: int, left_out: Mapping[str, str]
    ) -> tuple[dict[str, Dataset], dict[str, str]]:
        """Return the dataset of each set, and all that is left out.

        Args:
            sets: samples by set.
            allow_bad: at more bad samples, those of `left_out` included, DataError is raised.
            left_out: what their check found: source -> rule and value.
        """
        make = self._mapped if self.in_files(sets) else self._in_memory
        found = {name: make(samples) for name, samples in sets.items()}
        lost = dict(left_out)
        for _, faults in found.values():
            lost |= faults
        try:
            require_few([f"{why}  {source}" for source, why in lost.items()], allow_bad)
            require_some({name: len(data) for name, (data, faults) in found.items() if faults})
        except DataError:
            for data, faults in found.values():
                if faults:
                    data.discard()
            raise
        decoded = {name: data for name, (data, _) in found.items()}
        for name, data in decoded.items() if not self.stored.may_be_blank else ():
            _note_blank(name, data)
        return decoded, lost

    def in_files(self, sets: Mapping[str, Sequence[Sample]]) -> bool:
        """Return whether these sets are to lie in files."""
        if self.place != "auto":
            return self.place == "file"
        room = available_bytes() if self.room_bytes is None else self.room_bytes
        return sum(decoded_bytes(samples, self.stored) for samples in sets.values()) > MEMORY_SHARE * room

    def _in_memory(self, samples: Sequence[Sample]) -> tuple[Dataset, dict[str, str]]:
        return decode_usable(samples, self.stored, self.processes)

    def _mapped(self, samples: Sequence[Sample]) -> tuple[Dataset, dict[str, str]]:
        """Return the file of these samples, and what it lacks; one that lacks something is written again."""
        from train.data.decoded.mapped import MappedDataset, write_images

        path = self.folder / f"{content_key(samples, self.stored)}.arrow"
        if not path.exists() or len(MappedDataset(path)) < len(samples):
            self._require_room(decoded_bytes(samples, self.stored))
            write_images(samples, path, self.processes, self.stored)
        data = MappedDataset(path)
        if len(data) == len(samples):
            return data, {}
        there = set(data.sources)
        return data, faults_of([sample for sample in samples if str(sample.path) not in there])

    def _require_room(self, needed: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise DataError(
                f"decoded images need about {needed / 1e9:.1f} GB of disk",
                f"{free / 1e9:.1f} GB free in {self.folder}",
                "name another folder with --cache",
            )


def _note_blank(name: str, data: Dataset) -> None:
    """Say it where some images of a set are of one colour, as 12 bits kept in 16 are: the check names them."""
    chosen = np.linspace(0, len(data) - 1, min(LOOKED_AT, len(data))).astype(int)
    blank = sum(measure_span(data.image(int(index))) < FLAT for index in chosen)
    if blank > BLANK * len(chosen):
        note(
            f"{name}: {blank} of {len(chosen)} images that were looked at have nearly one colour, so nothing can be "
            "read in them; python -m train.data.check says which"
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

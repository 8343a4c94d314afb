"""Lines of which there are several pictures: every epoch trains on another one of each."""

from collections import defaultdict
from collections.abc import MutableMapping
from pathlib import Path

from train.data.batching.mixture import Mixture, Subset
from train.data.dataset import Dataset
from train.data.images import Image

VERSIONS, MARK = "versions", "_version"
"""The set of further pictures, and what stands before their number in a file's name, behind that of the line."""


class PictureVersions(Dataset):
    """Lines as they are, which every epoch shows in another of their pictures, that one among them, in turn."""

    def __init__(self, lines: Dataset, others: Dataset) -> None:
        """Take the lines, and further pictures of them, which are told by their names."""
        self._lines, self._both = lines, Mixture([lines, others])
        self.heights, self.widths, self.sizes = lines.heights, lines.widths, lines.sizes
        self.texts, self.sources = lines.texts, lines.sources
        found: dict[str, list[int]] = defaultdict(list)
        for place, source in enumerate(others.sources, len(lines)):
            found[Path(source).stem.rpartition(MARK)[0]].append(place)
        self._pictures = [[index, *found[Path(source).stem]] for index, source in enumerate(lines.sources)]

    def image(self, index: int) -> Image:
        """Return line `index` as it is."""
        return self._lines.image(index)

    def at(self, epoch: int) -> Dataset:
        """Return the epoch's picture of each line; neighbours are not at the same one."""
        chosen = [
            pictures[(epoch - 1 + index) % len(pictures)] for index, pictures in enumerate(self._pictures)
        ]
        lines = Subset(self._both, chosen)
        lines.texts = self.texts
        return lines


def with_versions(sets: MutableMapping[str, Dataset]) -> dict[str, Dataset]:
    """Return decoded sets with the further pictures of training lines, if there are any, as part of those."""
    others = sets.get(VERSIONS)
    rest = {name: data for name, data in sets.items() if name != VERSIONS}
    return rest if others is None else rest | {"train": PictureVersions(rest["train"], others)}

"""CTW1500's training labels, an XML for each photo: outlines in `segs`, with their texts in `label`."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from train.data.folders.beside import files_ending
from train.data.formats import FORMATS, Format, itself
from train.data.formats.apart import ImagesAround, find_apart
from train.data.formats.photo_files.voc import parse_xml, tags_of
from train.data.formats.shapes import numbers_in
from train.data.formats.splits import TRIED
from train.data.photos.regions import Region, as_region, label_of
from train.data.sample import Sample

BEGINS = ["Annotations", "image"]
RULE = "each label file must have one image of its name, in a folder beside its own"


@FORMATS.register("ctw1500")
class Ctw1500(Format):
    """A folder of such files, beside the images or beside their folder."""

    task = "detection"
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders of labels by split; a file that is named itself is `all`."""
        if root.is_file():
            return itself(root, ".xml", _is_ours)
        return find_apart(root, lambda folder: any(map(_is_ours, _files(folder)[:TRIED])), "CTW1500's labels")

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a label file, by name."""
        path = path.absolute()
        images = ImagesAround(path.parent if path.is_file() else path, options.get("root", ""))
        for labels in [path] if path.is_file() else _files(path):
            image = images.find(labels.stem, labels, RULE)
            yield Sample(image, label_of(_regions(labels)), f"{labels}:1")


def _files(folder: Path) -> list[Path]:
    return files_ending(folder, ".xml")


def _is_ours(path: Path) -> bool:
    return list(islice(tags_of(path), len(BEGINS))) == BEGINS


def _regions(labels: Path) -> Iterator[Region]:
    for number, box in enumerate(parse_xml(labels).iter("box"), 1):
        numbers = numbers_in((box.findtext("segs") or "").split(","), f"{labels}:1: box {number}")
        yield as_region(numbers, box.findtext("label") or "")

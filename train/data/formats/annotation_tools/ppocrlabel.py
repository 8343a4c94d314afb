"""What PPOCRLabel saves in the folder of images that it was opened on: `Label.txt` and `fileState.txt`."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from train.data.folders.image_paths import locate
from train.data.formats import FORMATS, Format, by_split
from train.data.formats.region_lists import lines_of, named_line
from train.data.photos.regions import label_of, regions_of
from train.data.sample import Sample
from train.errors import DataError

LABELS, STATES = "Label.txt", "fileState.txt"
CHECKED = "1"


@FORMATS.register("ppocrlabel")
class PPOCRLabel(Format):
    """A folder (or one each for train, val, test); where `fileState.txt` is, only the checked images are read."""

    task = "detection"

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the `Label.txt` of a folder, or of each of its splits."""
        if root.name == LABELS and root.is_file():
            return {"all": root}
        files = by_split(root, lambda folder: (folder / LABELS).is_file())
        return {split: folder / LABELS for split, folder in files.items()}

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image, in the order of `Label.txt`."""
        folder = path.absolute().parent
        checked = _checked(folder / STATES)
        rows = [(*named_line(line, source), source) for line, source in lines_of(path)]
        rows = [row for row in rows if checked is None or _key(row[0]) in checked]
        # Names are `folder/image`, but the folder may have got another name since.
        names = [name for name, *_ in rows]
        paths = locate(path, names, options.get("root", ""), base=folder.parent, least=1)
        for name, label, source in rows:
            yield Sample(paths[name], label_of(regions_of(label, source)), source)
        if checked is not None and not rows:
            raise DataError(
                "at least one labelled image must be checked",
                f"{path} and {folder / STATES}",
                f"press Check in PPOCRLabel, or remove {STATES} to use all labels",
            )


def _checked(path: Path) -> frozenset[str] | None:
    """Return the keys of the images that a person has confirmed; None where nothing says so.

    `fileState.txt` names them by their absolute path on the machine where they were labelled.
    """
    if not path.is_file():
        return None
    states = (named_line(line, source) for line, source in lines_of(path))
    return frozenset(_key(name) for name, state in states if state.strip() == CHECKED)


def _key(name: str) -> str:
    """Return the file name of a path of any system: all images of one `Label.txt` lie in one folder."""
    return PurePosixPath(name.replace("\\", "/")).name

"""Labels in a file for each image, in folders apart from those of the images, as contests and forms come."""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from train.data.folders.image_paths import ANY_SUFFIX
from train.data.folders.path_forms import alike
from train.data.folders.split_names import entries, split_within
from train.data.formats import images_in
from train.data.formats.places import IMAGE_FOLDERS, has_image_name
from train.errors import DataError, UsageError

Images = dict[tuple[Callable[[str], str], str], list[Path]]
ABOVE = 2


def find_apart(root: Path, ours: Callable[[Path], bool], what: str) -> dict[str, Path]:
    """Return the folders of label files by the split that their names tell; the only one without a split as `all`.

    Args:
        root: such a folder, or one that holds some, at most two levels deep.
        ours: whether a folder holds label files.
        what: how these are called.

    Raises:
        DataError: there are several of one split.
    """
    if not root.is_dir():
        return {}
    if _is_surely(ours, root):
        return {"all": root}
    inner = [one for folder in _folders(root) for one in (folder, *_folders(folder))]
    folders = [folder for folder in inner if _is_surely(ours, folder)]
    named = [(split, folder) for folder in folders if (split := _split(folder, root))]
    files = dict(named or [("all", folder) for folder in folders])
    if len(files) < len(folders):
        raise DataError(
            f"each split must have one folder of {what}, named after it",
            f"{root} with {', '.join(folder.relative_to(root).as_posix() for folder in folders)}",
            "put train, val or test into their names, or point at one of them",
        )
    return files


class ImagesAround:
    """The images in a folder of label files and below; where none there is of a label, beside it, too.

    Folders of another split are left out.
    The images of ICDAR's training and test sets bear the same names. Folders of images that hold one called as this
    one come last: `Images/Train` for `Groundtruth/Polygon/Train`.
    """

    def __init__(
        self, folder: Path, root: str = "", split: str | None = None, *, within: bool = False
    ) -> None:
        """Look around `folder`, or into `root` alone.

        Args:
            folder: of the label files.
            root: the folder that was named for the images; empty for none.
            split: that of the labels, where the folder's name does not tell it.
            within: whether nothing beside the folder is looked at, which is a whole set.

        Raises:
            UsageError: `root` is no folder.
        """
        self._given: dict[Path, tuple[str, Path]] = {}
        split = split or split_within(folder.name)
        below = [path for path in _folders(folder) if split_within(path.name) in (split, None)]
        beside = [path for path in _folders(folder.parent) if split_within(path.name) in (split, None)]
        if root:
            if not Path(root).is_dir():
                raise UsageError("--root must be a folder of images", root, "check the path")
            self._ranks = [_by_name([Path(root).absolute()])]
            return
        self._ranks = [_by_name([folder]), _by_name(below)]
        if not within and not _has_images_of_labels(folder):
            self._ranks += [_by_name([path for path in beside if path != folder]), _by_name(_twins(folder))]

    def find(self, name: str, labels: Path, rule: str) -> Path:
        """Return the one image of a name, with its suffix or without; a path that is none where only others lie.

        Raises:
            DataError: there is no image at all, or several are of that name, or it was given out for other labels.
        """
        ranks = ((form, images) for form in (_as_it_is, alike) for images in self._ranks)
        found = next((found for form, images in ranks if (found := images.get((form, form(name))))), [])
        image = self._only(found or self._missing(name), labels, rule)
        first = self._given.setdefault(image, (name, labels))
        if first != (name, labels):
            raise DataError(
                "an image must be labelled once",
                f"{image} in {' and '.join(dict.fromkeys(map(str, (first[1], labels))))}",
                "remove one of its labels",
            )
        return image

    def _missing(self, name: str) -> list[Path]:
        """Return the path that an image of this name would have beside the others; nothing where there are none."""
        others = (path for images in self._ranks for paths in images.values() for path in paths)
        called = name if has_image_name(name) else name + ANY_SUFFIX
        return [other.parent / called for other in islice(others, 1)]

    @staticmethod
    def _only(found: list[Path], labels: Path, rule: str) -> Path:
        if not found:
            raise DataError(
                rule, f"{labels} with none", "put the images there, or name their folder with --root DIR"
            )
        if len(found) > 1:
            raise DataError(rule, f"{labels} with {', '.join(map(str, found))}", "remove the wrong ones")
        return found[0]


def image_name_of(labels: Path) -> str:
    """Return what the image of `a.json` is called, or that of `a.jpg.json`: its name, with a suffix if it is told."""
    parts = labels.name.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts) - 1, 1, -1))
    return next(filter(has_image_name, names), labels.stem)


def _is_surely(ours: Callable[[Path], bool], folder: Path) -> bool:
    """Whether a folder is ours; one whose files cannot be told, as notes in UTF-16, is none."""
    try:
        return ours(folder)
    except DataError:
        return False


def _has_images_of_labels(folder: Path) -> bool:
    """Whether an image lies beside a file that is called so, but for what stands before or behind its name."""
    images = {alike(path.stem) for path in images_in(folder)}
    stems = (path.stem for path in entries(folder) if not has_image_name(path.name)) if images else ()
    return any(
        alike(name) in images
        for stem in stems
        for name in (stem, stem.partition("gt_")[2], stem.partition(".")[0], stem.removesuffix("_res"))
    )


def _as_it_is(name: str) -> str:
    return name


def _by_name(folders: Sequence[Path]) -> Images:
    """Return the images of some folders by their names with and without suffixes, as they are and as what is alike."""
    images: Images = {}
    for path in (path for folder in folders for path in images_in(folder)):
        for key in {(form, form(name)) for name in (path.name, path.stem) for form in (_as_it_is, alike)}:
            images.setdefault(key, []).append(path)
    return images


def _folders(folder: Path) -> list[Path]:
    return [path for path in entries(folder) if path.is_dir()]


def _split(folder: Path, root: Path) -> str | None:
    """Return the split that the names of the folders below `root` tell."""
    return split_within(folder.relative_to(root).as_posix())


def _twins(folder: Path) -> list[Path]:
    """Return the folders called as this one in folders of images beside those above it."""
    above = [path for one in list(folder.parents)[:ABOVE] for path in _folders(one.parent)]
    return [
        twin for path in above if path.name.lower() in IMAGE_FOLDERS and (twin := path / folder.name).is_dir()
    ]

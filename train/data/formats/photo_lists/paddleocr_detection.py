"""PaddleOCR's detection lists: `path<TAB>[{"transcription": ..., "points": [[x, y], ...]}, ...]`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from train.data.folders.image_paths import locate
from train.data.formats import FORMATS, Format
from train.data.formats.annotation_tools.ppocrlabel import LABELS
from train.data.formats.region_lists import find_lists, is_regions, lines_of, lists_among, named_line
from train.data.photos.regions import label_of, regions_of
from train.data.sample import Sample


@FORMATS.register("paddleocr_detection")
class PaddleOCRDetection(Format):
    """Lists with paths relative to their own folder or `--root`; `###`, `*` and `"difficult": true` are ignored."""

    task = "detection"

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return `det_gt_<split>.txt`, `<split>_icdar2015_label.txt` or `<split>.txt`, else `det_gt.txt` as `all`."""
        return {} if root.name.lower() == LABELS.lower() else find_lists(root, _is_ours)

    @classmethod
    def find_alone(cls, files: Sequence[Path]) -> list[Path]:
        """Return the lists of regions among some files."""
        return lists_among([path for path in files if path.name.lower() != LABELS.lower()], _is_ours)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image; blank lines are passed over."""
        rows = [(*named_line(line, source), source) for line, source in lines_of(path)]
        paths = locate(path, [name for name, *_ in rows], options.get("root", ""))
        for name, label, source in rows:
            yield Sample(paths[name], label_of(regions_of(label, source)), source)


def _is_ours(line: str) -> bool:
    return is_regions(line.partition("\t")[2])

"""Any known format to PaddleOCR's lists or the Hub's Parquet: `python -m train.data.convert SRC DST`."""

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    from train.system.cli import main_guard

    main_guard("train.data.convert")

from train.data.arguments import (
    add_allow_bad_argument,
    add_format_arguments,
    add_group_argument,
    add_list_arguments,
    add_seed_argument,
    add_test_fraction_argument,
    options_of,
    require_data,
)
from train.data.charset import domain_charset
from train.data.checks.allowed import describe_left_out, require_few
from train.data.checks.checking import BROKEN, check
from train.data.checks.evidence import tell_made
from train.data.checks.rules import file_checks
from train.data.dataset import NO_LABEL
from train.data.folders.flat_names import FlatNames
from train.data.formats.line_lists.paddleocr import list_line
from train.data.formats.named import load_named
from train.data.formats.tables.hub import write_hub
from train.data.photos.regions import regions_of
from train.data.sample import Sample
from train.data.split import Splits, given_splits, make_splits
from train.data.texts.charset_file import write_characters
from train.data.texts.forms import is_unicode
from train.errors import DataError, UsageError
from train.system.cli import Parser
from train.system.files import make_folder
from train.system.paths import given_path, require_empty, require_folder
from train.tasks import TASKS

IMAGES = "images"
DICTIONARY, STATISTICS = "custom_dict.txt", "dataset_stats.json"
LINES, PHOTOS = "recognition", "detection"
FORMS = PADDLEOCR, PARQUET = ("paddleocr", "parquet")
LISTS = {LINES: "{}_list.txt", PHOTOS: "det_gt_{}.txt"}
"""The name of a split's list, by what its labels are for."""


def convert(splits: Splits, destination: Path, form: str = PADDLEOCR, task: str = LINES) -> None:
    """Write labels and images to a folder that is new or empty, whole or not at all.

    Args:
        splits: what is written.
        destination: the folder.
        form: one of FORMS; PARQUET for lines alone.
        task: what the labels are for, one of LISTS.

    Raises:
        UsageError: for Parquet of photos, or a folder that holds something.
        DataError: for an image that cannot be read.
    """
    _require_form(form, task)
    require_empty(destination, "DST")
    with make_folder(destination) as folder:
        names = copy_names(sample.path for _, samples in splits.items() for sample in samples)
        if form == PARQUET:
            write_hub(splits, names, folder)
        else:
            _write_lists(splits, names, folder, task)


def _require_form(form: str, task: str) -> None:
    if form == PARQUET and task != LINES:
        raise UsageError("--to parquet goes with lines", f"--task {task}", "leave out one of the two")


def _write_lists(splits: Splits, names: Mapping[Path, str], folder: Path, task: str) -> None:
    """Write PaddleOCR's lists, images, statistics and, where texts are read, the dictionary."""
    (folder / IMAGES).mkdir()
    for path, name in names.items():
        _copy(path, folder / IMAGES / name)
    for split, samples in splits.items():
        lines = [list_line(f"{IMAGES}/{names[sample.path]}", sample) for sample in samples]
        (folder / LISTS[task].format(split)).write_bytes("".join(lines).encode())
    if task == LINES:
        texts = (sample.text for _, samples in splits.items() for sample in samples)
        write_characters(domain_charset(texts).characters, folder / DICTIONARY)
    numbers = json.dumps(statistics(splits, TEXTS_OF[task]), ensure_ascii=False, indent=1)
    (folder / STATISTICS).write_text(numbers + "\n", encoding="utf-8")


def _line_text(sample: Sample) -> list[str]:
    return [sample.text]


def _photo_texts(sample: Sample) -> list[str]:
    return [region.text for region in regions_of(sample.text, sample.source) if not region.ignored]


TEXTS_OF: dict[str, Callable[[Sample], list[str]]] = {LINES: _line_text, PHOTOS: _photo_texts}


def copy_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Return a file name for each path, its own where it can be, different even without upper case."""
    free = FlatNames()
    return {path: free.take(path.name) for path in dict.fromkeys(paths)}


def statistics(splits: Splits, texts_of: Callable[[Sample], list[str]] = _line_text) -> dict[str, Any]:
    """Return counts, lengths and origin of each split, and how often each character stands in all of them."""
    texts = {
        name: [text for sample in samples for text in texts_of(sample)] for name, samples in splits.items()
    }
    return {
        "splits": {
            name: {
                "origin": splits.origin[name],
                "samples": len(samples),
                "texts": len({*texts[name]}),
                "lengths": dict(sorted(Counter(map(len, texts[name])).items())),
            }
            for name, samples in splits.items()
        },
        "characters": dict(
            sorted(Counter(c for some in texts.values() for text in some for c in text).items())
        ),
    }


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise DataError(
            "every image must be readable",
            f"{source}: {error.strerror}",
            "restore it or remove its label; python -m train.data.check finds all",
        ) from error


def without_lost(given: Mapping[str, Sequence[Sample]], allow_bad: int) -> dict[str, list[Sample]]:
    """Return the samples that can be written, and say what is left out; DataError for more than are allowed.

    Every image is decoded, as the check does.
    """
    report = check(given_splits(given), file_checks())
    lost = {found.sample: f"{found.rule}: {found.value}" for found in report.errors if found.rule in BROKEN}
    every = [sample for samples in given.values() for sample in samples]
    lost |= {one: f"not_unicode: {one.text!a}" for one in every if not is_unicode(one.text)}
    lost |= {one: NO_LABEL for one in every if one.unlabelled}
    require_few([f"{why}  {one.source}" for one, why in lost.items()], allow_bad)
    if lost:  # several images may stand in one line
        print(describe_left_out({f"{one.source}, {one.path.name}": why for one, why in lost.items()}))
    return {name: [sample for sample in samples if sample not in lost] for name, samples in given.items()}


def main(arguments: Sequence[str]) -> None:
    """Convert the folder that the command line names."""
    options = parser().parse_intermixed_args(arguments)  # SRC may be missing, and options stand between
    named, task = require_data(options.source, options), TASKS.get(options.task)
    _require_form(options.to, options.task)
    require_folder(options.destination, "DST")
    require_empty(options.destination, "DST")
    name, given = load_named(named, options_of(options.option), options.format, task.formats)
    given = without_lost(given, options.allow_bad)
    shares = (options.val_fraction, options.test_fraction)
    splits = given_splits(given)
    if any(shares):
        splits = make_splits(
            given, options.seed, *shares, task.classes, task.text_of, group_by=options.group_by
        )
    if not any(samples for _, samples in splits.items()):
        raise DataError(
            "labels must hold samples", f"none in {name}", "python -m train.data.check tells more"
        )
    destination = options.destination.absolute()
    convert(splits, destination, options.to, options.task)
    described = tell_made(splits, task.classes, task.text_of)
    for split, samples in splits.items():
        more = f": {described[split]}" if split in described else ""
        print(f"{split:5} {len(samples):7}  {splits.origin[split]}{more}")
    print(f"{name} written to {options.destination}")


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parser = Parser(
        prog="python -m train.data.convert",
        description="Convert labelled images to PaddleOCR's lists or to Parquet.",
    )
    parser.add_argument(
        "source", type=given_path, nargs="?", metavar="SRC", help="a data folder, or one label file"
    )
    parser.add_argument("destination", type=given_path, metavar="DST", help="a new or empty folder")
    add_list_arguments(parser)
    add_format_arguments(parser)
    add_allow_bad_argument(parser)
    parser.add_argument(
        "--task",
        choices=LISTS,
        default=LINES,
        help="what to write: lines with texts (default), or photos with regions",
    )
    parser.add_argument(
        "--to",
        choices=FORMS,
        default=PADDLEOCR,
        help="PaddleOCR's lists (default), or Parquet as data sets on the Hugging Face Hub are, for lines",
    )
    add_seed_argument(parser, "decides the splits that are made", signed=True)
    parser.add_argument(
        "--val-fraction",
        type=float,
        default=0.15,
        metavar="SHARE",
        help="size of a val split that is made (default: 0.15); 0 with --test-fraction 0 for none",
    )
    add_test_fraction_argument(parser)
    add_group_argument(parser)
    return parser

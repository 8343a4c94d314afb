"""Label files with corrected labels beside the old ones: `python -m train.data.correct TABLE LABELS...`."""

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    from train.cli import main_guard

    main_guard("train.data.correct")

from train.cli import Parser
from train.data.arguments import add_format_arguments, options_of
from train.data.corrections import LabelErrorRow, read_table
from train.data.formats import load_file
from train.data.sample import Sample
from train.errors import DataError, UsageError
from train.files import write_new
from train.paths import given_path, require_file

SUFFIX = ".corrected.txt"


def corrected(
    samples: Sequence[Sample], rows: Sequence[LabelErrorRow]
) -> tuple[list[Sample], list[LabelErrorRow]]:
    """Return the samples with corrected labels, and the corrections that were of some of them.

    A correction is of one image with one label: where the label is another by now, it is not.
    """
    changes = {_key(row.image, row.label): row for row in rows if row.text != row.label}
    used, found = [], []
    for sample in samples:
        row = changes.get(_key(sample.path, sample.text))
        found.append(sample if row is None else Sample(sample.path, row.text, sample.source))
        used += [row] if row is not None else []
    return found, used


def _key(image: str | Path, label: str) -> tuple[str, str]:
    return os.path.realpath(image), label


def list_text(samples: Sequence[Sample], folder: Path) -> str:
    """Return PaddleOCR's list: `path<TAB>text`, paths relative to `folder` where they lie below it."""
    lines = []
    for sample in samples:
        if {"\t", "\n"} & set(sample.text):
            raise DataError(
                "a text in PaddleOCR's lists must be without tabs and line ends", sample.source, "correct it"
            )
        path = sample.path.relative_to(folder) if sample.path.is_relative_to(folder) else sample.path
        lines.append(f"{path}\t{sample.text}\n")
    return "".join(lines)


def target_of(labels: Path) -> Path:
    """Return where the corrected labels of a file or folder come to lie; raise UsageError if something is there."""
    labels = labels.absolute()
    target = labels.with_name((labels.stem if labels.is_file() else labels.name) + SUFFIX)
    require_file(target, "LABELS' folder, for the corrected ones,")
    if target.exists():
        raise UsageError(
            "corrected labels must not replace a file", target, "move it away, or correct that one"
        )
    return target


def main(arguments: Sequence[str]) -> None:
    """Write the corrected label files that the command line asks for."""
    chosen = parser().parse_args(arguments)
    rows, targets = read_table(chosen.table), [target_of(path) for path in chosen.labels]
    options = options_of(chosen.option)
    parts = [corrected(load_file(path.absolute(), options, chosen.format), rows) for path in chosen.labels]
    asked = [row for row in rows if row.text != row.label]
    used = {_key(row.image, row.label) for _, found in parts for row in found}
    lost = [row for row in asked if _key(row.image, row.label) not in used]
    if lost:
        raise DataError(
            "every correction must be of an image with that label in the label files",
            f"{len(lost)} are not, the first: {lost[0].image} labelled {lost[0].label!r}",
            "name the label files of all splits that the table is of",
        )
    texts = [list_text(samples, target.parent) for (samples, _), target in zip(parts, targets, strict=True)]
    for text, target, (_, found) in zip(texts, targets, parts, strict=True):
        write_new(target, text)
        print(f"{target}: {len(found)} labels corrected")
    given = [
        f"--{split}-labels {shlex.quote(str(target))}"
        for split, target in zip(("train", "val"), targets, strict=False)
    ]
    if len(targets) == 2:
        print(f"search again: python search/run.py {' '.join(given)}")


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parser = Parser(
        prog="python -m train.data.correct",
        description="Write LABELS.corrected.txt, PaddleOCR's list, beside every label file; none is changed.",
    )
    parser.add_argument(
        "table", type=given_path, metavar="TABLE", help="a study's label_mistakes.tsv, edited"
    )
    parser.add_argument(
        "labels",
        type=given_path,
        nargs="+",
        metavar="LABELS",
        help="the label files, or folders; train before val",
    )
    add_format_arguments(parser)
    return parser

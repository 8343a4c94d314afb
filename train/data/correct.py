"""Label files with corrected labels beside the old ones; none is changed.

python -m train.data.correct TABLE LABELS...
python -m train.data.correct LABELS... --repair RULE
"""

import argparse
import os
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":
    from train.system.cli import main_guard

    main_guard("train.data.correct")

from train.data.arguments import add_format_arguments, options_of
from train.data.checks.corrections import LabelErrorRow, read_table
from train.data.formats.line_lists.paddleocr import list_line
from train.data.formats.loading import load_file
from train.data.sample import Sample, require_labelled, require_unicode
from train.data.texts.forms import escaped, is_unicode, normal_form
from train.data.texts.repairs import REPAIRS
from train.errors import DataError, UsageError
from train.system.cli import Parser
from train.system.files import write_new
from train.system.paths import given_path, require_file

SUFFIX = ".corrected.txt"


def correct_labels(
    samples: Sequence[Sample], rows: Sequence[LabelErrorRow]
) -> tuple[list[Sample], list[LabelErrorRow]]:
    """Return the samples with corrected labels, and the corrections that were of some of them.

    A correction is of one image with one label: where the label is another by now, it is not.
    """
    changes = {_key(row.image, row.label): row for row in rows if row.text != row.label}
    used, found = [], []
    for sample in samples:
        row = changes.get(_key(sample.path, sample.text))
        found.append(sample if row is None else Sample(sample.path, normal_form(row.text), sample.source))
        used += [row] if row is not None else []
    return found, used


def _key(image: str | Path, label: str) -> tuple[str, str]:
    return os.path.realpath(image), normal_form(label)


def list_text(samples: Sequence[Sample], folder: Path) -> str:
    """Return PaddleOCR's list: `path<TAB>text`, paths relative to `folder` where they lie below it."""
    lines = []
    for sample in samples:
        require_labelled(sample)
        path = sample.path.relative_to(folder) if sample.path.is_relative_to(folder) else sample.path
        if not is_unicode(str(path)):
            raise DataError(
                "a path in PaddleOCR's lists must be Unicode", escaped(str(path)), "rename the file"
            )
        lines.append(list_line(str(path), sample))
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
    labels = chosen.files if chosen.repair else chosen.files[1:]
    if not labels:
        raise UsageError(
            "TABLE must be followed by its label files", chosen.files[0], "name them, or --repair"
        )
    targets = [target_of(path) for path in labels]
    options = options_of(chosen.option)
    sets = [load_file(path.absolute(), options, chosen.format) for path in labels]
    parts = repaired(sets, chosen.repair) if chosen.repair else by_table(sets, read_table(chosen.files[0]))
    texts = [list_text(samples, target.parent) for (samples, _), target in zip(parts, targets, strict=True)]
    for text, target, (_, count) in zip(texts, targets, parts, strict=True):
        write_new(target, text)
        print(f"{target}: {count} labels corrected")
    given = [
        f"--{split}-labels {shlex.quote(str(target))}"
        for split, target in zip(("train", "val"), targets, strict=False)
    ]
    if len(targets) == 2:
        print(f"search again: python search/run.py {' '.join(given)}")


Part = tuple[Sequence[Sample], int]
"""The samples of a label file, and how many of them have another label than it."""


def repaired(sets: Sequence[Sequence[Sample]], rules: Sequence[str]) -> list[Part]:
    """Return the samples of every label file with what breaks some rules of the check put right, in all together."""
    samples = [sample for part in sets for sample in part]
    for sample in samples:
        require_unicode(sample)
    texts = [sample.text for sample in samples]
    for rule in rules:
        texts = REPAIRS[rule](texts)
    new = iter(texts)
    parts = [[(sample, replace(sample, text=next(new))) for sample in part] for part in sets]
    return [([changed for _, changed in part], sum(_differs(*pair) for pair in part)) for part in parts]


def _differs(old: Sample, new: Sample) -> bool:
    return new.text != (old.text if old.written is None else old.written)


def by_table(sets: Sequence[Sequence[Sample]], rows: Sequence[LabelErrorRow]) -> list[Part]:
    """Return the samples of every label file with what a table says; raise DataError for what is of none of them."""
    parts = [correct_labels(samples, rows) for samples in sets]
    corrections = [row for row in rows if row.text != row.label]
    used = {_key(row.image, row.label) for _, found in parts for row in found}
    lost = [row for row in corrections if _key(row.image, row.label) not in used]
    if lost:
        raise DataError(
            "every correction must be of an image with that label in the label files",
            f"{len(lost)} are not, the first: {lost[0].image} labelled {lost[0].label!r}",
            "name the label files of all splits that the table is of",
        )
    return [(samples, len(found)) for samples, found in parts]


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parser = Parser(
        prog="python -m train.data.correct",
        usage="%(prog)s [-h] [--format NAME] [--option KEY=VALUE] (TABLE LABELS... | LABELS... --repair RULE)",
        description="Write LABELS.corrected.txt, PaddleOCR's list, beside every label file; none is changed.",
    )
    parser.add_argument(
        "files",
        type=given_path,
        nargs="+",
        metavar="FILE",
        help="first the edited label_mistakes.tsv of a study (not with --repair), then the label files, or "
        "folders; train before val",
    )
    parser.add_argument(
        "--repair",
        choices=list(REPAIRS),
        action="append",
        metavar="RULE",
        help=f"put right what breaks a rule of train.data.check: {', '.join(REPAIRS)}; can be repeated",
    )
    add_format_arguments(parser)
    return parser

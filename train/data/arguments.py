"""The command-line arguments that say which labels are read, and how: the same ones for every command."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from train.data.folders.documents import document_pattern
from train.data.formats import FORMATS, ROOT, SPLITS
from train.errors import UsageError
from train.system.paths import given_path

PLACES = ("auto", "memory", "file")
AnyParser = argparse.ArgumentParser | argparse._ArgumentGroup


def add_format_arguments(parser: AnyParser) -> None:
    """Add `--format` and `--option`; their values are for `formats.loading.load`."""
    parser.add_argument(
        "--format",
        metavar="NAME",
        choices=FORMATS.names(),
        help=f"how the labels are written (default: detected): {', '.join(FORMATS.names())}",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"setting of the labels' format, repeatable: {_describe_options()}",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        dest="option",
        action=_RootOption,
        help="folder that the paths in the label files are relative to (default: the label file's own, or above it)",
    )


def _describe_options() -> str:
    """Return the keys of `--option` with the formats that take them, but for `root`, which has an option of its own."""
    formats: dict[str, list[str]] = {}
    for name in FORMATS.names():
        for key in FORMATS.get(name).options:
            formats.setdefault(key, []).append(name)
    return "; ".join(f"{key} ({', '.join(names)})" for key, names in formats.items() if key != "root")


class _RootOption(argparse.Action):
    """`--root DIR` is `--option root=DIR`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the option."""
        namespace.option = [*namespace.option, f"root={values}"]


def add_list_arguments(parser: AnyParser) -> None:
    """Add `--train-labels`, `--val-labels` and `--test-labels`; `named_data` returns what they name."""
    for split in SPLITS:
        parser.add_argument(
            f"--{split}-labels",
            metavar="FILE",
            action="append",
            default=[],
            type=given_path,
            help=f"label file of the {split} split, instead of a data folder; given again, both are joined",
        )


def add_allow_bad_argument(parser: AnyParser) -> None:
    """Add `--allow-bad`."""
    parser.add_argument(
        "--allow-bad",
        type=whole_number,
        default=0,
        metavar="N",
        help="leave out up to N bad samples instead of refusing the data (default 0)",
    )


def add_seed_argument(parser: AnyParser, of: str, *, signed: bool = False) -> None:
    """Add `--seed`, a number of `of`; `signed`: also one below 0, which numpy's generators refuse."""
    kind: Callable[[str], int] = int if signed else whole_number
    parser.add_argument("--seed", type=kind, default=0, metavar="N", help=f"{of} (default 0)")


def whole_number(text: str) -> int:
    """Return the number of an option; argparse says it where it is none, or below 0."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be a whole number, 0 or more, got {text}")
    return number


def add_test_fraction_argument(parser: AnyParser) -> None:
    """Add `--test-fraction`."""
    parser.add_argument(
        "--test-fraction",
        type=float,
        default=0.1,
        metavar="SHARE",
        help="share of the training samples to hold back as test where the data has no test (default 0.1)",
    )


def add_group_argument(parser: AnyParser) -> None:
    """Add `--group-by`."""
    parser.add_argument(
        "--group-by",
        metavar="REGEX",
        type=document_pattern,
        help="regular expression that finds an image's document in its path, e.g. '([^/]+)_[0-9]+': of the splits that "
        "are made, no two hold lines of one document (default: documents that labels and file names tell)",
    )


def lists_of(chosen: argparse.Namespace) -> dict[str, tuple[Path, ...]]:
    """Return the label files of each split that a command line names."""
    return {name: tuple(files) for name in SPLITS if (files := getattr(chosen, f"{name}_labels"))}


def named_data(folder: Path | None, chosen: argparse.Namespace) -> Path | Mapping[str, Sequence[Path]] | None:
    """Return the data folder, or the label files of each split; None without either, UsageError for both."""
    lists = lists_of(chosen)
    if folder and lists:
        raise UsageError(
            "data must be named once", f"{folder} and --{next(iter(lists))}-labels", "leave one of them out"
        )
    return folder or lists or None


def require_data(folder: Path | None, chosen: argparse.Namespace) -> Path | Mapping[str, Sequence[Path]]:
    """Return what `named_data` does; raise UsageError where no data are named."""
    named = named_data(folder, chosen)
    if named is None:
        raise UsageError(
            "labelled images must be named", "none", "name a data folder, or --train-labels FILE"
        )
    return named


def add_general_arguments(parser: AnyParser) -> None:
    """Add `--general-labels`, `--general-format` and `--general-option`."""
    parser.add_argument(
        "--general-labels",
        metavar="FILE",
        type=given_path,
        help="lines of other kinds, in any label format: half of their texts are read after every epoch to show "
        "what is forgotten, the others can be mixed into the batches (replay)",
    )
    parser.add_argument(
        "--general-format",
        metavar="NAME",
        choices=FORMATS.names(),
        help="how they are written, one of --format's names (default: detected)",
    )
    parser.add_argument(
        "--general-option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="setting of their format, repeatable",
    )


def add_dictionary_argument(parser: AnyParser) -> None:
    """Add `--dictionary`."""
    parser.add_argument(
        "--dictionary",
        metavar="FILE",
        help="file of characters, one a line, that the model is to write besides those of the labels; `none` ignores a "
        "dict.txt beside the labels (default: that dict.txt, else the labels' characters alone)",
    )


def add_samples_argument(parser: AnyParser) -> None:
    """Add `--no-samples`."""
    parser.add_argument(
        "--no-samples",
        action="store_false",
        dest="samples",
        help="store no lines in the bundle (default: up to 32 validation lines with their texts, on which a server "
        "measures its speed)",
    )


def add_decoding_arguments(parser: AnyParser) -> None:
    """Add `--decode-to` and `--cache`; their values are for `decoding.Decoding`."""
    parser.add_argument(
        "--decode-to",
        choices=PLACES,
        default="auto",
        help="keep decoded lines in memory or in mapped files (default: files where they are too many)",
    )
    parser.add_argument(
        "--cache",
        metavar="DIR",
        type=given_path,
        help="folder of those files, the same on all nodes; later runs start from them (default: line-cache "
        "beside the output)",
    )


def options_of(pairs: Sequence[str], name: str = "--option") -> dict[str, str]:
    """Return the options that `KEY=VALUE` pairs name; raise UsageError for another form, or a key with two values.

    A `root` is absolute: a study may be resumed from another folder.
    """
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise UsageError(f"{name} must be KEY=VALUE", ", ".join(wrong), f"write e.g. {name} text_key=text")
    options = dict(pair.split("=", 1) for pair in pairs)
    if len(options) < len(set(pairs)):
        raise UsageError(f"{name} must give each key once", ", ".join(pairs), "leave one of them out")
    return options | {key: os.path.abspath(given_path(options[key])) for key in ROOT if options.get(key)}

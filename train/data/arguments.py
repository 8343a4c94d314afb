"""The command-line arguments that say how a data folder is read."""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from train.data.formats import FORMATS
from train.errors import UsageError

PLACES = ("auto", "memory", "file")


def add_format_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--format` and `--option`; their values are for `formats.load`."""
    parser.add_argument(
        "--format", choices=FORMATS.names(), help="how the labels are written (default: detected)"
    )
    takes = "; ".join(
        f"{name}: {', '.join(FORMATS.get(name).options)}"
        for name in FORMATS.names()
        if FORMATS.get(name).options
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"what the format's reader takes ({takes}); can be repeated",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        dest="option",
        action=_RootOption,
        help="folder that the paths in the label files are relative to (default: the label file's own, or above it)",
    )


class _RootOption(argparse.Action):
    """`--root DIR` is `--option root=DIR`, absolute: a study may be resumed from another folder."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the option."""
        root = os.path.abspath(os.path.expanduser(str(values)))
        namespace.option = [*namespace.option, f"root={root}"]


def add_general_arguments(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add `--general-labels` and `--general-option`."""
    parser.add_argument(
        "--general-labels",
        metavar="FILE",
        help="lines of other kinds, in any label format: half of them, by text, are read after every epoch to "
        "show what is forgotten, the others can be trained on again (replay)",
    )
    parser.add_argument(
        "--general-option", metavar="KEY=VALUE", action="append", default=[], help="setting of their format"
    )


def add_decoding_arguments(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
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
        help="folder of those files, the same on all nodes; later runs start from them (default: line-cache "
        "beside the output)",
    )


def options_of(pairs: Sequence[str]) -> dict[str, str]:
    """Return the options that `KEY=VALUE` pairs name."""
    options = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise UsageError("--option must be KEY=VALUE", ", ".join(wrong), "write e.g. text_key=text")
    return options

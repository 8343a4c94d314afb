"""How every command starts and ends: an exit status and, on failure, one line on standard error.

A command's file calls `main_guard` above its imports. This file needs nothing but Python, so that a package that is not
installed is said in a line, too.
"""

from __future__ import annotations  # another Python may read this, an older one, too

import importlib
import platform
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from train.errors import OcrError, UsageError

INTERRUPTED = 3
OURS = ("search", "serve", "spaces", "train", "benchmarks")


def run(main: Callable[[Sequence[str]], int | None], arguments: Sequence[str] | None = None) -> int:
    """Call `main` with the command line's arguments and return the process's exit status.

    Args:
        main: an entry point; it returns its exit status, or None for 0, and lets OcrError through.
        arguments: what follows the program's name; None for `sys.argv[1:]`.
    """
    try:
        return main(sys.argv[1:] if arguments is None else arguments) or 0
    except OcrError as error:
        return failed(error)
    except ModuleNotFoundError as error:
        # One of a Ray task is of another interpreter, and not of this very class.
        if type(error) is not ModuleNotFoundError or (error.name or "").partition(".")[0] in OURS:
            raise
        return failed(missing(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def main_guard(module: str) -> NoReturn:
    """Import a command's module, run its `main` and leave the process.

    It stands under `if __name__ == "__main__"`, above the imports of the command's own file.
    """
    sys.exit(run(lambda arguments: importlib.import_module(module).main(arguments)))


def failed(error: OcrError) -> int:
    """Print the one line of a failure and return the exit status."""
    print(f"error: {error}", file=sys.stderr)
    return error.exit_status


def missing(error: ModuleNotFoundError) -> UsageError:
    """Return what to do about a package that this interpreter lacks."""
    return UsageError(
        f"the package {error.name} must be installed",
        f"none for {sys.executable or 'this interpreter'} (Python {platform.python_version()})",
        "activate the environment (. .venv/bin/activate), or install: python -m pip install -e .",
    )

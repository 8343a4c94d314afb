"""How every entry point ends: an exit status and, on failure, one line on standard error."""

import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from train.errors import OcrError

INTERRUPTED = 3


def run(main: Callable[[Sequence[str]], int | None], arguments: Sequence[str] | None = None) -> int:
    """Call `main` with the command line's arguments and return the process's exit status.

    Args:
        main: an entry point; it returns its exit status, or None for 0, and lets OcrError through.
        arguments: what follows the program's name; None for `sys.argv[1:]`.
    """
    try:
        return main(sys.argv[1:] if arguments is None else arguments) or 0
    except OcrError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def main_guard(main: Callable[[Sequence[str]], int | None]) -> NoReturn:
    """Run `main` and leave the process: the one line under `if __name__ == "__main__"`."""
    sys.exit(run(main))

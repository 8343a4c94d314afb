"""How every command starts and ends: an exit status and, on failure, one line on standard error.

A command's file calls `main_guard` above its imports. This file needs nothing but Python, so that a package that is not
installed is said in a line, too.
"""

from __future__ import annotations  # another Python may read this, an older one, too

import argparse
import errno
import importlib
import io
import os
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from train.errors import OcrError, UsageError, explain_refusal, name_refused

INTERRUPTED = 3
EXIT = "exit status: 0 done; 1 bad data, a missing model or a failed gate; 2 bad usage; 3 interrupted"
OURS = ("search", "serve", "spaces", "train", "benchmarks")
GIVEN, ESCAPED = "_given", "backslashreplace"
FROM_OUTSIDE = {
    getattr(errno, name)
    for name in (
        *("ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENOTEMPTY", "ENAMETOOLONG", "ELOOP"),
        *("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EFBIG", "EIO", "ESTALE", "ETXTBSY"),
    )
}
"""What the system says of files that the person named, or of the disk that they are on."""


class Parser(argparse.ArgumentParser):
    """A command line in which an option of one value is given once: a second one would drop the first.

    Its help ends with the exit status, unless an `epilog` says more.

    Attributes:
        given: names of those that the last command line gave, also where it says the default.
    """

    given: frozenset[str] = frozenset()

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"epilog": EXIT} | settings)
        for action in (None, "store"):
            self.register("action", action, _StoreOnce)

    def parse_known_args(self, *arguments: Any, **settings: Any) -> tuple[Any, list[str]]:
        """Return the options, and what is none; raise UsageError for one that is given twice."""
        found, others = super().parse_known_args(*arguments, **settings)
        self.given = frozenset(getattr(found, GIVEN, ()))
        if hasattr(found, GIVEN):
            delattr(found, GIVEN)
        return found, others

    def error(self, message: str) -> NoReturn:
        """Leave in one line with status 2; the usage of all options, which argparse prints, would hide it."""
        unknown = [word for word in message.split() if message.startswith("unrecognized") and word[0] == "-"]
        near = [
            found for word in unknown for found in get_close_matches(word, self._option_string_actions, 1)
        ]
        meant = f"did you mean {', '.join(near)}? " if near else ""
        self.exit(2, f"error: {message}; {meant}see {self.prog} --help\n")


class _StoreOnce(argparse._StoreAction):
    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        given = vars(namespace).setdefault(GIVEN, set())
        if option_string and self.dest in given:
            both = f"{getattr(namespace, self.dest)} and {values}"
            raise UsageError(f"{option_string} must be given once", both, "leave one of them out")
        given.add(self.dest)
        super().__call__(parser, namespace, values, option_string)


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
    except OSError as error:
        if error.errno not in FROM_OUTSIDE:
            raise
        return failed(unusable(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


class _Output(io.FileIO):
    """Standard output or error, whose reader may go away, as `| head` does: what comes then vanishes."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(data)


def prepare_output() -> None:
    """Print what a terminal's encoding lacks as an escape, such as \\u8f66, and go on where nobody reads any more."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):
            continue
        stream.reconfigure(errors=ESCAPED)
        buffer: Any = stream.buffer
        if isinstance(getattr(buffer, "raw", buffer), io.FileIO):
            output: Any = _Output(stream.fileno(), "w", closefd=False)
            setattr(
                sys,
                name,
                io.TextIOWrapper(
                    io.BufferedWriter(output) if hasattr(buffer, "raw") else output,  # python -u has none
                    encoding=stream.encoding,
                    errors=ESCAPED,
                    line_buffering=stream.line_buffering,
                    write_through=stream.write_through,
                ),
            )


def main_guard(module: str) -> NoReturn:
    """Import a command's module, run its `main` and leave the process; SIGTERM is as Ctrl-C.

    It stands under `if __name__ == "__main__"`, above the imports of the command's own file.
    """
    prepare_output()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(lambda arguments: importlib.import_module(module).main(arguments)))


def failed(error: OcrError) -> int:
    """Print the one line of a failure and return the exit status."""
    words = str(error).encode("utf-8", "backslashreplace").decode("utf-8")  # half a file name is no Unicode
    print(f"error: {words}", file=sys.stderr)
    return error.exit_status


def unusable(error: OSError) -> OcrError:
    """Return what to say of a file or folder that the system refuses."""
    if refusal := explain_refusal(error):
        return OcrError(refusal.rule, refusal.value, f"{refusal.remedy}, or name another place")
    return OcrError(
        "files and folders must be there, each where it is named",
        name_refused(error),
        "mend it, or name another place",
    )


def missing(error: ModuleNotFoundError) -> UsageError:
    """Return what to do about a package that this interpreter lacks."""
    return UsageError(
        f"the package {error.name} must be installed",
        f"none for {sys.executable or 'this interpreter'} (Python {platform.python_version()})",
        "activate the environment (. .venv/bin/activate), or install: python -m pip install -e .",
    )

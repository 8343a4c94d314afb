"""Shows what a search is at work on: under the other lines of a terminal, as a line now and then in a file.

    with shown(budget_ends):                  starts to show
        show_stage("decoding the images")     what is being done from here on
        wait_for({"model": reference})        until Ray's tasks are done, named by what they are about
        show_trials([...])                    the trials that run now

There is one for a process, as there is one standard output.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import ray

from search.experiment.at_work import AtWork, format_item, format_live_lines, format_plain_line
from search.trials.heartbeat import read_positions

EVERY_S, SOON_S, POLL_S = 30.0, 2.0, 1.0
"""A file gets a line so often, and one soon after a stage or its first item has begun; how often that is looked at."""


class _Shown:
    """What is at work now; threads replace it whole."""

    def __init__(self) -> None:
        self.work: AtWork | None = None
        self.deadline: float | None = None
        self.trials: Sequence[str] = ()

    def now(self) -> AtWork | None:
        """Return it with what its trials say of themselves."""
        work, trials = self.work, self.trials
        if work is None or not trials:
            return work
        positions = read_positions(trials)
        return replace(work, items=[format_item(trial, positions.get(trial)) for trial in trials])


_shown = _Shown()


@contextmanager
def shown(deadline: float | None = None) -> Iterator[None]:
    """Show what is at work until the end of the block, and the time until a deadline (Unix time) of all of it."""
    _shown.deadline = deadline
    show = _on_terminal if sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" else _in_file
    with show():
        try:
            yield
        finally:
            _shown.work, _shown.trials = None, ()


def show_stage(what: str, deadline: float | None = None) -> None:
    """Say what is being done from here on; by when (Unix time), if not by the deadline of all."""
    _shown.work, _shown.trials = AtWork(what, time.time(), deadline or _shown.deadline), ()


def show_trials(trials: Sequence[str]) -> None:
    """Say which trials run now."""
    _shown.trials = trials


def wait_for(tasks: Mapping[str, ray.ObjectRef]) -> list[Any]:
    """Return the results of Ray tasks, named by what they are about; those that are not done are shown."""
    waiting = list(tasks.values())
    while waiting:
        _show_items([name for name, task in tasks.items() if task in waiting])
        _, waiting = ray.wait(waiting, timeout=POLL_S)
    _show_items(())
    return list(ray.get(list(tasks.values())))


def _show_items(items: Sequence[str]) -> None:
    _shown.work = replace(_shown.work, items=items) if _shown.work else None


@contextmanager
def _in_file() -> Iterator[None]:
    over = threading.Event()

    def write() -> None:
        told, last = ("", False), time.time()
        while not over.wait(POLL_S):
            work, now = _shown.now(), time.time()
            if work is None:
                continue
            news = (work.what, bool(work.items))
            if now - max(last, work.began) >= (SOON_S if news != told else EVERY_S):
                print(format_plain_line(work, now), flush=True)
                told, last = news, now

    writer = threading.Thread(target=write, name="at work", daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()


@contextmanager
def _on_terminal() -> Iterator[None]:
    """Let rich keep the lines under everything else that is printed."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def lines() -> Text:
        work = _shown.now()
        text = "\n".join(format_live_lines(work, time.time()) if work else [])
        return Text(text, style="dim", no_wrap=True, overflow="ellipsis")

    whole = Console(soft_wrap=True)  # other lines stand as they were printed
    with Live(
        get_renderable=lines,
        console=whole,
        refresh_per_second=1 / POLL_S,
        transient=True,
        redirect_stderr=sys.stderr.isatty(),  # what goes to a file stays there
    ):
        yield

"""Runs the search's command line as a user would, and can interrupt it; on a few real lines."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from tests import real_lines

REPOSITORY = Path(__file__).resolve().parent.parent.parent
# A cluster that somebody else runs on this machine is not ours to use.
ENVIRONMENT = {"RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
PARAMETERS = """\
parameters:
  technique.name: {{choice: [full, frozen]}}
  optimiser.learning_rate: {{float: [1.0e-4, 1.0e-2], log: true}}
warm_starts:
  - settings: {{technique.name: frozen, optimiser.learning_rate: 3.0e-3}}
  - settings: {{technique.name: full, optimiser.learning_rate: 2.0e-4}}
"""
FIXED = """\
fixed: {{task: recognition, model: pp-ocrv6-tiny, engine: paddle, charset: domain, epochs: {epochs}, batch_size: 16}}
"""
# ASHA's first rung lies at a quarter of it, past the last epoch: how a trial ends never depends on another one.
MAX_EPOCHS = 40
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")


def write_labels(data_dir: Path, folder: Path, train: int, val: int) -> Path:
    """Write the label lists of a few real VIN lines, image paths absolute; return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", train), ("val", val)):
        samples = real_lines.samples(data_dir, split=split, count=count)
        text = "".join(f"{sample.path.resolve()}\t{sample.text}\n" for sample in samples)
        (folder / f"rec_gt_{split}.txt").write_text(text, encoding="utf-8")
    return folder


def write_space(folder: Path, epochs: int) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(f"{FIXED}{PARAMETERS}".format(epochs=epochs), encoding="utf-8")
    return path


def label_arguments(labels: Path, folds: int = 1) -> list[str]:
    """Return what names the lists, and has trials scored on the validation lines, few as they are, or over folds."""
    return ["--folds", str(folds)] + [
        argument
        for split in ("train", "val")
        for argument in (f"--{split}-labels", str(labels / f"rec_gt_{split}.txt"))
    ]


class Process:
    """A command that runs, its output line by line, errors included."""

    def __init__(
        self, *command: object, environment: Mapping[str, str] = ENVIRONMENT, cwd: Path = REPOSITORY
    ) -> None:
        self._popen = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, env={**os.environ, **environment},
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait(self, timeout: float = 600) -> int:
        """Return the exit status, once all the output is here."""
        try:
            status = self._popen.wait(timeout)
            self._reader.join(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout} s:\n{self.output}") from None
        return status

    def wait_for(self, text: str, count: int = 1, timeout: float = 600) -> None:
        """Wait until `count` lines hold `text`."""
        found = f"{text!r}, {count} times,"
        self.wait_until(lambda: sum(text in line for line in self.lines) >= count, found, timeout)

    def wait_until(self, done: Callable[[], bool], what: str, timeout: float = 600) -> None:
        """Wait until `done` returns true, which it has to before the process has ended."""
        until = time.monotonic() + timeout
        while True:
            ended = self._popen.poll() is not None and not self._reader.is_alive()
            if done():
                return
            if ended or time.monotonic() > until:
                self.kill()
                raise AssertionError(f"no {what} in:\n{self.output}")
            time.sleep(0.05)

    def descendants(self) -> list[psutil.Process]:
        """Return the processes that this one has started, and those that they have; none once it has ended."""
        try:
            return list(psutil.Process(self._popen.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process itself, and to none of those that it started."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """Kill the process alone, as a power cut would; Ray's workers have to end with it.

        Its two agents wait for a while for a node that is gone; they compute nothing, and are ended here.
        """
        alive = self._popen.poll() is None
        started = psutil.Process(self._popen.pid).children(recursive=True) if alive else []
        agents = [process for process in started if is_agent(process)]
        self.signal(signal.SIGKILL)
        self._popen.wait(20)
        _, left = psutil.wait_procs([process for process in started if process not in agents], timeout=60)
        for process in started:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        assert not left, f"left behind: {left}"


def is_agent(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.name() in AGENTS
    return False


def search(*arguments: object, cwd: Path = REPOSITORY) -> Process:
    return Process(sys.executable, REPOSITORY / "search" / "run.py", *arguments, cwd=cwd)

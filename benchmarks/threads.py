"""Milliseconds of a line that comes alone: on one core, on all, and by turns as the server does, idle and not.

    python benchmarks/threads.py [--model NAME ...] [--seconds S]

A line of 320 px is run again and again; the three ways take turns, so that all see the same machine. Then the same
beside a process that keeps one core busy. The server's way should be near the better of the other two in both.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

import numpy as np

from benchmarks.common import machine, print_table, write_result
from serve.inference.model import load_model
from serve.runtime.sessions import Array, ElasticSession, Session
from train.system.onnx_session import CPU

BUSY = "while True: pass"
ROUNDS = 8


def main(arguments: Sequence[str]) -> int:
    """Measure, print and write the figures."""
    parse = argparse.ArgumentParser(prog="python benchmarks/threads.py", description=__doc__)
    parse.add_argument("--model", nargs="+", default=["pp-ocrv6-small", "pp-ocrv6-tiny"], metavar="NAME")
    parse.add_argument("--seconds", type=float, default=24, metavar="S", help="for each row, about (24)")
    chosen, before = parse.parse_args(arguments), machine()
    rows = [measure(name, busy, chosen.seconds) for name in chosen.model for busy in (False, True)]
    print_table(rows)
    write_result("threads", before, {"rows": rows, "options": vars(chosen)})
    return 0


def measure(name: str, busy: bool, seconds: float) -> dict[str, Any]:
    """Return the medians of one model, in ms."""
    graph, cores = load_model("recognition", name).onnx, machine()["cores"]
    line = np.random.default_rng(0).random((1, 3, 48, 320), np.float32)
    own, wide = Session(graph, CPU, 1), Session(graph, CPU, int(cores))
    raced = ElasticSession(own, wide, line)
    ways: dict[str, Callable[[Array], Array]] = {
        "one core": own.run,
        "all cores": wide.run,
        "by turns": lambda rows: raced.run(rows, alone=True),
    }
    took: dict[str, list[float]] = {way: [] for way in ways}
    with _kept_busy(busy):
        for run in ways.values():
            run(line)
        for _ in range(ROUNDS):
            for way, run in ways.items():
                took[way] += _run_for(seconds / ROUNDS / len(ways), run, line)
    figures = {f"{way}, ms": statistics.median(times) for way, times in took.items()}
    mean = statistics.mean(took["by turns"])
    return {"model": name, "a core is busy": busy} | figures | {"by turns, mean ms": mean}


def _run_for(seconds: float, run: Callable[[Array], Array], line: Array) -> list[float]:
    times, until = [], time.perf_counter() + seconds
    while (started := time.perf_counter()) < until:
        run(line)
        times.append(1000 * (time.perf_counter() - started))
    return times


@contextmanager
def _kept_busy(busy: bool) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", BUSY]) if busy else None
    try:
        yield
    finally:
        if process:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A training step of each engine on the same network, the same weights and the same lines.

    python benchmarks/engines.py [--model NAME ...] [--threads N] [--rounds N]

It is the step that `--engine auto` measures. Each is a process of its own; the engines take turns.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import machine, print_table, write_result
from train.engines import ENGINES
from train.engines.choice import holds, measure
from train.tasks.recognition import EXAMPLE_WIDTH_PX, Recognition


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/engines.py", description=__doc__)
    parse.add_argument("--model", nargs="+", default=["pp-ocrv6-tiny", "pp-ocrv6-small", "pp-ocrv5-mobile"])
    parse.add_argument("--threads", type=int, default=1, metavar="N", help="of a training process (1)")
    parse.add_argument("--rounds", type=int, default=3, metavar="N", help="processes of each engine (3)")
    return parse


def main(arguments: Sequence[str]) -> int:
    """Measure every model in every engine, print and write the figures."""
    chosen = parser().parse_args(arguments)
    before = machine()
    rows = [compare(model, chosen.threads, chosen.rounds) for model in chosen.model]
    print_table(rows)
    figures = {
        "lines": Recognition.timed,
        "width_px": EXAMPLE_WIDTH_PX,
        "threads": chosen.threads,
        "models": rows,
    }
    write_result("engines", before, figures)
    return 0


def compare(model: str, threads: int, rounds: int) -> dict[str, Any]:
    """Return each engine's median seconds a step, and its lowest and highest."""
    seconds: dict[str, list[float]] = {name: [] for name in ENGINES.names() if holds(name, [model])}
    for _ in range(rounds):
        for name, measured in seconds.items():
            measured.append(measure(name, [model], threads))
    row: dict[str, Any] = {"model": model}
    for name, measured in seconds.items():
        row[f"{name}, s/step"] = statistics.median(measured)
        row[f"{name}, range"] = f"{min(measured):.2f}-{max(measured):.2f}"
    return row


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

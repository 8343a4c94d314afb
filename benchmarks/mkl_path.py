"""A training step with the MKL code path that `train/engines/paddlepaddle/cpu.py` chooses, against MKL's own choice.

    python benchmarks/mkl_path.py [--model NAME ...] [--rounds N]

It is the step that `--engine auto` measures, on one thread. Each is a process of its own, as MKL reads its setting when
it is loaded; the two take turns.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import machine, print_table, write_result
from train.engines.choice import measure
from train.tasks.recognition import Recognition

SETTING = "MKL_DEBUG_CPU_TYPE"


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/mkl_path.py", description=__doc__)
    parse.add_argument("--model", nargs="+", default=["pp-ocrv6-tiny", "pp-ocrv6-small"])
    parse.add_argument("--rounds", type=int, default=3, metavar="N", help="processes of each side (3)")
    return parse


def main(arguments: Sequence[str]) -> int:
    """Measure every model both ways, print and write the figures."""
    chosen, before = parser().parse_args(arguments), machine()
    rows = [compare(model, chosen.rounds) for model in chosen.model]
    print_table(rows)
    write_result("mkl_path", before, {"lines": Recognition.timed, "threads": 1, "models": rows})
    return 0


def compare(model: str, rounds: int) -> dict[str, Any]:
    """Return the medians of both sides, in seconds a step, and their ratio."""
    ours: list[float] = []
    mkls: list[float] = []
    for _ in range(rounds):
        os.environ.pop(SETTING, None)
        ours.append(measure("paddle", [model], threads=1))
        os.environ[SETTING] = ""  # set, so that it is left alone, but to nothing
        mkls.append(measure("paddle", [model], threads=1))
    chosen, own = statistics.median(ours), statistics.median(mkls)
    return {
        "model": model,
        "chosen path, s/step": chosen,
        "MKL's choice, s/step": own,
        "speed-up": own / chosen,
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

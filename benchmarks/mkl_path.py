"""A training step with the MKL code path that `train/engines/paddlepaddle/cpu.py` chooses, against MKL's own choice.

    python benchmarks/mkl_path.py [--model NAME ...] [--rounds N]

Each measurement is a process of its own, as MKL reads its setting when it is loaded; the two take turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import REPOSITORY, data_folder, machine, print_table, write_result

SETTING = "MKL_DEBUG_CPU_TYPE"
LINES, STEPS = 16, 4


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/mkl_path.py", description=__doc__)
    parse.add_argument("--model", nargs="+", default=["pp-ocrv6-tiny", "pp-ocrv6-small"])
    parse.add_argument("--rounds", type=int, default=3, metavar="N", help="processes of each side (3)")
    parse.add_argument("--measure", help=argparse.SUPPRESS)
    return parse


def main(arguments: Sequence[str]) -> int:
    """Measure every model both ways, print and write the figures."""
    chosen = parser().parse_args(arguments)
    if chosen.measure:
        print(json.dumps(step_seconds(chosen.measure)))
        return 0
    before = machine()
    rows = [compare(model, chosen.rounds) for model in chosen.model]
    print_table(rows)
    write_result("mkl_path", before, {"lines": LINES, "threads": 1, "models": rows})
    return 0


def compare(model: str, rounds: int) -> dict[str, Any]:
    """Return the medians of both sides, in seconds a step, and their ratio."""
    sides: dict[str, list[float]] = {"chosen": [], "mkl": []}
    for _ in range(rounds):
        for side, seconds in sides.items():
            seconds.append(measure(model, own_choice=side == "mkl"))
    chosen, own = (statistics.median(sides[side]) for side in ("chosen", "mkl"))
    return {
        "model": model,
        "chosen path, s/step": chosen,
        "MKL's choice, s/step": own,
        "speed-up": own / chosen,
    }


def measure(model: str, own_choice: bool) -> float:
    """Return the seconds of a training step in a fresh process on one thread."""
    environment = {k: v for k, v in os.environ.items() if k != SETTING} | {"OMP_NUM_THREADS": "1"}
    if own_choice:
        environment[SETTING] = ""  # set, so that it is left alone, but to nothing
    command = [sys.executable, __file__, "--measure", model]
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, cwd=REPOSITORY
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def step_seconds(model: str) -> float:
    """Return the median seconds of a full training step on real lines of one width."""
    import numpy as np

    from train.config import TrialConfig
    from train.data.dataset import decode_samples
    from train.data.formats import load_file
    from train.loop import assemble
    from train.techniques import uniform

    data = decode_samples(load_file(data_folder() / "vin" / "rec_gt_train.txt"))
    engine, task = assemble(TrialConfig(model=model, fit_width=320), data)
    engine.apply_plan(uniform(1.0))
    batch = task.batch(data, np.argsort(data.widths)[:LINES], epoch=1)
    seconds = []
    for _ in range(STEPS):
        started = time.perf_counter()
        engine.train_step(batch, 1e-5, update=True)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

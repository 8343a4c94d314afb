"""CPU seconds of an epoch, and memory, with what a step frees kept for the next one, against glibc as it is.

    python benchmarks/allocator.py [--model NAME ...] [--set NAME ...] [--rounds N]

`train.loop.train` in a thread, as Ray Tune runs a trial, on one core: both ways in turn, each in a process of its own,
whose first epoch does not count.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import REPOSITORY, data_folder, machine, print_table, write_result
from train.system.machine.memory import KEEP_FREED, MB, peak_bytes

WAYS: Mapping[str, Mapping[str, str]] = {"glibc as it is": {}, "kept": KEEP_FREED}
LINES, BATCH, EPOCHS = {"pp-ocrv6-tiny": 640, "pp-ocrv6-small": 192}, 32, 4


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/allocator.py", description=__doc__)
    parse.add_argument("--model", nargs="+", default=[*LINES], choices=LINES, metavar="NAME")
    parse.add_argument("--set", nargs="+", default=["scene_words", "receipts"], help="of OCR_DATA")
    parse.add_argument("--rounds", type=int, default=3, metavar="N", help="processes of each way (3)")
    parse.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    return parse


def main(arguments: Sequence[str]) -> int:
    """Measure every model on every set, print and write the figures."""
    chosen = parser().parse_args(arguments)
    if chosen.one:
        print(json.dumps(epochs(chosen.model[0], chosen.set[0])))
        return 0
    before = machine()
    rows = [compare(model, name, chosen.rounds) for model in chosen.model for name in chosen.set]
    print_table(rows)
    write_result("allocator", before, {"rows": rows, "options": vars(chosen)})
    return 0


def compare(model: str, name: str, rounds: int) -> dict[str, Any]:
    """Return the medians of both ways, and how much less CPU the second one takes."""
    command = [sys.executable, __file__, "--one", "--model", model, "--set", name]
    own = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    found: dict[str, list[Mapping[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, settings in WAYS.items():
            environment = own | dict(settings) | {"OMP_NUM_THREADS": "1"}
            done = subprocess.run(
                command, cwd=REPOSITORY, env=environment, check=True, capture_output=True, text=True
            )
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    medians = {
        way: {key: statistics.median(one[key] for one in ones) for key in ones[0]}
        for way, ones in found.items()
    }
    row: dict[str, Any] = {"model": model, "set": name}
    for way, values in medians.items():
        row |= {f"{way}, {key}": round(value, 2) for key, value in values.items()}
    usual, kept = medians.values()
    return row | {
        "epochs in the same time": round(usual["s"] / kept["s"], 3),
        "CPU": round(usual["CPU s"] / kept["CPU s"], 3),
    }


def epochs(model: str, name: str) -> dict[str, float]:
    """Train in this process, in a thread; return medians of an epoch and the most memory that it took."""
    import torch

    from train.config import config_from_mapping
    from train.data.dataset import decode_samples
    from train.data.formats.loading import load_file
    from train.loop import TrainingData, train
    from train.steps.report import MakeCheckpoint, Metrics

    torch.set_num_threads(1)
    folder, count = data_folder() / name, LINES[model]
    lines = [
        decode_samples(load_file(folder / f"rec_gt_{part}.txt")[:most])
        for part, most in (("train", count), ("val", BATCH))
    ]
    width = 256 if name == "scene_words" else 0  # as a search reads them
    settings = {"model": model, "engine": "torch", "fit_width": width, "epochs": EPOCHS, "batch_size": BATCH}
    taken = [usage()]

    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        taken.append(usage())

    config, data = config_from_mapping(settings | {"patience": 0}, "benchmark"), TrainingData(*lines)
    thread = threading.Thread(target=train, args=(config, data, report))
    thread.start()
    thread.join()
    pairs = list(pairwise(taken[1:]))
    medians = {
        key: statistics.median(after[key] - before[key] for before, after in pairs) for key in taken[0]
    }
    return medians | {"peak MB": peak_bytes() / MB}


def usage() -> dict[str, float]:
    """Return what this process has used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"s": time.monotonic(), "CPU s": used.ru_utime + used.ru_stime, "in the system": used.ru_stime}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

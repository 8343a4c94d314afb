"""Training samples/s of the torch engine in fp32 and bf16, plain and compiled, and how long it waits for its batches.

    python benchmarks/precision.py [--model NAME ...] [--way NAME ...] [--batch-size N] [--batches N]

For machines with a GPU; on CPUs bf16 and compilation may be slower. Each way is the training loop's own batches and
steps on real VIN lines resampled to 320 px, after as many batches that do not count; the rival is plain fp32.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import data_folder, machine, print_table, write_result
from train.config import config_from_mapping
from train.data.batching.batches import training_batches
from train.data.dataset import Dataset, decode_samples
from train.data.formats.loading import load_file
from train.engine import Batch, Engine, World
from train.loop import assemble
from train.steps.micro_batches import prepared_steps
from train.tasks import Task
from train.techniques import uniform

PLAIN = "fp32"
WAYS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "bf16": {"precision": "bf16"},
    "fp32, compiled": {"compile": True},
    "bf16, compiled": {"precision": "bf16", "compile": True},
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/precision.py", description=__doc__)
    parse.add_argument("--model", nargs="+", default=["pp-ocrv6-small", "crnn"], metavar="NAME")
    parse.add_argument("--way", nargs="+", default=list(WAYS), choices=list(WAYS), metavar="NAME")
    parse.add_argument("--batch-size", type=int, default=64, metavar="N")
    parse.add_argument("--batches", type=int, default=40, metavar="N", help="that count, of each way (40)")
    return parse


def main(arguments: Sequence[str]) -> int:
    """Measure every way for every model, print and write the figures."""
    chosen = parser().parse_args(arguments)
    before = machine()
    rows = []
    for model in chosen.model:
        for row in compare(model, chosen.way, chosen):
            rows.append(row)
            print(row, flush=True)
    print_table(rows)
    write_result("precision", before | {"device": device()}, {"rows": rows, "options": vars(chosen)})
    return 0


def device() -> str:
    """Return the GPU's name, or that there is none."""
    import torch

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "no GPU"


def compare(model: str, ways: Sequence[str], chosen: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the rows of one model, plain fp32 first, each with its ratio to that."""
    data = decode_samples(load_file(data_folder() / "vin" / "rec_gt_train.txt"))
    plain: float | None = None
    for way in dict.fromkeys([PLAIN, *ways]):
        settings = {"model": model, "engine": "torch", "batch_norm": "live", "fit_width": 320}
        config = config_from_mapping(settings | {"batch_size": chosen.batch_size} | WAYS[way], way)
        engine, task = assemble(config, data)
        engine.apply_plan(uniform(1.0))
        run(engine, stream(task, data, chosen), chosen.batches)
        figures = run(engine, stream(task, data, chosen), chosen.batches)
        plain = plain or figures["samples/s"]
        yield {"model": model, "way": way, **figures, "/ fp32": figures["samples/s"] / plain}


def stream(task: Task, data: Dataset, chosen: argparse.Namespace) -> Iterator[Batch]:
    """Yield the batches of epoch after epoch, as the training loop prepares them."""
    epoch = 0
    while True:
        epoch += 1
        order = training_batches(data.widths, chosen.batch_size, seed=0, epoch=epoch)
        for step in prepared_steps(task, (data, order), epoch, World(), [1] * len(order)):
            yield from step.batches


def run(engine: Engine, batches: Iterator[Batch], count: int) -> dict[str, float]:
    """Train `count` batches; return samples/s and the share of the time in which the next one was waited for."""
    waited, samples, started = 0.0, 0, time.perf_counter()
    for _ in range(count):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        engine.train_step(batch, 1e-4, update=True)  # returns the loss: the GPU has done it
        samples += len(batch.targets)
    took = time.perf_counter() - started
    return {"samples/s": samples / took, "waiting": waited / took}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

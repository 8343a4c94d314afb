"""What 8 bits cost and bring: `python benchmarks/int8.py`, in benchmarks/results/int8.json; under five minutes.

Recognisers are fine-tuned ones where `runs/reading/SET-MODEL/best` is a bundle (`benchmarks/reading.py --train`),
else as published. For every model and set: lines/s of the float32 graph and of the one with all its products in 8 bits,
in turn in one process, the median of several rounds; both scores, exact match of lines or hmean of photos, with the
paired interval of their difference; how far each product alone moves the outputs.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("benchmarks.int8")

import numpy as np

from benchmarks.common import data_folder, machine, print_table, use_cores, write_result
from benchmarks.reading import RUNS
from serve.inference import pretrained
from train.bundle import ONNX, load_bundle
from train.config import TrialConfig, config_from_mapping
from train.data.charset import Charset
from train.data.dataset import Dataset, decode_samples
from train.data.formats.loading import load_file
from train.int8.gate import Gate
from train.int8.mixed_graphs import measure_alone, write_mixed_graphs
from train.quantise import calibration_batches
from train.system.onnx_session import CPU, open_session, run
from train.tasks import TASKS, Task

TIMED_LINES, BATCHES, ROUNDS = 24, (1, 8), 9


@dataclass(frozen=True)
class Case:
    """A model on a set."""

    name: str
    onnx: Path
    task: Task
    data: Dataset
    calibration: Dataset
    batches: Sequence[int] = BATCHES


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/int8.py", description=__doc__)
    parse.add_argument(
        "--model", nargs="*", default=["tiny", "small"], choices=pretrained.SIZES, help="recognisers"
    )
    parse.add_argument("--detector", nargs="*", default=[], choices=pretrained.SIZES, help="(none)")
    parse.add_argument("--sets", nargs="+", default=["vin", "receipts"])
    parse.add_argument("--lines", type=int, default=300, metavar="N", help="or photos of a set at most")
    parse.add_argument(
        "--harm", action="store_true", help="measure each product alone, too, on the first set"
    )
    return parse


def main(arguments: Sequence[str]) -> None:
    """Measure every case and write the figures."""
    options, before = parser().parse_args(arguments), machine()
    use_cores(1)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in _cases(options):
            rows.append(_measure(case, Path(folder) / "int8.onnx"))
            if options.harm and rows[-1]["case"].startswith(options.sets[0]):
                rows[-1]["harm"] = measure_alone(case.onnx, calibration_batches(case.task, case.calibration))
            gains = (f"gain of {n}" for n in case.batches)
            shown = ("case", "samples", "float32", "int8", "low", "high", *gains)
            print_table([{key: rows[-1][key] for key in shown}])
            write_result("int8", before, {"rows": rows})


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    for name in options.sets:
        for size in options.model:
            yield _reader(name, size, options.lines)
        for size in options.detector:
            title, model = f"{name}: pp-ocrv6-{size}-det as published", f"pp-ocrv6-{size}-det"
            config = TrialConfig(task="detection", model=model)
            yield _case(
                title, pretrained.find_detection_graph(size), config, Charset(()), name, options.lines
            )


def _reader(name: str, size: str, most: int) -> Case:
    """Return a recogniser on a set, fine-tuned on it where it was."""
    model = f"pp-ocrv6-{size}"
    folder = RUNS / f"{name}-{model}" / "best"
    if folder.is_dir():
        bundle = load_bundle(folder)
        config = config_from_mapping(bundle.manifest.config, str(folder))
        return _case(f"{name}: {model} fine-tuned", folder / ONNX, config, bundle.charset, name, most)
    charset = Charset(pretrained.read_characters(size))
    graph = pretrained.find_recognition_graph(size)
    return _case(f"{name}: {model} as published", graph, TrialConfig(model=model), charset, name, most)


def _case(title: str, onnx: Path, config: TrialConfig, charset: Charset, name: str, most: int) -> Case:
    """Return a model on a set: its validation samples, and training samples for the ranges."""
    task = TASKS.get(config.task)(config, charset)
    prefix, batches = ("det", (1,)) if config.task == "detection" else ("rec", BATCHES)
    val, train = (
        load_file(data_folder() / name / f"{prefix}_gt_{split}.txt", tasks=task.formats)
        for split in ("val", "train")
    )
    some = [val[i] for i in np.linspace(0, len(val) - 1, min(len(val), most)).astype(int)]
    few = train[:: max(1, len(train) // 200)]
    data, calibration = (decode_samples(one, task.stored_as(config)) for one in (some, few))
    return Case(title, onnx, task, data, calibration, batches)


def _measure(case: Case, target: Path) -> dict[str, Any]:
    started = time.perf_counter()
    choice = next(write_mixed_graphs(case.onnx, target, calibration_batches(case.task, case.calibration)))
    seconds = time.perf_counter() - started
    verdict = Gate(case.onnx, case.task, case.data).judge(target)
    low, high = verdict.change.interval.ends
    row: dict[str, Any] = {
        "case": case.name,
        "samples": len(case.data),
        "float32": verdict.score_float32,
        "int8": verdict.score,
        "low": low,
        "high": high,
        "products": len(choice.int8),
        "bytes": target.stat().st_size,
        "bytes_float32": case.onnx.stat().st_size,
        "seconds_to_make": round(seconds, 1),
    }
    for batch in case.batches:
        row |= _speed(case, target, batch)
    return row


def _speed(case: Case, target: Path, batch: int) -> dict[str, float]:
    """Return lines/s or photos/s of both graphs on one core, batches of about one width, and the median ratio."""
    widths = np.argsort(case.data.widths, kind="stable")
    middle = widths[max(0, len(widths) // 2 - TIMED_LINES // 2) :][:TIMED_LINES]
    groups = [middle[i : i + batch] for i in range(0, len(middle), batch)]
    batches = [case.task.evaluation_batch(case.data, indices) for indices in groups]
    sessions = [open_session(path, 1, [CPU]) for path in (case.onnx, target)]
    rounds = [[_rate(session, batches) for session in sessions] for _ in range(ROUNDS + 1)][1:]
    return {
        f"samples/s of {batch}, float32": round(statistics.median(one for one, _ in rounds), 1),
        f"samples/s of {batch}, int8": round(statistics.median(one for _, one in rounds), 1),
        f"gain of {batch}": round(statistics.median(after / before for before, after in rounds), 3),
    }


def _rate(session: Any, batches: Sequence[Any]) -> float:
    started = time.perf_counter()
    for one in batches:
        run(session, one)
    return sum(map(len, batches)) / (time.perf_counter() - started)

"""All that only a GPU can tell, in one command of less than eight minutes on a fresh machine.

    python benchmarks/gpu.py [--part NAME ...] [--seconds S]

serving: lines and pages a second of CUDA, TensorRT and the CPU, by size and batch, and all sizes in turn; what a new
size costs, and bringing the output back; how far the probabilities lie from the CPU's; and the GPU's memory. Wants
onnxruntime-gpu (docs/cluster.md); a provider that is not there says why.
search: two epochs of two trials, half a GPU each.
training: samples/s of fp32, bf16 and compiled steps, and how long they wait for batches (`benchmarks/precision.py`).

Each part is a process of its own with its share of the time; one that fails or takes longer says so in the result,
beside what it had measured. Without a GPU it ends with exit status 2.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import OWN_CLUSTER, REPOSITORY, data_folder, machine, write_result

MODELS = ("pp-ocrv6-tiny", "pp-ocrv6-small")
WIDTHS, BATCHES = (160, 320, 640), (1, 8, 16)
NEW_WIDTH = 352
PAGES = ((1, 640, 640), (1, 960, 736), (1, 736, 960))
"""Pages have sizes of their own; the last one is new to the session."""
ROUNDS = 10
BUILD_S = 40.0
"""For an engine of TensorRT; a server waits longer."""
SPACE = """
fixed: {model: pp-ocrv6-tiny, epochs: 2}
parameters: {optimiser.learning_rate: {float: [0.0001, 0.001], log: true}}
"""


def main(arguments: Sequence[str]) -> int:
    """Run the parts and write their figures; the exit status is 1 if one has none, 2 without a GPU."""
    parse = argparse.ArgumentParser(prog="python benchmarks/gpu.py", description=__doc__)
    parse.add_argument("--part", nargs="+", default=list(PARTS), choices=list(PARTS), metavar="NAME")
    parse.add_argument("--seconds", type=float, default=450, metavar="S", help="for all parts (450)")
    parse.add_argument("--here", action="store_true", help=argparse.SUPPRESS)  # one part, in this process
    chosen = parse.parse_args(arguments)
    if chosen.here:
        for row in PARTS[chosen.part[0]]():
            print(json.dumps(row), flush=True)
        return 0
    before, name = machine(), ask_gpu("name")
    if not name:
        print("benchmarks/gpu.py must have a GPU, got none that nvidia-smi lists; run it where there is one")
        return 2
    until = time.monotonic() + chosen.seconds
    parts = {}
    for number, part in enumerate(chosen.part):
        share = round((until - time.monotonic()) / (len(chosen.part) - number), 1)
        parts[part] = run_part([sys.executable, __file__, "--here", "--part", part], share)
        print(part, json.dumps(parts[part], indent=1), flush=True)
        write_result("gpu", before | {"gpu": name}, {"parts": parts})
    return 1 if any("failed" in found for found in parts.values()) else 0


def ask_gpu(field: str) -> str:
    """Return what nvidia-smi says of the first GPU; empty if there is none."""
    try:
        asked = ("nvidia-smi", f"--query-gpu={field}", "--format=csv,noheader")
        found = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.strip().partition("\n")[0]


def run_part(command: Sequence[str], seconds: float) -> dict[str, Any]:
    """Return what a part has measured, its seconds, and why it did not come to its end if it did not."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            command, cwd=REPOSITORY, stdout=said, stderr=errors, start_new_session=True
        ) as child:
            try:
                code = child.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
                os.killpg(child.pid, signal.SIGKILL)  # and what it has started: that would hold the GPU
        said.seek(0)
        errors.seek(0)
        found: dict[str, Any] = {"figures": [json.loads(line) for line in said if line.startswith("{")]}
        if code != 0:
            found["failed"] = "".join(errors.readlines()[-5:]) if code else f"not done after {seconds:g} s"
    return found | {"seconds": round(time.monotonic() - started, 1)}


def measure_training(models: Sequence[str] = MODELS, *options: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of `benchmarks/precision.py`; those of compiled steps, which take longest to begin, last."""
    from benchmarks import precision

    chosen = precision.parser().parse_args(options)
    for compiled in (False, True):
        ways = [way for way, settings in precision.WAYS.items() if settings.get("compile", False) == compiled]
        for model in models:
            yield from precision.compare(model, ways, chosen)


def measure_serving(
    models: Sequence[str] = MODELS, widths: Sequence[int] = WIDTHS, batches: Sequence[int] = BATCHES
) -> Iterator[dict[str, Any]]:
    """Yield the rows of `measure_provider` for each provider and model; or why there are none."""
    from serve.inference.model import load_model
    from serve.runtime.sessions import AbsentProviderError
    from train.system.onnx_session import CPU, CUDA, TENSORRT

    lines = [(batch, 48, width) for width in widths for batch in batches] + [(batches[0], 48, NEW_WIDTH)]
    # a server tries TensorRT for lines alone
    asked = (("recognition", (CUDA, TENSORRT, CPU), lines), ("detection", (CUDA, CPU), PAGES))
    for task, providers, shapes in asked:
        for provider in providers:
            for model in models:
                named = {"task": task, "provider": provider, "model": model}
                try:
                    for row in measure_provider(load_model(task, model).onnx, provider, shapes):
                        yield named | row
                except AbsentProviderError as error:
                    yield named | {"absent": str(error)}


def measure_provider(
    graph: Path, provider: str, shapes: Sequence[tuple[int, int, int]]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each (batch, height, width), the last one new to the session, and one for all in turn.

    Raises:
        AbsentProviderError: if the provider does not work here, or TensorRT takes too long to build.
    """
    import numpy as np

    from serve.runtime.building import builds
    from serve.runtime.sessions import AbsentProviderError, Session
    from train.system.onnx_session import CPU, TENSORRT

    rng, threads, started = np.random.default_rng(0), os.cpu_count() or 1, time.perf_counter()
    inputs = [
        rng.uniform(-1, 1, (batch, 3, height, width)).astype(np.float32) for batch, height, width in shapes
    ]
    if provider == TENSORRT and not builds(graph, provider, inputs[:-1], seconds=BUILD_S):
        raise AbsentProviderError(f"{provider} is not there, or built no engine within {BUILD_S:g} s")
    session, exact = Session(graph, provider, threads, inputs[:-1]), Session(graph, CPU, threads)
    opened = time.perf_counter() - started
    for rows in inputs:
        first = _time(session.run, rows)
        took = min(_time(session.run, rows) for _ in range(ROUNDS))
        yield {
            "height": rows.shape[2],
            "width": rows.shape[3],
            "batch": len(rows),
            "rows/s": len(rows) / took,
            "first run ms": 1000 * first,
            "left there ms": 1000 * _time_left_there(session, provider, rows),
            "open s": opened,
            "difference": float(np.abs(session.run(rows[:1]) - exact.run(rows[:1])).max()),
        }
    took = min(sum(_time(session.run, rows) for rows in inputs) for _ in range(3))
    yield {"mixed rows/s": sum(map(len, inputs)) / took, "memory": ask_gpu("memory.used")}


def _time_left_there(session: Any, provider: str, rows: Any) -> float:
    """Return the seconds of a run whose output stays on the GPU: what is missing is spent on bringing it back."""
    from train.system.onnx_session import CPU

    inner = session._session
    binding = inner.io_binding()
    binding.bind_cpu_input(inner.get_inputs()[0].name, rows)
    binding.bind_output(inner.get_outputs()[0].name, "cpu" if provider == CPU else "cuda")
    return min(_time(inner.run_with_iobinding, binding) for _ in range(ROUNDS))


def _time(run: Callable[[Any], object], rows: Any) -> float:
    started = time.perf_counter()
    run(rows)
    return time.perf_counter() - started


def measure_search() -> Iterator[dict[str, Any]]:
    """Yield the seconds of a search of two trials at a time on one GPU, and their scores."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        subprocess.run(
            search_command(Path(folder)),
            cwd=REPOSITORY,
            env=os.environ | OWN_CLUSTER,
            stdout=sys.stderr,
            check=True,
        )
        summary = json.loads((Path(folder) / "gpu" / "summary.json").read_text())
        trials = [{key: trial[key] for key in ("score", "epochs", "seconds")} for trial in summary["trials"]]
        yield {"seconds": round(time.monotonic() - started, 1), "trials": trials}


def search_command(folder: Path) -> list[str]:
    """Return the command of the search, whose space is written into a folder."""
    space = folder / "space.yaml"
    space.write_text(SPACE, encoding="utf-8")
    options = [
        "--space",
        str(space),
        "--engine",
        "torch",
        "--trials",
        "2",
        "--gpus-per-trial",
        "0.5",
        "--confirm",
        "0",
    ]
    options += ["--folds", "1", "--no-transfer", "--storage", str(folder), "--name", "gpu"]
    return [sys.executable, "search/run.py", "--data", str(data_folder() / "vin"), *options]


PARTS: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "serving": measure_serving,
    "search": measure_search,
    "training": measure_training,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""All that only a GPU can tell, in one command of less than eight minutes on a fresh machine.

    python benchmarks/gpu.py [--part NAME ...] [--seconds S]

training: samples/s of fp32, bf16 and compiled steps, and how long they wait for batches (`benchmarks/precision.py`).
serving: lines/s of every execution provider that onnxruntime has, by padded width and batch, and what a new width
costs.
search: two epochs of two trials, half a GPU each.

Each part is a process of its own with its share of the time; one that fails or takes longer says so in the result.
Without a GPU it ends with exit status 2.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import OWN_CLUSTER, REPOSITORY, RESULTS, data_folder, machine, write_result

MODELS = ("pp-ocrv6-tiny", "pp-ocrv6-small")
WIDTHS, BATCHES = (160, 320, 640), (1, 8, 16)
NEW_WIDTH = 352
ROUNDS = 20
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
        print(json.dumps(PARTS[chosen.part[0]]()))
        return 0
    before, name = machine(), find_gpu()
    if not name:
        print("benchmarks/gpu.py must have a GPU, got none that nvidia-smi lists; run it where there is one")
        return 2
    until = time.monotonic() + chosen.seconds
    parts = {}
    for number, part in enumerate(chosen.part):
        share = (until - time.monotonic()) / (len(chosen.part) - number)
        parts[part] = run_part(part, share)
        print(part, json.dumps(parts[part], indent=1), flush=True)
        write_result("gpu", before | {"gpu": name}, {"parts": parts})
    return 1 if any("failed" in found for found in parts.values()) else 0


def find_gpu() -> str:
    """Return the first GPU's name; empty if there is none."""
    try:
        asked = ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
        found = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.strip().partition("\n")[0]


def run_part(part: str, seconds: float) -> dict[str, Any]:
    """Return a part's figures and its seconds, or why there are none."""
    started = time.monotonic()
    command = [sys.executable, __file__, "--here", "--part", part]
    try:
        done = subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, timeout=seconds, check=True
        )
        found: dict[str, Any] = {"figures": json.loads(done.stdout.splitlines()[-1])}
    except subprocess.TimeoutExpired:
        found = {"failed": f"more than {seconds:.0f} s"}
    except subprocess.CalledProcessError as error:
        found = {"failed": "\n".join((error.stderr or error.stdout).splitlines()[-5:])}
    return found | {"seconds": round(time.monotonic() - started, 1)}


def measure_training(models: Sequence[str] = MODELS, *options: str) -> list[dict[str, Any]]:
    """Return the rows of `benchmarks/precision.py`."""
    command = [sys.executable, "benchmarks/precision.py", "--model", *models, *options]
    subprocess.run(command, cwd=REPOSITORY, stdout=sys.stderr, check=True)
    rows: list[dict[str, Any]] = json.loads((RESULTS / "precision.json").read_text())["rows"]
    return rows


def measure_serving(
    models: Sequence[str] = MODELS, widths: Sequence[int] = WIDTHS, batches: Sequence[int] = BATCHES
) -> list[dict[str, Any]]:
    """Return a row for each model, provider, width and batch; a provider's first row has its start in seconds."""
    import numpy as np
    import onnxruntime

    from serve.inference.model import load_model
    from serve.runtime.providers import PROVIDERS
    from serve.runtime.sessions import Session

    rows: list[dict[str, Any]] = []
    usual = [np.zeros((max(batches), 3, 48, width), np.float32) for width in widths]
    for provider in (name for name in PROVIDERS if name in onnxruntime.get_available_providers()):
        for model in models:
            started = time.perf_counter()
            session = Session(load_model("recognition", model).onnx, provider, os.cpu_count() or 1, usual)
            for width in (*widths, NEW_WIDTH):
                for batch in batches if width != NEW_WIDTH else batches[:1]:
                    lines = np.zeros((batch, 3, 48, width), np.float32)
                    first = _time(session.run, lines)
                    took = min(_time(session.run, lines) for _ in range(ROUNDS))
                    figures = {"lines/s": batch / took, "first run ms": 1000 * first}
                    rows.append(
                        {"provider": provider, "model": model, "width": width, "batch": batch} | figures
                    )
            rows[-1]["session and all runs s"] = time.perf_counter() - started
    return rows


def _time(run: Callable[[Any], object], lines: Any) -> float:
    started = time.perf_counter()
    run(lines)
    return time.perf_counter() - started


def measure_search() -> dict[str, Any]:
    """Return the seconds of a search of two trials at a time on one GPU, and their scores."""
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
        return {"seconds": round(time.monotonic() - started, 1), "trials": trials}


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


PARTS: dict[str, Callable[[], Any]] = {
    "training": measure_training,
    "serving": measure_serving,
    "search": measure_search,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

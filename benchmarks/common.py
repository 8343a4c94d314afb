"""What every benchmark shares: the data, the machine it ran on, and where its figures go."""

import json
import math
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from train.scoring.intervals import t_95
from train.system.machine.versions import installed_versions

REPOSITORY = Path(__file__).resolve().parent.parent
OWN_CLUSTER = {"RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled"}
"""The environment of a search that starts a Ray cluster of its own, whatever else runs on this machine."""
RESULTS = REPOSITORY / "benchmarks" / "results"


def data_folder() -> Path:
    """Return the folder with the real labelled images, as the tests have it (OCR_DATA)."""
    return Path(REPOSITORY, os.environ.get("OCR_DATA", "../shared/data")).resolve()


def use_cores(count: int) -> None:
    """Keep this process and its threads on `count` cores; call it before a framework is imported."""
    os.environ["OMP_NUM_THREADS"] = str(count)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def machine() -> dict[str, str | int | float]:
    """Return the processor, its cores and its load, in runnable processes over the last minute."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def command() -> str:
    """Return the command line as typed from the repository's folder."""
    words = (Path(sys.argv[0]).resolve().relative_to(REPOSITORY).as_posix(), *sys.argv[1:])
    return shlex.join(["python", *words])


def write_result(name: str, before: Mapping[str, Any], figures: Mapping[str, Any]) -> Path:
    """Write `benchmarks/results/NAME.json`; `before` is what `machine` returned at the start."""
    result = {"command": command(), "machine": dict(before), "versions": installed_versions(), **figures}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return Student's 95 % interval of the mean; None of a single value."""
    if len(values) < 2:
        return None
    reach = t_95(len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return mean(values) - reach, mean(values) + reach


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows of equal keys as aligned columns; nothing of none."""
    if not rows:
        return
    head = list(rows[0])
    cells = [head, *[[_cell(row[key]) for key in head] for row in rows]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)

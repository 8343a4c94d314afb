"""Seconds outside training per trial: a search against a fresh `train/run.py` process for each configuration.

    python benchmarks/search_overhead.py [--trials N] [--lines N]

Both train the same configurations for one epoch on the same drawn lines, one trial at a time on one core. What is
not training or scoring counts: start-up, the scores to beat, sampling, starting trials, checkpoints, export, test.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import REPOSITORY, machine, print_table, write_result
from train.config import TrialConfig
from train.config_file import save_config
from train.data.synthetic import make_vin_dataset

NAME = "overhead"


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/search_overhead.py", description=__doc__)
    parse.add_argument("--trials", type=int, default=6, metavar="N")
    parse.add_argument("--lines", type=int, default=64, metavar="N", help="training lines (64)")
    return parse


def main(arguments: Sequence[str]) -> None:
    """Run both, print and write the figures."""
    chosen = parser().parse_args(arguments)
    before = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_vin_dataset(folder / "data", chosen.lines, chosen.lines // 4, chosen.lines // 4, seed=0)
        search, configs = run_search(folder, chosen.trials)
        rival = run_processes(folder, configs)
    print_table([search, rival])
    ratio = rival["outside training, s/trial"] / search["outside training, s/trial"]
    print(f"a process per configuration spends {ratio:.2f} times as long outside training")
    write_result(
        "search_overhead", before, {"ways": [search, rival], "ratio": ratio, "options": vars(chosen)}
    )


def run_search(folder: Path, trials: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the figures of a search, and the configurations that it trained."""
    started = time.time()
    arguments = ["--space", "quick", "--max-epochs", "1", "--trials", str(trials), "--concurrent", "1"]
    arguments += ["--folds", "1", "--confirm", "0", "--no-transfer"]  # trials alone are counted
    places = ["--data", str(folder / "data"), "--name", NAME, "--storage", str(folder)]
    run([REPOSITORY / "search" / "run.py", *arguments, *places])
    ended = time.time()
    reports = read_reports(folder / NAME)
    first = min(report["timestamp"] - report["epoch_seconds"] for report in reports)
    last = max(report["timestamp"] for report in reports)
    trained = sum(report["epoch_seconds"] for report in reports)
    row = figures("search", ended - started, trained, len(reports)) | {
        "start-up, s": first - started,
        "between trials, s/trial": (last - first - trained) / len(reports),
        "finish, s": ended - last,
    }
    return row, [report["config"] for report in reports]


def read_reports(study: Path) -> list[dict[str, Any]]:
    """Return the report of every trial that finished its epoch, from Tune's own files."""
    lines = [line for path in study.glob("*/result.json") for line in path.read_text("utf-8").splitlines()]
    return [report for report in map(json.loads, lines) if "epoch_seconds" in report]


def run_processes(folder: Path, configs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of one process after the other."""
    wall = trained = 0.0
    for number, config in enumerate(configs):
        file, output = folder / f"{number}.yaml", folder / f"process-{number}"
        save_config(TrialConfig.model_validate(config), file)
        started = time.time()
        run(
            [REPOSITORY / "train" / "run.py", "--data", folder / "data", "--config", file, "--output", output]
        )
        wall += time.time() - started
        metrics = json.loads((output / "last" / "checkpoint.json").read_text("utf-8"))["metrics"]
        trained += metrics["epoch_seconds"]
    nothing = dict.fromkeys(("start-up, s", "between trials, s/trial", "finish, s"), "")
    return figures("a process each", wall, trained, len(configs)) | nothing


def figures(way: str, wall: float, trained: float, trials: int) -> dict[str, Any]:
    """Return what both ways share; seconds."""
    return {
        "way": way,
        "trials": trials,
        "wall, s": wall,
        "training and scoring, s": trained,
        "outside training, s/trial": (wall - trained) / trials,
    }


def run(words: Sequence[str | Path]) -> None:
    """Run a Python script on one core's threads; its output is shown only if it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *map(str, words)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{words[0]} failed:\n{done.stdout}\n{done.stderr}")


if __name__ == "__main__":
    main(sys.argv[1:])

"""CRNN from scratch on few and on some hundred lines: what the training reports say, and what the bundles read.

    python benchmarks/crnn.py [--lines N ...] [--epochs N ...]

Each run is `train/run.py` on the first lines of `vin`'s training split and all of its validation lines, on which its
bundle is then read by `train/evaluate.py`. The epoch to keep was chosen on those lines, so the scores flatter a little.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import REPOSITORY, data_folder, machine, print_table, write_result
from train.data.formats.loading import load_file
from train.steps.training_report import FILE

SETTINGS: dict[str, Any] = {
    "model": "crnn",
    "engine": "torch",
    "batch_norm": "live",
    "batch_size": 8,
    "optimiser": {"learning_rate": 1e-3},
    "schedule": {"name": "cosine", "warmup": 0.05},
    "augmentation": {"probability": 0.2},
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/crnn.py", description=__doc__)
    parse.add_argument("--lines", type=int, nargs="+", default=[12, 512], metavar="N", help="(12 512)")
    parse.add_argument(
        "--epochs", type=int, nargs="+", default=[10, 18], metavar="N", help="of each run (10 18)"
    )
    return parse


def main(arguments: Sequence[str]) -> int:
    """Train and read every size, print and write the figures."""
    chosen = parser().parse_args(arguments)
    before = machine()
    rows = [measure(lines, epochs) for lines, epochs in zip(chosen.lines, chosen.epochs, strict=True)]
    print_table([{key: value for key, value in row.items() if key != "training_report"} for row in rows])
    write_result("crnn", before, {"settings": SETTINGS, "runs": rows})
    return 0


def measure(lines: int, epochs: int) -> dict[str, Any]:
    """Train on the first `lines` lines and return what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        data, output, config = (Path(folder, name) for name in ("data", "run", "config.yaml"))
        link_lines(data, lines)
        config.write_text(yaml.safe_dump(SETTINGS | {"epochs": epochs}), encoding="utf-8")
        started = time.monotonic()
        run("train/run.py", "--data", data, "--config", config, "--output", output, "--test-fraction", "0")
        seconds = time.monotonic() - started
        labels = data / "rec_gt_val.txt"
        scores = json.loads(
            run("train/evaluate.py", "--bundle", output / "best", "--labels", labels, "--json")
        )
        report = json.loads((output / FILE).read_text(encoding="utf-8"))
    # The folder is gone, and its name says nothing.
    report["model_path"] = Path(report["model_path"]).name
    return {
        "lines": lines,
        "epochs": epochs,
        "seconds": round(seconds),
        "exact_match": scores["exact_match"],
        "edit_similarity": scores["edit_similarity"],
        "cer": scores["cer"],
        "train_loss": report["final_train_loss"],
        "val_loss": report["final_val_loss"],
        "training_report": report,
    }


def link_lines(folder: Path, lines: int) -> None:
    """Write label files of the first training and all validation lines, with absolute paths."""
    folder.mkdir()
    for split, count in (("train", lines), ("val", None)):
        samples = load_file(data_folder() / "vin" / f"rec_gt_{split}.txt")[:count]
        rows = "".join(f"{sample.path}\t{sample.text}\n" for sample in samples)
        (folder / f"rec_gt_{split}.txt").write_text(rows, encoding="utf-8")


def run(*command: str | Path) -> str:
    """Run one of the project's commands and return what it printed; let it fail loudly."""
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The lines that the searches of `search_quality.py` train, validate and test with."""

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

from benchmarks.common import REPOSITORY, data_folder
from train.data.formats.loading import load_file
from train.data.split import make_splits

HARD = "val_hard"
"""What the names of images begin with that were not chosen because other readers agreed on them (vin)."""


def drawn(chosen: argparse.Namespace, place: str, seed: int) -> list[str]:
    """Draw the lines of a set and seed, write their label files beside the cells, return the options that name them."""
    samples, own = (load_file(data_folder() / place / f"rec_gt_{split}.txt") for split in ("train", "val"))
    if chosen.own_test:
        tested = {sample.text for sample in own}
        lines = [sample for sample in samples if sample.text not in tested]
        lines = random.Random(seed).sample(lines, min(len(lines), sum(chosen.lines[:2])))
        splits = make_splits({"all": lines, "test": own}, seed, chosen.lines[1] / len(lines))
    else:
        lines = random.Random(seed).sample(samples + own, min(len(samples + own), sum(chosen.lines)))
        train, val, _ = chosen.lines
        test = len(lines) - train - val  # fewer than asked for in a small set
        splits = make_splits({"all": lines}, seed, val / len(lines), test / len(lines))
    folder = folder_of(chosen, place, seed)
    folder.mkdir(parents=True, exist_ok=True)
    options = []
    for split, held in splits.items():
        path = folder / f"{split}.txt"
        path.write_text("".join(f"{one.path}\t{one.text}\n" for one in held), encoding="utf-8")
        options += [f"--{split}-labels", str(path)]
    return options


def folder_of(chosen: argparse.Namespace, place: str, seed: int) -> Path:
    """Return the folder of a cell's label files."""
    lines = [*map(str, chosen.lines[:2]), "own"] if chosen.own_test else map(str, chosen.lines)
    return Path(REPOSITORY, chosen.cells) / f"{place}-{seed}-{'-'.join(lines)}"


def hard(labels: Path, study: Path) -> float | None:
    """Return the exact match of a study's bundle on the hard test lines; None if there are none."""
    lines = [line for line in labels.read_text(encoding="utf-8").splitlines(True) if HARD in line]
    if not lines:
        return None
    chosen = labels.with_name("hard.txt")
    chosen.write_text("".join(lines), encoding="utf-8")
    command = ["train/evaluate.py", "--bundle", str(study / "best"), "--labels", str(chosen), "--json"]
    read = subprocess.run(
        [sys.executable, *command], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return float(json.loads(read.stdout)["exact_match"])

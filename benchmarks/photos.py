"""Photos end to end: a reader of labelled crops, cut as PaddleOCR cuts, against one trained on what its detector finds.

    python benchmarks/photos.py [--set vin] [--detector-minutes 6] [--reader-minutes 6] [--storage runs/photos]

One detector is searched, then a reader of each kind with the same budget; all are measured on the validation photos,
paired photo by photo. What is finished in the storage is not done again.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("benchmarks.photos")

import numpy as np

from benchmarks.common import OWN_CLUSTER, REPOSITORY, data_folder, machine, print_table, write_result
from train.bundle import load_bundle
from train.config import config_from_mapping
from train.data.dataset import Dataset
from train.data.formats import load_file
from train.end_to_end.finder import find_boxes
from train.end_to_end.photos import count_photos, read_photos, score_photos
from train.scoring.intervals import paired_gain_interval
from train.scoring.regions import AS_LABELLED
from train.trained.readers import Read, detector, read

KINDS: dict[str, tuple[str, ...]] = {
    "labelled crops": (),
    "what the detector finds": ("--detection", "{detector}"),
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/photos.py", description=__doc__)
    parse.add_argument("--set", default="vin", help="of OCR_DATA (vin)")
    parse.add_argument("--size", default="tiny", choices=("tiny", "small"), help="of both networks (tiny)")
    parse.add_argument("--detector-minutes", type=float, default=6, metavar="N", help="of its search (6)")
    parse.add_argument("--reader-minutes", type=float, default=6, metavar="N", help="of each reader's (6)")
    parse.add_argument(
        "--storage", type=Path, default=Path("runs/photos"), help="of the studies (runs/photos)"
    )
    parse.add_argument(
        "--only", choices=("detector", *KINDS), help="search this one alone, and measure nothing"
    )
    return parse


def main(arguments: Sequence[str]) -> int:
    """Search what is missing, print and write the figures."""
    chosen = parser().parse_args(arguments)
    before = machine()
    found = search("detector", chosen, chosen.detector_minutes, "--task", "detection", model="-det")
    if chosen.only == "detector":
        return 0
    readers = {}
    for kind, options in KINDS.items():
        if chosen.only in (None, kind):
            name = kind.replace(" ", "-")
            more = [option.format(detector=found) for option in options]
            readers[kind] = search(name, chosen, chosen.reader_minutes, *more)
    if chosen.only is None:
        rows, gain = measure(chosen, found, readers)
        print_table(rows)
        print(f"gain: {gain}")
        told = {name: value for name, value in vars(chosen).items() if name != "storage"}
        write_result("photos", before, {"options": told, "rows": rows, "gain": gain})
    return 0


def search(name: str, chosen: argparse.Namespace, minutes: float, *more: str, model: str = "") -> Path:
    """Run a search, unless it is finished, and return its winner's bundle."""
    folder = chosen.storage / chosen.set / name
    if not (folder / "summary.json").exists():
        place = ["--name", name, "--storage", str(folder.parent)]
        data = ["--data", str(data_folder() / chosen.set), "--model", f"pp-ocrv6-{chosen.size}{model}"]
        resume = ["--resume"] if (folder / "study.json").exists() else [*data, *more]
        command = [sys.executable, "search/run.py", *place, "--time-budget", f"{minutes:g}m", *resume]
        subprocess.run(command, cwd=REPOSITORY, check=True, env=os.environ | OWN_CLUSTER)
    return Path(REPOSITORY, folder / "best")


def _read(model: Read, lines: Dataset) -> list[Any]:
    return read(model, lines, threads=2)[1]


def measure(
    chosen: argparse.Namespace, found: Path, readers: dict[str, Path]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row for each reader, and what the second one gains."""
    samples = load_file(data_folder() / chosen.set / "det_gt_val.txt", tasks=("detection",))
    boxes = [list(quads) for quads in find_boxes(detector(str(found)), samples, threads=2)]
    rows, shares = [], []
    for kind, folder in readers.items():
        bundle = load_bundle(folder)
        model = Read(config_from_mapping(bundle.manifest.config, str(folder)), bundle)
        pages = read_photos(samples, boxes, partial(_read, model), model.config.cut)
        counts = count_photos(samples, pages, AS_LABELLED)
        scores = score_photos(counts)
        shares.append(np.array([(one.labels, one.read) for one in counts]))
        rows.append(
            {
                "reader trained on": kind,
                "its validation lines": float(bundle.manifest.metrics["exact_match"]),
                "detector recall": scores.found.recall,
                "detector hmean": scores.found.hmean,
                "read, of labelled": scores.read.recall,
                "end to end hmean": scores.read.hmean,
                "cut": str(model.config.cut),
            }
        )
    gain = paired_gain_interval(shares[0], shares[1], lambda sums: float(sums[1] / sums[0]), 0)
    return rows, json.loads(gain.model_dump_json())

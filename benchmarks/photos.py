"""Photos end to end: as published, with a reader of labelled crops, and with one trained on what its detector finds.

    python benchmarks/photos.py [--set vin] [--size tiny] [--detector-minutes 6] [--reader-minutes 6] [--step STEP]

One detector is searched, then a reader of each kind with the same budget; all are measured on the validation photos,
paired photo by photo. It can be run in pieces: what is finished in the storage is not done again, an interrupted search
goes on, and the figures of a set, size and budget stand beside those of others in benchmarks/results/photos.json.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others
    from train.system.cli import main_guard

    main_guard("benchmarks.photos")

import numpy as np

from benchmarks.common import (
    OWN_CLUSTER,
    REPOSITORY,
    RESULTS,
    command,
    data_folder,
    machine,
    print_table,
    write_result,
)
from train.config import TrialConfig
from train.cut import Cut
from train.data.formats.loading import load_file
from train.data.sample import Sample
from train.end_to_end.finder import find_boxes
from train.end_to_end.pair import EndToEnd, load_reader, read_end_to_end
from train.end_to_end.words_choice import choose_words
from train.scoring.intervals import Interval, paired_gain_interval
from train.scoring.regions import RegionScores, hmean
from train.sets.found import Quads
from train.trained.readers import Read, detector

DETECTOR, MEASURE = "detector", "measure"
KINDS: dict[str, tuple[str, ...]] = {"crops": (), "found": ("--detection", "{detector}")}
"""What a reader is trained on, and the arguments of its search."""
STEPS = (DETECTOR, *KINDS, MEASURE)
PUBLISHED = "as published"
NAMES = {"crops": "labelled crops", "found": "what the detector finds"}
KEY = ("set", "size", "detector_minutes", "reader_minutes")


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
    parse.add_argument("--step", choices=STEPS, action="append", help="do this alone; repeatable (all)")
    return parse


def main(arguments: Sequence[str]) -> int:
    """Search what is missing, print and write the figures."""
    chosen = parser().parse_args(arguments)
    before, steps = machine(), chosen.step or STEPS
    place = Place(chosen.storage, chosen.set, chosen.size)
    found = place.folder(DETECTOR, chosen.detector_minutes)
    if DETECTOR in steps:
        search(found, place, chosen.detector_minutes, "-det", "--task", "detection")
    for kind in [kind for kind in KINDS if kind in steps]:
        more = [word.format(detector=found / "best") for word in KINDS[kind]]
        search(place.folder(kind, chosen.reader_minutes), place, chosen.reader_minutes, "", *more)
    if MEASURE in steps:
        readers = {kind: place.folder(kind, chosen.reader_minutes) / "best" for kind in KINDS}
        rows, gains = measure(place, found / "best", {k: f for k, f in readers.items() if f.is_dir()})
        print_table(rows)
        print(f"gains: {gains}")
        keep({name: getattr(chosen, name) for name in KEY}, before, rows, gains)
    return 0


@dataclass(frozen=True)
class Place:
    """Where the studies of a set and size lie."""

    storage: Path
    set: str
    size: str

    def folder(self, name: str, minutes: float) -> Path:
        """Return the folder of a study."""
        return Path(REPOSITORY, self.storage, self.set, f"{name}-{self.size}-{minutes:g}m")


def search(folder: Path, place: Place, minutes: float, model: str, *more: str) -> None:
    """Run a search, or go on with it, unless it is finished."""
    if (folder / "summary.json").exists():
        return
    named = ["--name", folder.name, "--storage", str(folder.parent), "--time-budget", f"{minutes:g}m"]
    data = ["--data", str(data_folder() / place.set), "--model", f"pp-ocrv6-{place.size}{model}"]
    rest = ["--resume"] if (folder / "study.json").exists() else [*data, *more]
    words = [sys.executable, "search/run.py", *named, *rest]
    subprocess.run(words, cwd=REPOSITORY, check=True, env=os.environ | OWN_CLUSTER)


def measure(
    place: Place, found: Path, readers: Mapping[str, Path]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a row for each pair, and what the last reader gains end to end over the others."""
    samples = load_file(data_folder() / place.set / "det_gt_val.txt", tasks=("detection",))
    published = Read(TrialConfig(model=f"pp-ocrv6-{place.size}", charset="keep"))
    pairs = {PUBLISHED: (f"pp-ocrv6-{place.size}-det", published)}
    if found.is_dir():
        pairs |= {NAMES[kind]: (str(found), load_reader(folder)) for kind, folder in readers.items()}
    finders = {finder for finder, _ in pairs.values()}
    boxes = {finder: find_boxes(detector(finder), samples, threads=2) for finder in finders}
    pairs |= _by_words(samples, boxes[pairs[PUBLISHED][0]], pairs[PUBLISHED])
    done = {
        name: read_end_to_end(samples, boxes[finder], reader, threads=2)
        for name, (finder, reader) in pairs.items()
    }
    rows = [_row(name, one, pairs[name][1]) for name, one in done.items()]
    last = NAMES["found"]
    gains = {
        f"over {name}": _gain(one, done[last]) for name, one in done.items() if last in done and name != last
    }
    return rows, gains


def _by_words(
    samples: Sequence[Sample], boxes: Sequence[Quads], pair: tuple[str, Read]
) -> dict[str, tuple[str, Read]]:
    """Return a pair with its lines divided into words, where that is tried and better; a trained one has chosen."""
    finder, reader = pair
    chosen = choose_words(samples, boxes, reader)
    print(chosen, flush=True)
    config = reader.config.model_copy(update={"cut": Cut(words=True)})
    return {f"{PUBLISHED}, by words": (finder, replace(reader, config=config))} if chosen.words else {}


def _row(name: str, one: EndToEnd, reader: Read) -> dict[str, Any]:
    scores = one.scores
    alone = reader.bundle.manifest.metrics["exact_match"] if reader.bundle else None
    return {
        "reader trained on": name,
        "photos": scores.read.n,
        "its validation lines": alone,
        "detector": _with_interval(scores.found),
        "detector recall": scores.found.recall,
        "read, of labelled": scores.read.recall,
        "end to end": _with_interval(scores.read),
        "cut": str(reader.config.cut),
    }


def _with_interval(scores: RegionScores) -> str:
    within: Interval | None = scores.interval
    return f"{scores.hmean:.3f}" + (f" ({within.low:.3f}-{within.high:.3f})" if within else "")


def _gain(before: EndToEnd, after: EndToEnd) -> dict[str, Any]:
    first, last = (
        np.array([(c.read, c.detections, c.labels) for c in one.counts]) for one in (before, after)
    )
    found: dict[str, Any] = json.loads(paired_gain_interval(first, last, hmean, 0).model_dump_json())
    return found


def keep(
    key: Mapping[str, Any], before: Mapping[str, Any], rows: Sequence[Any], gains: Mapping[str, Any]
) -> None:
    """Write the figures beside those of other sets, sizes and budgets, in the place of earlier ones of the same."""
    path = RESULTS / "photos.json"
    runs = json.loads(path.read_text("utf-8"))["runs"] if path.exists() else []
    own = {**key, "command": command(), "load_before": before["load_before"], "rows": rows, "gains": gains}
    runs = [run for run in runs if any(run[name] != key[name] for name in KEY)]
    write_result(
        "photos", before, {"runs": sorted([*runs, own], key=lambda run: [run[name] for name in KEY])}
    )

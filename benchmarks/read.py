"""Files/s of `serve/read.py`, against a bare onnxruntime loop and against PaddleOCR's pipeline.

    python benchmarks/read.py [--only NAME,...] [--seconds S]

Lines: real VIN photos, listed again and again, against `servers/bare_loop.py` with a session for each core: the same
files, decoded, resized, run and read in one process. Pages: receipts, against PaddleOCR's pipeline in its process, with
the same models. What stands in the results already and is not named stays. Exits 1 below a target.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import (
    OWN_CLUSTER,
    REPOSITORY,
    RESULTS,
    data_folder,
    machine,
    print_table,
    write_result,
)
from benchmarks.serving import bare_loop, page_paths, pipeline_rate

LOOP = "a session for each core"
SMALL, TINY = "pp-ocrv6-small", "pp-ocrv6-tiny"
TARGETS = {"small": 0.95, "pages": 1.0}
Row = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Measure, print and write the figures."""
    parse = argparse.ArgumentParser(prog="python benchmarks/read.py", description=__doc__)
    parse.add_argument("--only", default=",".join(CASES), help=f"of {', '.join(CASES)}, with commas (all)")
    parse.add_argument("--seconds", type=float, default=60, metavar="S", help="of reading, about (60)")
    chosen, before = parse.parse_args(arguments), machine()
    rows = _known()
    for name in chosen.only.split(","):
        rows[name] = {"what": name} | CASES[name](chosen.seconds)
        write_result("read", before, {"rows": list(rows.values())})
    print_table(list(rows.values()))
    missed = [name for name, least in TARGETS.items() if name in rows and rows[name]["ours / rival"] < least]
    for name in missed:
        print(f"below its target: {rows[name]}")
    return 1 if missed else 0


def _known() -> dict[str, Row]:
    path = RESULTS / "read.json"
    return {row["what"]: row for row in json.loads(path.read_text())["rows"]} if path.exists() else {}


def lines(model: str, seconds: float) -> Row:
    """Return the row of a recogniser on lines; the bare loop is measured before and after, and the better counts."""
    labels = data_folder() / "vin" / "rec_gt_val.txt"
    names = [line.split("\t")[0] for line in labels.read_text(encoding="utf-8").splitlines()]
    bare = bare_loop(model, LOOP, seconds / 4)
    ours = read([labels.parent / name for name in names], int(bare * seconds), "--recognition", model)
    return compare(ours, f"bare loop, {LOOP}", max(bare, bare_loop(model, LOOP, seconds / 4)))


def pages(seconds: float) -> Row:
    """Return the row of the small pair on receipts."""
    rate = pipeline_rate()
    ours = read(page_paths(), int(rate * seconds), "--recognition", SMALL, "--detection", SMALL)
    return compare(ours, "PaddleOCR in-process", max(rate, pipeline_rate()))


def read(paths: Sequence[Path], count: int, *options: str) -> Row:
    """Run the command on so many files, and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / "list.txt"
        named.write_text("\n".join(map(str, islice(cycle(paths), count))), encoding="utf-8")
        command = [sys.executable, "serve/read.py", str(named), "--output", f"{folder}/out.jsonl", *options]
        started = time.monotonic()
        done = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=os.environ | OWN_CLUSTER,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        wall = time.monotonic() - started
    found = re.search(r"([\d.]+) files/s", done.stdout)
    assert found
    rate = float(found[1])
    return {"files": count, "files/s": rate, "start-up and end s": round(wall - count / rate, 1)}


def compare(ours: Row, rival: str, rate: float) -> Row:
    """Return the row with the rival's figures."""
    return ours | {"rival": rival, "rival files/s": round(rate, 2), "ours / rival": ours["files/s"] / rate}


CASES: dict[str, Callable[[float], Row]] = {
    "small": lambda seconds: lines(SMALL, seconds),
    "tiny": lambda seconds: lines(TINY, seconds),
    "pages": pages,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

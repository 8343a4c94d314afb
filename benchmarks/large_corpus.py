"""A corpus that is not held in memory: drawn lines, mapped from a file by a real search, and by a second one.

    python benchmarks/large_corpus.py [--lines N] [--train-seconds S] [--keep DIR]

Every line is another image of another text. The first study decodes them into the file and trains one trial on them,
an epoch of neck and head or as much of it as S seconds allow; the second starts from the file and is interrupted
when its trial starts. "ready" is when the first model has read the validation lines. Memory
is that of the study's whole process tree, sampled: `anonymous` is what nothing else could use, `shared` lies in the
object store, `mapped` is files, which the system drops as it needs the room.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

import numpy as np
import psutil
from PIL import ImageFont

from benchmarks.common import REPOSITORY, machine, print_table, write_result
from train.data.drawing.drawn_texts import draw_texts

LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
VAL_LINES = 400
SAMPLE_S = 0.5
READY = "baseline:"  # the first model has read the validation lines
STARTS = " starts: "
INTERRUPTED = 3
KINDS = {"RssAnon": "anonymous", "RssShmem": "shared", "RssFile": "mapped"}
SPACE = """\
fixed: {task: recognition, model: pp-ocrv6-tiny, charset: domain, fit_width: 0, epochs: 1, batch_size: 32,
        technique.name: frozen, augmentation.probability: 0.0, schedule.name: constant}
parameters:
  optimiser.learning_rate: {choice: [0.001]}
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/large_corpus.py", description=__doc__)
    parse.add_argument("--lines", type=int, default=100_000, metavar="N", help="training lines (100,000)")
    parse.add_argument(
        "--train-seconds",
        type=float,
        metavar="S",
        help="interrupt the first trial after this (the whole epoch)",
    )
    parse.add_argument(
        "--keep", type=Path, metavar="DIR", help="draw the lines here and use those that are there"
    )
    return parse


def main(arguments: Sequence[str]) -> None:
    """Draw, run both studies, print and write the figures."""
    chosen = parser().parse_args(arguments)
    before = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.monotonic()
        labels = draw(chosen.keep or folder / "drawn", chosen.lines)
        drawn = time.monotonic() - started
        (folder / "space.yaml").write_text(SPACE, encoding="utf-8")
        rows = [run_study(folder, labels, "first", chosen.train_seconds)]
        size = sum(path.stat().st_size for path in (folder / "line-cache").iterdir()) / 1e9
        rows.append(run_study(folder, labels, "second", 0.0))
    print_table(rows)
    print(f"{chosen.lines} lines, {size:.2f} GB decoded, drawn or found in {drawn:.0f} s")
    figures = {
        "lines": chosen.lines,
        "drawing or finding the lines, s": drawn,
        "decoded, GB": size,
        "studies": rows,
        "train seconds": chosen.train_seconds,
    }
    write_result("large_corpus", before, figures)


def draw(folder: Path, lines: int) -> dict[str, Path]:
    """Draw training and validation lines, all of different texts, in the font inside Pillow; return their lists."""
    folder.mkdir(parents=True, exist_ok=True)
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    (folder / "aileron.ttf").write_bytes(font.font_bytes)
    texts = random_texts(lines + VAL_LINES)
    labels = {}
    for seed, (split, part) in enumerate({"train": texts[VAL_LINES:], "val": texts[:VAL_LINES]}.items()):
        (folder / f"{split}.txt").write_text("\n".join(part), encoding="utf-8")
        labels[split] = draw_texts(folder / f"{split}.txt", folder, folder / split, seed=seed)
    return labels


def random_texts(count: int) -> list[str]:
    """Return different texts of 4 to 7 letters and digits."""
    rng = np.random.default_rng(0)
    texts: dict[str, None] = {}
    while len(texts) < count:
        texts["".join(LETTERS[i] for i in rng.integers(len(LETTERS), size=rng.integers(4, 8)))] = None
    return list(texts)


def run_study(folder: Path, labels: dict[str, Path], name: str, train_s: float | None) -> dict[str, Any]:
    """Run a search of one trial; return its seconds, and its peaks of memory in MB before and in training.

    It is interrupted after `train_s` seconds of training; None lets it end.
    """
    words = ["--space", folder / "space.yaml", "--storage", folder, "--name", name, "--trials", "1"]
    words += ["--test-fraction", "0", "--decode-to", "file"]
    words += [word for split, path in labels.items() for word in (f"--{split}-labels", path)]
    started = time.monotonic()
    search = subprocess.Popen(
        [sys.executable, REPOSITORY / "search" / "run.py", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    watch = Watch(search)
    watch.start()
    output = []
    ready, ends = 0.0, None
    assert search.stdout is not None
    for line in search.stdout:
        output.append(line)
        if not ready and line.startswith(READY):
            ready = time.monotonic() - started
        if STARTS in line:
            watch.phase = "training"
            if train_s is not None:
                ends = threading.Timer(train_s, search.send_signal, [signal.SIGINT])
                ends.start()
    status = search.wait()
    watch.join()
    if ends is not None:
        ends.cancel()
    if status != (0 if ends is None else INTERRUPTED):
        sys.exit(f"the {name} study ended with {status}:\n{''.join(output)}")
    return {"study": name, "ready, s": ready, "whole, s": time.monotonic() - started, **watch.row()}


class Watch(threading.Thread):
    """Samples the memory of a process and all its descendants until it ends.

    Attributes:
        phase: to which samples count.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        super().__init__(daemon=True)
        self._process = process
        self.phase = "start"
        self._peaks: dict[tuple[str, str], float] = {}

    def run(self) -> None:
        """Sample until the process has ended."""
        while self._process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                root = psutil.Process(self._process.pid)
                self._add([memory(p.pid) for p in (root, *root.children(recursive=True))])
            time.sleep(SAMPLE_S)

    def _add(self, processes: list[dict[str, float]]) -> None:
        for kind in KINDS.values():
            values = [process.get(kind, 0.0) for process in processes]
            # What is shared or mapped is the same pages in several processes: the largest view counts.
            amount = sum(values) if kind == KINDS["RssAnon"] else max(values)
            self._keep(f"{kind}, MB", amount)
        self._keep("largest process, MB", max(sum(process.values()) for process in processes))

    def _keep(self, name: str, amount: float) -> None:
        key = (self.phase, name)
        self._peaks[key] = max(self._peaks.get(key, 0.0), amount)

    def row(self) -> dict[str, float]:
        """Return the peaks by phase and kind."""
        return {f"{phase}: {name}": round(peak, 1) for (phase, name), peak in self._peaks.items()}


def memory(pid: int) -> dict[str, float]:
    """Return the resident memory of a process by kind, in MB; empty if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    except OSError:
        return {}
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return {KINDS[key]: int(fields[key].split()[0]) / 1024 for key in KINDS if key in fields}


if __name__ == "__main__":
    main(sys.argv[1:])

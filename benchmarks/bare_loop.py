"""The loop that serving is compared with: image files to texts with onnxruntime in one process, nothing else.

    python benchmarks/bare_loop.py MODEL "one session, all cores"|"a session for each core" SECONDS

Prints lines per second. A file is decoded, resized, padded, run alone and read; the same pixels as in serving.
"""

import os
import sys
import threading
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.serving import line_files
from serve.inference.model import Model, load_model
from train.data import images
from train.data.charset import decode
from train.system.onnx_session import open_session, run


def main(name: str, way: str, seconds: float) -> None:
    """Run the loop in one thread or in one for each core."""
    model, cores = load_model("recognition", name), len(os.sched_getaffinity(0))
    threads, workers = (cores, 1) if way == "one session, all cores" else (1, cores)
    counts = [0] * workers
    end = time.perf_counter() + seconds + 2
    tasks = [
        threading.Thread(target=loop, args=(model, threads, counts, i, end - seconds, end))
        for i in range(workers)
    ]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    print(sum(counts) / seconds)


def loop(model: Model, threads: int, counts: list[int], worker: int, begin: float, end: float) -> None:
    """Read the files round and round until `end`; count from `begin`."""
    session, files, turn = open_session(model.onnx, threads), line_files(), worker * 50
    while (now := time.perf_counter()) < end:
        line = images.resize_line(images.decode(files[turn % len(files)], ""), model.min_width_px)
        decode(run(session, images.to_batch([line], model.bucket_width(line.shape[1]))), model.charset)
        counts[worker] += begin <= now
        turn += 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))

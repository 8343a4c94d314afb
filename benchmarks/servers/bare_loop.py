"""The loop that serving is compared with: image files to texts with onnxruntime in one process, nothing else.

    python benchmarks/servers/bare_loop.py MODEL "one session, all cores"|"a session for each core" SECONDS

Prints lines per second. A file is decoded, resized, padded, run alone and read; the same pixels as in serving, and
counted as there.
"""

import os
import sys
import threading
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])  # not this folder: its files shadow others

from benchmarks.servers.load import Load
from benchmarks.serving import line_files
from serve.inference.model import Model, load_model
from train.data import images
from train.data.charset import decode
from train.system.onnx_session import open_session, run

WARM_UP_S = 2.0


def main(name: str, way: str, seconds: float) -> None:
    """Run the loop in one thread or in one for each core."""
    model, cores, files = load_model("recognition", name), len(os.sched_getaffinity(0)), line_files()
    threads, workers = (cores, 1) if way == "one session, all cores" else (1, cores)
    load, lock = Load(workers, len(files), seconds, WARM_UP_S), threading.Lock()
    tasks = [
        threading.Thread(target=loop, args=(model, threads, files, load, lock, worker))
        for worker in range(workers)
    ]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    print(load.rate(len(load.waits_s)))


def loop(
    model: Model, threads: int, files: list[bytes], load: Load, lock: threading.Lock, worker: int
) -> None:
    """Read the files round and round, in turn with the other workers, as long as the load goes on."""
    session = open_session(model.onnx, threads)
    while True:
        with lock:
            number = load.send(time.perf_counter())
        if number is None:
            return
        line = images.resize_line(images.decode(files[number % len(files)], ""), model.min_width_px)
        decode(run(session, images.to_batch([line], model.bucket_width(line.shape[1]))), model.charset)
        with lock:
            load.take(worker, number, time.perf_counter())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))

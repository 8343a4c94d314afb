"""Ten minutes under load with ever new image sizes: memory, errors, and a model replaced and taken back meanwhile.

    python benchmarks/soak.py [--minutes M] [--hostile [--topology graph]]

Eight clients send lines of random width and pages of random size without a pause. In the last quarter another bundle
is promoted and rolled back. Exits 1 if a request fails or the memory after the warm-up grows by more than TOLERANCE.
With --hostile, ten polite clients beside storms of large pictures, idle bodies, abandoned requests and slow PDFs
(`servers/hostile.py`): exits 1 if one fails, their p99 is over 5 times the quiet one or a process takes over 2 GiB.
"""

import argparse
import base64
import json
import random
import shutil
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

import cv2
import numpy as np
import psutil

from benchmarks.common import machine, print_table, write_result
from benchmarks.servers import hostile
from benchmarks.servers.server import HOST, server
from benchmarks.serving import line_files, page_files
from serve.inference import pretrained
from serve.loop.versions import Versions
from train.bundle import FILES, seal
from train.data.charset import Charset
from train.tasks.inference_yml import write_recognition_settings

CLIENTS = 8
TOLERANCE = 0.05
WARM_UP = 0.3
"""Share of the time after which memory counts."""


def main(arguments: Sequence[str]) -> int:
    """Run, print and write the figures."""
    parse = argparse.ArgumentParser(prog="python benchmarks/soak.py", description=__doc__)
    parse.add_argument("--minutes", type=float, default=10, metavar="M")
    parse.add_argument(
        "--hostile", action="store_true", help="clients that mean no good beside ten polite ones"
    )
    parse.add_argument("--topology", choices=("graph", "fused"), default="fused", help="of --hostile (fused)")
    chosen = parse.parse_args(arguments)
    minutes, before = chosen.minutes, machine()
    if chosen.hostile:
        return _write_hostile(minutes, before, chosen.topology)
    with tempfile.TemporaryDirectory() as folder:
        figures = soak(Path(folder), 60 * minutes)
    print_table(figures["memory"])
    print({key: value for key, value in figures.items() if key != "memory"})
    write_result("soak", before, figures | {"minutes": minutes})
    return 0 if not figures["failed"] and figures["growth"] <= TOLERANCE else 1


def _write_hostile(minutes: float, before: dict[str, Any], topology: str) -> int:
    figures = hostile.storm(60 * minutes, topology)
    bounds = {"p99 / quiet": hostile.TIMES, "MiB at most": hostile.MOST_MIB, "failed": 0}
    figures |= {"topology": topology, "minutes": minutes, "bounds": bounds, "missed": hostile.missed(figures)}
    print(json.dumps(figures, indent=1))
    write_result("soak_hostile", before, figures)
    for words in figures["missed"]:
        print(words)
    return 1 if figures["missed"] else 0


def soak(folder: Path, seconds: float) -> dict[str, Any]:
    """Load a server of its own, replace its model on the way, and watch its memory."""
    first, second = (bundle(folder / name) for name in ("first", "second"))
    statuses: Counter[int] = Counter()
    memory: list[dict[str, float]] = []
    storage = folder / "store"
    with server(
        "serve/run.py", "--recognition", str(first), "--detection", "pp-ocrv6-tiny", "--storage", str(storage)
    ) as port:
        versions = Versions(storage)  # only what served before can be promoted by name
        versions.promote("recognition", "second", second, lambda *_: None)
        versions.rollback("recognition", lambda *_: None)
        end = time.monotonic() + seconds
        clients = [threading.Thread(target=client, args=(port, i, end, statuses)) for i in range(CLIENTS)]
        for thread in clients:
            thread.start()
        watch(port, seconds * 0.75, memory)
        replaced = [post(port, "/v1/models/promote", {"bundle": "second"})]
        watch(port, seconds * 0.1, None)
        replaced.append(post(port, "/v1/models/rollback", {}))
        for thread in clients:
            thread.join()
    warm = [row["MiB"] for row in memory[int(WARM_UP / 0.75 * len(memory)) :]]
    third = len(warm) // 3
    growth = float(np.median(warm[-third:]) / np.median(warm[:third]) - 1)
    failed = {status: count for status, count in statuses.items() if status != 200}
    requests = {"requests": sum(statuses.values()), "failed": failed, "replaced": replaced}
    return requests | {"growth": growth, "memory": memory[:: max(1, len(memory) // 20)]}


def bundle(directory: Path) -> Path:
    """Make a bundle of the pretrained tiny model; two of them differ by name alone."""
    directory.mkdir()
    for name in FILES:
        (directory / name).write_bytes(b"")
    shutil.copyfile(pretrained.find_recognition_graph("tiny"), directory / "inference.onnx")
    characters = pretrained.read_characters("tiny")
    write_recognition_settings(directory, "PP-OCRv6_tiny_rec", Charset(characters))
    names = {"task": "recognition", "model": "pp-ocrv6-tiny", "published_name": "PP-OCRv6_tiny_rec"}
    seal(directory, **names, characters=characters, config={}, metrics={}, parity={}, versions={})
    return directory


def client(port: int, seed: int, end: float, statuses: Counter[int]) -> None:
    """Send pictures of random sizes until the end."""
    rng, lines, pages = random.Random(seed), line_files(), page_files()
    while time.monotonic() < end:
        if rng.random() < 0.9:
            body = {"images": [resized(rng, rng.choice(lines), 32, 1600) for _ in range(rng.randrange(1, 9))]}
            statuses[post(port, "/recognize", body)] += 1
        else:
            file = {"file": resized(rng, rng.choice(pages), 200, 1200), "fileType": 1, "visualize": False}
            statuses[post(port, "/ocr", file)] += 1


def resized(rng: random.Random, data: bytes, least_px: int, most_px: int) -> str:
    """Return base64 of a picture brought to a random width."""
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    width = rng.randrange(least_px, most_px)
    height = max(8, int(image.shape[0] * width / image.shape[1] * rng.uniform(0.7, 1.4)))
    return base64.b64encode(cv2.imencode(".png", cv2.resize(image, (width, height)))[1].tobytes()).decode()


def post(port: int, path: str, body: dict[str, Any]) -> int:
    """Return the status of an answer, 0 without one."""
    headers = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"http://{HOST}:{port}{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=120) as answer:  # noqa: S310
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def watch(port: int, seconds: float, memory: list[dict[str, float]] | None) -> None:
    """Note the memory of all replicas and the proxy every few seconds."""
    started = time.monotonic()
    while (passed := time.monotonic() - started) < seconds:
        if memory is not None:
            replicas = [p.memory_info().rss for p in psutil.process_iter() if _is_replica(p)]
            memory.append({"s": passed, "MiB": sum(replicas) / 2**20, "processes": len(replicas)})
        time.sleep(5)


def _is_replica(process: psutil.Process) -> bool:
    try:
        return any(name in " ".join(process.cmdline()) for name in ("ray::ServeReplica", "haproxy -db"))
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

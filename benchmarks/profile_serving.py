"""Where each millisecond of a line goes in the server: `python benchmarks/profile_serving.py [--clients 1 32]`.

For each model, topology and number of clients, lines of real VIN photos go to `/recognize` twice: first the CPU time of
every thread is counted, then py-spy samples the processes that run models or speak HTTP. What a thread took is divided
among what its samples were in; threads without Python, of onnxruntime, gRPC and Ray's C++, are counted beside them.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

import psutil

from benchmarks.common import machine, print_table, write_result
from benchmarks.servers.load import drive
from benchmarks.servers.server import HOST, server
from benchmarks.serving import MODELS, TOPOLOGIES, line_requests

SAMPLES_PER_S = 100
WARM_UP_S = 3
PY_SPY = str(Path(sys.executable).with_name("py-spy"))
ROLES = {"ocr:Ingress": "ingress", "recognition:Recogniser": "recogniser", "haproxy": "HAProxy", "ray": "Ray"}
"""What a process of the server is: the first of these words that its command line holds."""
SAMPLED = ("ingress", "recogniser")
WORK = {
    "the model": r"onnxruntime",
    "batch, padding": r"^to_batch ",
    "picture: decoded, resized": r"train/data/(images|geometry/crops|decoded|pictures)|intake/guard|^show_lines ",
    "text of probabilities": r"train/data/charset|train/reading|inference/(beam|recogniser)",
    "HTTP, JSON": r"serve/api|uvicorn|starlette|fastapi|pydantic|json/|base64|h11|httptools",
    "Ray": r"[(/]ray/|cloudpickle",
    "queue, event loop, threads": r"serve/|asyncio|concurrent/|threading|selectors|uvloop",
}
"""What a sample is in: of its frames, `function (file:line)`, the innermost that one of these finds."""
OTHER, NO_PYTHON = "other", "threads without Python"


@dataclass(frozen=True)
class Part:
    """A process of the server."""

    pid: int
    role: str

    def seconds(self) -> dict[int, float]:
        """Return the CPU seconds that each of its threads took since its start."""
        with suppress(psutil.NoSuchProcess):
            threads = psutil.Process(self.pid).threads()
            return {thread.id: thread.user_time + thread.system_time for thread in threads}
        return {}

    def seconds_since(self, began: dict[int, float]) -> dict[int, float]:
        """Return what they took since they had taken that."""
        return {thread: seconds - began.get(thread, 0.0) for thread, seconds in self.seconds().items()}


def main(arguments: Sequence[str]) -> None:
    """Measure, print and write the figures."""
    parse = argparse.ArgumentParser(prog="python benchmarks/profile_serving.py", description=__doc__)
    parse.add_argument("--model", nargs="+", default=MODELS, choices=MODELS, help="(both)")
    parse.add_argument("--topology", nargs="+", default=TOPOLOGIES, choices=TOPOLOGIES, help="(both)")
    parse.add_argument("--clients", nargs="+", type=int, default=(1, 32), metavar="N", help="at once (1 32)")
    parse.add_argument("--seconds", type=float, default=10, metavar="S", help="of each measurement (10)")
    chosen, before, loads = parse.parse_args(arguments), machine(), list[dict[str, Any]]()
    for model in chosen.model:
        for topology in chosen.topology:
            pair = ("--recognition", model, "--detection", "pp-ocrv6-tiny", "--topology", topology)
            with server("serve/run.py", *pair) as port:
                for clients in chosen.clients:
                    load = profile(port, clients, chosen.seconds)
                    print(model, topology, {key: load[key] for key in load if key != "rows"}, flush=True)
                    loads.append({"model": model, "topology": topology} | load)
                    write_result("profile_serving", before, {"loads": loads, "options": vars(chosen)})
    print_table(list(join(loads)))


def profile(port: int, clients: int, seconds: float) -> dict[str, Any]:
    """Return what a line costs under a load of so many clients."""
    load = partial(drive, HOST, port, line_requests(port, 1), clients)
    load(2)
    parts, before = list(find_parts()), count_lines(port)
    began = {part: part.seconds() for part in parts}
    seen = load(seconds)
    took = {part: part.seconds_since(began[part]) for part in parts}
    lines = count_lines(port) - before
    rows = divide(took, sample(parts, partial(load, seconds + WARM_UP_S), seconds), lines)
    return {"clients": clients, **asdict(seen), "cpu_ms": sum(row["ms a line"] for row in rows), "rows": rows}


def find_parts() -> Iterator[Part]:
    """Yield the server's processes."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one that Ray had for a moment
            words = " ".join(process.cmdline())
            role = next((role for word, role in ROLES.items() if word in words), None)
            if role:
                yield Part(process.pid, role)


def count_lines(port: int) -> float:
    """Return the lines that the server has read."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics") as answer:
        (count,) = re.findall(r"^ocrtune_lines_total (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(count)


def sample(parts: Sequence[Part], load: Any, seconds: float) -> dict[int, Counter[str]]:
    """Return, by thread, how many samples were in what, while a load goes on."""
    found: dict[int, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as driver:
        driving = driver.submit(load)
        asked = [part for part in parts if part.role in SAMPLED]
        spies = [_start_spy(part.pid, seconds, folder) for part in asked]
        for part, spy in zip(asked, spies, strict=True):
            said = spy.communicate()[1].decode()
            if spy.returncode:
                raise RuntimeError(
                    f"py-spy must be allowed to look into processes, got {said}; run it as root"
                )
            found |= count_samples(Path(folder, str(part.pid)).read_text(encoding="utf-8").splitlines())
        driving.result()
    return found


def _start_spy(pid: int, seconds: float, folder: str) -> "subprocess.Popen[bytes]":
    words = ("--rate", SAMPLES_PER_S, "--duration", round(seconds), "--format", "raw", "--pid", pid)
    command = [PY_SPY, "record", "--threads", *map(str, words), "--output", f"{folder}/{pid}"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def count_samples(lines: Iterable[str]) -> dict[int, Counter[str]]:
    """Return, by thread, how many samples were in what.

    Args:
        lines: each with the thread, its frames, the outermost first, and how often that was seen.
    """
    found: dict[int, Counter[str]] = {}
    for line in lines:
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        number = int(thread.removeprefix("thread (").partition(")")[0])
        found.setdefault(number, Counter())[_name_work(frames)] += int(count)
    return found


def _name_work(stack: Sequence[str]) -> str:
    for frame in reversed(stack):
        for work, pattern in WORK.items():
            if re.search(pattern, frame):
                return work
    return OTHER


def divide(
    took: dict[Part, dict[int, float]], samples: dict[int, Counter[str]], lines: float
) -> list[dict[str, Any]]:
    """Return rows of role, work and milliseconds of CPU a line; what a thread took goes by its samples."""
    spent: defaultdict[tuple[str, str], float] = defaultdict(float)
    for part, threads in took.items():
        unseen = Counter({NO_PYTHON if part.role in SAMPLED else "all": 1})
        for thread, seconds in threads.items():
            counts = samples.get(thread, unseen)
            for work, count in counts.items():
                spent[part.role, work] += seconds * count / counts.total()
    total = sum(spent.values())
    return [
        {
            "process": role,
            "in": work,
            "ms a line": 1000 * spent[role, work] / lines,
            "share": spent[role, work] / total,
        }
        for role, work in sorted(spent, key=lambda key: -spent[key])
        if spent[role, work] > 0.005 * total
    ]


def join(loads: Sequence[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """Yield a row for each process and work, the dearest first: ms of CPU a line, and the share, under every load."""
    found: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    most: defaultdict[tuple[str, str], float] = defaultdict(float)
    names = [f"{load['model']} {load['topology']} {load['clients']}" for load in loads]
    for name, load in zip(names, loads, strict=True):
        for row in load["rows"]:
            place = row["process"], row["in"]
            found[place][name] = f"{row['ms a line']:.2f} ({row['share']:.0%})"
            most[place] = max(most[place], row["share"])
    for role, work in sorted(found, key=lambda place: -most[place]):
        yield {"process": role, "in": work} | {name: found[role, work].get(name, "") for name in names}


if __name__ == "__main__":
    main(sys.argv[1:])

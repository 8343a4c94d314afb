"""Lines/s, pages/s and latency over HTTP, against a bare onnxruntime loop and against other servers.

    python benchmarks/serving.py [--seconds S] [--only lines,rivals,pages,texts] [--model NAME ...] [--topology ...]

All on the same cores, clients included: (lines) lines of real VIN photos to `/recognize`, against a loop in one process
that decodes, resizes, runs and reads the same files; (rivals) the same lines to `/ocr` and `/recognize`, in turn with
PaddleX's own serving and RapidOCR behind FastAPI; (pages) receipts, in turn with these and the PaddleOCR pipeline in a
process of its own; (texts) lines to a bundle with a text model and to the same without it. Exits 1 below a target.
RapidOCR brings its models: `python -m pip install --no-deps rapidocr==3.10.0`; nothing is fetched afterwards.
"""

import argparse
import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: its files shadow others

from benchmarks.common import REPOSITORY, data_folder, machine, print_table, write_result
from benchmarks.servers.load import Outcome, Request, drive, request
from benchmarks.servers.server import HOST, server
from benchmarks.servers.texts import missed_texts, texts

CLIENTS = (1, 8, 32)
TARGETS = {("pp-ocrv6-small", 1): 0.85, ("pp-ocrv6-small", 16): 0.95}
"""Of the bare loop's lines/s at the most clients, by model and lines in a request."""
LOOP = "one session, all cores"
"""The bare loop; with a thread and a session for each core it is faster still, and is shown too."""
MODELS = ("pp-ocrv6-small", "pp-ocrv6-tiny")
TOPOLOGIES = ("graph", "fused")
OURS = {f"ours, {topology}": topology for topology in TOPOLOGIES}
LINES_ASKED = ("line by /ocr", "line, read only")
PAGES, PAGE_CLIENTS = 20, (1, 4)
ROUNDS = 3
AHEAD = 1.1
"""Of every rival, in images/s and in p99."""


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = argparse.ArgumentParser(prog="python benchmarks/serving.py", description=__doc__)
    parse.add_argument(
        "--seconds",
        type=float,
        default=8,
        metavar="S",
        help="of every measurement, at least: all images are asked for equally often (8)",
    )
    parse.add_argument(
        "--only",
        default="lines,rivals,pages",
        help="parts, with commas (lines,rivals,pages); texts is another",
    )
    parse.add_argument("--model", nargs="+", default=MODELS, choices=MODELS, help="of lines (both)")
    parse.add_argument(
        "--topology", nargs="+", default=("fused",), choices=TOPOLOGIES, help="of ours (fused)"
    )
    return parse


def main(arguments: Sequence[str]) -> int:
    """Measure, print and write the figures."""
    chosen = parser().parse_args(arguments)
    before, figures, missed = machine(), {}, []
    if "lines" in chosen.only:
        figures["lines"] = [
            row for model in chosen.model for row in lines(model, chosen.topology, chosen.seconds)
        ]
        print_table(figures["lines"])
        missed += [
            row
            for row in figures["lines"]
            if row[f"/ {LOOP}"] < TARGETS.get((row["model"], row["lines"]), 0)
            and row["clients"] == max(CLIENTS)
        ]
    for part, measure in {"rivals": rival_lines, "pages": pages}.items():
        if part in chosen.only:
            figures[part] = measure(chosen.topology, chosen.seconds)
            print_table(figures[part])
            missed += [row for row in figures[part] if row["server"] not in OURS and not _is_ahead(row)]
    if "texts" in chosen.only:
        figures["texts"] = texts(chosen.seconds)
        print_table(figures["texts"])
        missed += missed_texts(figures["texts"])
    name = "serving" if len(figures) > 1 else f"serving_{chosen.only}"
    write_result(name, before, figures | {"options": vars(chosen)})
    for row in missed:
        print(f"below its target: {row}")
    return 1 if missed else 0


def lines(model: str, topologies: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """Return the rows of one model: ours at every load, against the bare loop's better way to use the cores."""
    bare = {
        way: bare_loop(model, way, seconds) for way in ("one session, all cores", "a session for each core")
    }
    rows = [row for topology in topologies for row in _line_rows(model, topology, seconds)]
    _measure_bare(bare, model, seconds)
    return [
        row | bare | {f"/ {way}": row["lines_per_s"] / rate for way, rate in bare.items()} for row in rows
    ]


def _line_rows(model: str, topology: str, seconds: float) -> list[dict[str, Any]]:
    rows = []
    pair = ("--recognition", model, "--detection", "pp-ocrv6-tiny")
    with server("serve/run.py", *pair, "--topology", topology) as port:
        for count in (1, 16):
            for clients in CLIENTS:
                seen = drive(HOST, port, line_requests(port, count), clients, seconds)
                assert not seen.failed
                figures = {key: value for key, value in asdict(seen).items() if key != "failed"}
                rows.append(
                    {"model": model, "topology": topology, "lines": count, "clients": clients} | figures
                )
                print(rows[-1], flush=True)
    return rows


def _measure_bare(rates: dict[str, float], model: str, seconds: float) -> None:
    """Keep the better of this and an earlier measurement: it comes before and after ours."""
    for way, earlier in rates.items():
        rates[way] = max(earlier, bare_loop(model, way, seconds))


def bare_loop(model: str, way: str, seconds: float) -> float:
    """Return the lines/s of the bare loop, in a process of its own."""
    command = [sys.executable, "benchmarks/servers/bare_loop.py", model, way, str(seconds)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return float(done.stdout)


def line_files() -> list[bytes]:
    """Return the validation lines' files."""
    labels = data_folder() / "vin" / "rec_gt_val.txt"
    names = [line.split("\t")[0] for line in labels.read_text(encoding="utf-8").splitlines()]
    return [(labels.parent / name).read_bytes() for name in names]


def line_requests(port: int, count: int) -> list[Request]:
    """Return requests of `count` lines each."""
    images = [base64.b64encode(data).decode() for data in line_files()]
    groups = [images[start : start + count] for start in range(0, len(images) - count + 1, count)]
    bodies = [json.dumps({"images": group}).encode() for group in groups]
    return [request(HOST, port, "/recognize", body, "application/json", count) for body in bodies]


RIVALS = {
    "PaddleX serving": ("benchmarks/servers/rivals.py", "paddlex"),
    "RapidOCR + FastAPI": ("benchmarks/servers/rivals.py", "rapidocr"),
}


def rival_lines(topologies: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """Return the rows of every server for single lines, found first or read only."""
    loads = [(what, clients) for what in LINES_ASKED for clients in CLIENTS]
    with _servers(topologies) as ports:
        return _compare(_ask_all(ports, loads, seconds))


def pages(topologies: Sequence[str], seconds: float) -> list[dict[str, Any]]:
    """Return the rows of every server for pages, and of the pipeline in its own process."""
    loads = [("page", clients) for clients in PAGE_CLIENTS]
    rate = pipeline_rate()
    with _servers(topologies) as ports:
        rows = _ask_all(ports, loads, seconds)
    rate = max(rate, pipeline_rate())
    alone = {"server": "PaddleOCR in-process", "images/s": rate, "p50_ms": 1000 / rate, "p99_ms": None}
    return _compare(rows + [alone | {"asked for": what, "clients": clients} for what, clients in loads])


@contextmanager
def _servers(topologies: Sequence[str]) -> Iterator[dict[str, int]]:
    """Start ours and the rivals; give the port of each."""
    ours = {name: ("serve/run.py", "--no-visualize", "--topology", OURS[name], "--port") for name in OURS}
    wanted = {name: command for name, command in ours.items() if OURS[name] in topologies} | RIVALS
    with ExitStack() as stack:
        yield {name: stack.enter_context(server(*command)) for name, command in wanted.items()}


def _ask_all(
    ports: Mapping[str, int], loads: Sequence[tuple[str, int]], seconds: float
) -> list[dict[str, Any]]:
    """Return a row for each server and load: (what is asked for, clients).

    All servers are up, and each load goes to them in turn, round after round: what else this machine does meets all
    of them alike. The median round counts.
    """
    asked = {name: _asked(name, port) for name, port in ports.items()}
    rows = []
    for what, clients in loads:
        rivals = {name: (port, asked[name][what]) for name, port in ports.items() if what in asked[name]}
        rows += _in_turn(what, clients, rivals, seconds)
    return rows


def _is_ahead(row: Mapping[str, Any]) -> bool:
    """Say whether ours is ahead of a rival by AHEAD, in images/s and in p99, where it has one."""
    return bool(min(row["ours / this"], row["p99: this / ours"] or AHEAD) >= AHEAD)


def _compare(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows with how ours, the faster topology, stands to each: above 1 it is ahead, in p99, too."""
    compared = []
    for row in rows:
        load = row["asked for"], row["clients"]
        ours = [one for one in rows if one["server"] in OURS and (one["asked for"], one["clients"]) == load]
        best = max(ours, key=lambda one: float(one["images/s"]))
        p99 = row["p99_ms"] / best["p99_ms"] if row["p99_ms"] else None
        compared.append(row | {"ours / this": best["images/s"] / row["images/s"], "p99: this / ours": p99})
    return compared


def pipeline_rate() -> float:
    """Return the pages/s of the PaddleOCR pipeline, in a process of its own."""
    pipeline = [sys.executable, "benchmarks/servers/rivals.py", "pipeline", *map(str, page_paths())]
    done = subprocess.run(pipeline, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _asked(name: str, port: int) -> dict[str, list[Request]]:
    """Return what a server is asked for: what it offers."""
    asked = {"page": [page_request(port, data, name) for data in page_files()]}
    if (
        name != "RapidOCR + FastAPI"
    ):  # which would enlarge a line that is to be found first to 736 pixels of height
        asked["line by /ocr"] = [page_request(port, data, name) for data in line_files()]
    if name in OURS:
        asked["line, read only"] = line_requests(port, 1)
    elif name == "RapidOCR + FastAPI":
        asked["line, read only"] = [
            request(HOST, port, "/read", data, "image/png", 1) for data in line_files()
        ]
    return asked


def _in_turn(
    what: str, clients: int, rivals: Mapping[str, tuple[int, list[Request]]], seconds: float
) -> list[dict[str, Any]]:
    """Return each server's medians of ROUNDS under one load."""
    seen: dict[str, list[Outcome]] = {name: [] for name in rivals}
    for _ in range(ROUNDS):
        for name, (port, requests) in rivals.items():
            seen[name].append(drive(HOST, port, requests, clients, seconds))
            assert not seen[name][-1].failed
    rows = []
    for name, outcomes in seen.items():
        row = {"server": name, "asked for": what, "clients": clients}
        row["images/s"] = median(outcome.lines_per_s for outcome in outcomes)
        row |= {key: median(getattr(outcome, key) for outcome in outcomes) for key in ("p50_ms", "p99_ms")}
        rows.append(row)
        print(row | {"rounds": [round(outcome.lines_per_s, 1) for outcome in outcomes]}, flush=True)
    return rows


def page_paths() -> list[Path]:
    """Return the receipts."""
    return sorted((data_folder() / "receipts" / "det_images").glob("*.jpg"))[:PAGES]


def page_files() -> list[bytes]:
    """Return the receipts' files."""
    return [path.read_bytes() for path in page_paths()]


def page_request(port: int, data: bytes, name: str) -> Request:
    """Return a request to `/ocr`: by PaddleX's protocol, or of the bare file."""
    if name == "RapidOCR + FastAPI":
        return request(HOST, port, "/ocr", data, "image/jpeg", 1)
    fields = {
        "file": base64.b64encode(data).decode(), "fileType": 1, "visualize": False,
        "useTextlineOrientation": False,
    }  # fmt: skip
    return request(HOST, port, "/ocr", json.dumps(fields).encode(), "application/json", 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

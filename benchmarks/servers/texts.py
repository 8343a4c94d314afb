"""What a text model costs over HTTP: lines to a fine-tuned bundle with one, and to the same bundle without, in turn."""

import base64
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.common import REPOSITORY, data_folder
from benchmarks.servers.load import Request, drive, request
from benchmarks.servers.server import HOST, server
from train.bundle import MANIFEST, load_bundle, seal
from train.data import images
from train.data.charset import Charset
from train.data.formats.loading import load_file
from train.errors import UsageError
from train.reading.formats.declared import TextFormat
from train.reading.formats.rules import weigh
from train.reading.learning import learn
from train.reading.settings import FILE, Language, ReadingSettings

RULES = {"vin": TextFormat(pattern="[A-HJ-NPR-Z0-9]{17}", checks=("vin",)).rules(), "receipts": ()}
PARTS = {"vin": (1, 17, 17), "receipts": (2, 24, 36)}
"""How many lines stand side by side in one that is sent, and how many characters each has: receipts' are short."""
MOST_COST = {"vin": 0.15, "receipts": 0.3}
"""Of a line's time without a text model."""
ORDER, WEIGHT, BONUS = 6, 0.5, 0.5
CLIENTS, ROUNDS = (1, 8), 3


def texts(seconds: float) -> list[dict[str, Any]]:
    """Return the rows of both sets: rates with and without a text model, the median of ROUNDS each, and its cost."""
    return [row for name in RULES for row in _rows(name, seconds)]


def missed_texts(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows whose text model costs too much."""
    return [row for row in rows if row["cost"] > MOST_COST[row["lines"]]]


def _rows(name: str, seconds: float) -> Iterator[dict[str, Any]]:
    trained = REPOSITORY / "runs" / "reading" / f"{name}-pp-ocrv6-tiny" / "best"
    if not trained.exists():
        train = f"python benchmarks/reading.py --train --models pp-ocrv6-tiny --sets {name}"
        raise UsageError("a fine-tuned bundle must be there", trained, train)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ports = {}
        for kind in ("without", "with"):
            bundle = _write_bundle(trained, Path(folder) / kind, name if kind == "with" else "")
            ports[kind] = stack.enter_context(
                server("serve/run.py", "--recognition", str(bundle), "--detection", "pp-ocrv6-tiny")
            )
        for clients in CLIENTS:
            seen: dict[str, list[float]] = {kind: [] for kind in ports}
            for _ in range(ROUNDS):
                for kind, port in ports.items():
                    outcome = drive(HOST, port, _requests(name, port), clients, seconds)
                    assert not outcome.failed
                    seen[kind].append(outcome.lines_per_s)
            rates = {kind: sorted(own)[ROUNDS // 2] for kind, own in seen.items()}
            cost = rates["without"] / rates["with"] - 1
            yield {"lines": name, "clients": clients, **rates, "cost": cost}
            print(name, clients, seen, flush=True)


def _write_bundle(source: Path, place: Path, name: str) -> Path:
    """Write a bundle again with the text model of a set, or with none."""
    shutil.copytree(source, place)
    manifest = load_bundle(source).manifest
    (place / MANIFEST).unlink()
    (place / FILE).unlink(missing_ok=True)
    if name:
        settings = _text_model(name, load_bundle(source).charset)
        (place / FILE).write_text(settings.model_dump_json(), encoding="utf-8")
    facts = {key: value for key, value in asdict(manifest).items() if key not in ("created", "files")}
    seal(place, **facts)
    return place


def _text_model(name: str, charset: Charset) -> ReadingSettings:
    labels = [sample.text for sample in load_file(data_folder() / name / "rec_gt_train.txt")]
    arrays = learn(labels, charset, ORDER).as_json()
    language = Language(order=ORDER, weight=WEIGHT, bonus=BONUS, arrays=arrays)
    return ReadingSettings(rules=weigh(RULES[name], labels, 0), language=language)


def _requests(name: str, port: int) -> list[Request]:
    """Return requests of one line each, of 17 characters or about 60."""
    count, least, most = PARTS[name]
    samples = load_file(data_folder() / name / "rec_gt_val.txt")
    lines = [images.resize_line(images.read(one.path)) for one in samples if least <= len(one.text) <= most]
    joined = [np.hstack(lines[first : first + count]) for first in range(0, len(lines) - count + 1, count)]
    files = [cv2.imencode(".png", line)[1].tobytes() for line in joined]
    bodies = [json.dumps({"images": [base64.b64encode(data).decode()]}).encode() for data in files]
    return [request(HOST, port, "/recognize", body, "application/json", 1) for body in bodies]

"""The loop over HTTP: corrections in, a real retraining on the server's own cluster, its verdict, and what follows."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import real_lines
from tests.serve.conftest import Server
from train.export import export_checkpoint

pytestmark = pytest.mark.slow


@pytest.fixture
def client(tmp_path: Path, data_dir: Path) -> Iterator[httpx.Client]:
    data = real_lines.few_lines(data_dir)
    [(_, checkpoint)] = real_lines.run(real_lines.config(epochs=1), data)
    export_checkpoint(checkpoint, data.val, tmp_path / "first")
    server = Server(
        tmp_path / "store", "--recognition", tmp_path / "first", "--detection", "pp-ocrv6-tiny",
        "--recognisers", 1,
    )  # fmt: skip
    try:
        server.wait_until_ready()
        with httpx.Client(base_url=server.url, timeout=60) as client:
            yield client
    finally:
        assert server.stop() == 0


def test_corrections_become_a_model_that_is_judged(client: httpx.Client, data_dir: Path) -> None:
    refused = client.post("/api/retrain", data={"epochs": "1"})
    assert (refused.status_code, "10" in refused.json()["errorMsg"]) == (409, True)
    for sample in real_lines.samples(data_dir, count=14):
        form = {"text": sample.text, "original": "misread"}
        answer = client.post("/corrections", data=form, files={"image": sample.path.read_bytes()})
        assert answer.status_code == 200, answer.text
    assert client.get("/corrections").json()["result"]["count"] == 14

    settings = {"epochs": "1", "batch_size": "4", "learning_rate": "0.0001", "technique": "frozen"}
    started = client.post("/api/retrain", data=settings)
    assert started.status_code == 202, started.text
    job = started.json()["result"]["id"]
    assert client.post("/api/retrain", data=settings).status_code == 409, "one at a time"
    status = ended(client, job)
    assert status["state"] == "finished", status
    assert status["progress"] == 1
    assert {"new", "serving"} <= status["scores"].keys()
    assert status["lines"]["test"] >= 2

    promoted = client.post("/v1/models/promote", json={"job": job})
    assert promoted.status_code == (200 if status["can_promote"] else 409), promoted.text
    assert client.get("/ready").status_code == 200


def ended(client: httpx.Client, job: str) -> dict[str, Any]:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        status: dict[str, Any] = client.get(f"/api/retrain/{job}").json()["result"]
        if status["state"] not in ("queued", "running"):
            return status
        time.sleep(1)
    raise AssertionError(status)

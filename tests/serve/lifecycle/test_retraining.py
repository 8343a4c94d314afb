"""The loop over HTTP: corrections in, a real retraining on the server's own cluster, its verdict, and what follows."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import real_lines
from tests.serve.conftest import Server
from tests.serve.lifecycle.clients import KEY
from train.bundle import Bundle, load_bundle

pytestmark = pytest.mark.slow
CORRECTIONS = 16


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """The server's interface, without corrections at the beginning."""
    with httpx.Client(base_url=server.url, headers=KEY, timeout=60) as client:
        for item in client.get("/corrections", params={"limit": 1000}).json()["result"]["items"]:
            client.delete(f"/corrections/{item['id']}")
        yield client


def correct(client: httpx.Client, data_dir: Path) -> None:
    """Send real lines with their texts."""
    for sample in real_lines.samples(data_dir, count=CORRECTIONS):
        form = {"text": sample.text, "original": "misread"}
        answer = client.post("/corrections", data=form, files={"image": sample.path.read_bytes()})
        assert answer.status_code == 200, answer.text
    assert client.get("/corrections").json()["result"]["count"] == CORRECTIONS


def start(client: httpx.Client, **form: str) -> str:
    answer = client.post("/api/retrain", data=form)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["result"]["id"])


def follow(client: httpx.Client, job: str) -> tuple[dict[str, Any], list[float]]:
    """Return how a retraining ended, and its progress until then."""
    progress: list[float] = []
    until = time.monotonic() + 900
    while time.monotonic() < until:
        status: dict[str, Any] = client.get(f"/api/retrain/{job}").json()["result"]
        if status["state"] not in ("queued", "running"):
            return status, progress
        progress.append(status["progress"])
        time.sleep(0.3)
    raise AssertionError(status)


def bundle_of(server: Server, job: str) -> Bundle:
    fields = json.loads((server.storage / "retrain" / job / "job.json").read_bytes())
    return load_bundle(Path(fields["bundle"]))


def test_corrections_become_a_model_that_is_judged(
    server: Server, client: httpx.Client, data_dir: Path
) -> None:
    refused = client.post("/api/retrain", data={"epochs": "1"})
    assert (refused.status_code, "10" in refused.json()["errorMsg"]) == (409, True)
    correct(client, data_dir)
    settings = {"epochs": "1", "batch_size": "4", "learning_rate": "0.0001", "technique": "frozen"}
    job = start(client, **settings)
    assert client.post("/api/retrain", data=settings).status_code == 409, "one at a time"
    status, progress = follow(client, job)
    assert status["state"] == "finished", status
    assert status["progress"] == 1
    assert progress == sorted(progress)
    assert status["start"] == "started from the weights of what serves"
    assert status["scores"]["held_back"] == status["lines"]["test"] == 3
    for model in ("new", "serving"):
        assert 0 <= status["scores"][model]["exact_match"] <= 1
    assert bundle_of(server, job).manifest.model == "pp-ocrv6-tiny"

    promoted = client.post("/v1/models/promote", json={"job": job})
    assert promoted.status_code == (200 if status["can_promote"] else 409), promoted.text
    assert client.get("/ready").status_code == 200


def test_a_training_that_fails_says_why(client: httpx.Client, data_dir: Path) -> None:
    correct(client, data_dir)
    failed, _ = follow(client, start(client, technique="unheard-of"))
    assert failed["state"] == "failed"
    assert "choose from: " in failed["message"]


def test_a_search_becomes_a_model(server: Server, client: httpx.Client, data_dir: Path) -> None:
    """Two minutes are enough, but where the machine is slow or busy, which it says."""
    correct(client, data_dir)
    for minutes in ("2", "6"):
        search = start(client, search="true", minutes=minutes, epochs="3", batch_size="4")
        done, _ = follow(client, search)
        if "give it more time" not in done["message"]:
            break
    assert done["state"] == "finished", done
    bundle = bundle_of(server, search)
    assert bundle.directory.parent.name == "search"
    assert bundle.manifest.config["charset"] == "keep"

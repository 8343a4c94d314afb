"""The running server, over HTTP, as its clients see it."""

import base64
import concurrent.futures
import json
import random
import socket
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests import real_lines
from tests.serve.conftest import Server

pytestmark = pytest.mark.slow


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@pytest.fixture
def client(serve_url: str) -> httpx.Client:
    return httpx.Client(base_url=serve_url, timeout=120)


def test_what_it_says_of_itself(client: httpx.Client) -> None:
    health = client.get("/health").json()
    assert health.pop("logId")
    assert health == {"status": "ok", "errorCode": 0, "errorMsg": "Healthy"}
    assert client.get("/ready").json() == {"ready": True}
    assert {client.head(path).status_code for path in ("/", "/health", "/ready")} == {200}
    models = {model["task"]: model for model in client.get("/v1/models").json()["models"]}
    assert models.keys() == {"recognition", "detection"}
    assert models["recognition"]["charset_size"] == 18709
    tuning = models["recognition"]["tuning"]
    assert tuning["rows_per_s"] == max(tuning["tried"].values()) or tuning["batch"] < 16
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/ocr", "/recognize", "/corrections", "/api/retrain", "/v1/models/promote"} <= paths.keys()
    assert client.get("/docs").status_code == 200
    assert "default-src 'self'" in client.get("/").headers["content-security-policy"]


def test_lines_come_back_in_order_as_json_and_as_files(client: httpx.Client, data_dir: Path) -> None:
    samples = real_lines.samples(data_dir, split="val", count=20)
    asked = {"images": [encoded(sample.path) for sample in samples], "rule": "vin", "alternatives": 2}
    by_json = client.post("/recognize", json=asked).json()["result"]["lines"]
    files = [("files", (sample.path.name, sample.path.read_bytes())) for sample in samples]
    by_form = client.post(
        "/recognize?rule=vin&alternatives=1", files=files, data={"alternatives": "2"}
    ).json()
    for one, other in zip(by_form["result"]["lines"], by_json, strict=True):
        assert (one["text"], one["checks"]) == (other["text"], other["checks"])
        assert len(one["alternatives"]) == len(other["alternatives"])
        assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-4)
    right = sum(line["text"] == sample.text for line, sample in zip(by_json, samples, strict=True))
    assert right >= 8, "the small model reads about two thirds of these"
    for line in by_json:
        assert line["checks"].keys() == {"length", "alphabet", "check_digit"}
        assert 1 <= len(line["alternatives"]) <= 2
        assert 0 <= line["confidence"] <= 1


def test_errors_have_the_protocols_body(client: httpx.Client) -> None:
    for body, status in (
        ({"images": []}, 422),
        ({"images": ["no base64!"]}, 422),
        ({"images": [base64.b64encode(b"plain text").decode()]}, 415),
        ({"images": [base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()]}, 422),
        ({"images": ["x"], "rule": "plate"}, 422),
        ({"images": ["x"], "unknown": 1}, 422),
    ):
        answer = client.post("/recognize", json=body)
        assert answer.status_code == status, answer.text
        fields = answer.json()
        assert fields.keys() == {"logId", "errorCode", "errorMsg"}
        assert fields["errorCode"] == status
    assert client.get("/nothing").json()["errorCode"] == 404
    assert client.get("/recognize").headers["allow"] == "POST"
    assert client.post("/recognize", content=b"x", headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("/ocr", json={"file": "http://127.0.0.1/x.png"}).status_code == 403


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST /ocr HTTP/1.1\r\nHost: localhost\r\nContent-Length: -3\r\n\r\n", 400),
        (b"GET /" + b"x" * 300_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 400),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 414),
        (b"PROPFIND / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405),
    ],
    ids=["tls", "length", "path", "websocket", "url", "method"],
)
def test_what_is_no_request_gets_it_too(server: Server, sent: bytes, status: int) -> None:
    """HAProxy would answer it in HTML, or uvicorn in words of its own, and the server is never asked."""
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        connection.sendall(sent + b"\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    fields = json.loads(body)
    assert fields.keys() == {"logId", "errorCode", "errorMsg"}
    assert fields["errorCode"] == status


def test_headers_of_ray_serves_own_are_not_for_clients(server: Server) -> None:
    """With bytes that are no UTF-8 it would answer 500 in plain text, and at the client's deadline 408."""
    strange = b"X-Request-Id: \xff\r\nX-Session-Id: \xff\r\nServe_Multiplexed_Model_Id: \xff\r\n"
    hurried = b"X-Request-Timeout-Seconds: 1e-9\r\nX-Request-Disconnect-Disabled: \xff\r\n"
    with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
        head = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        connection.sendall(head + strange + hurried + b"\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), body
    assert json.loads(body)["models"]


def test_the_metrics_count(client: httpx.Client, data_dir: Path) -> None:
    (sample,) = real_lines.samples(data_dir, split="val", count=1)
    before = counted(client)
    assert client.post("/recognize", json={"images": [encoded(sample.path)] * 3}).status_code == 200
    assert client.post("/recognize", json={"images": []}).status_code == 422
    misuse, until = 'ocrtune_misuse_total{status="422"}', time.monotonic() + 60
    while (after := counted(client)).get(misuse, 0) == before.get(
        misuse, 0
    ):  # it is counted once it was answered
        assert time.monotonic() < until
    assert after["ocrtune_lines_total"] - before.get("ocrtune_lines_total", 0) == 3
    assert after[misuse] - before.get(misuse, 0) == 1
    assert after["ocrtune_batch_lines_count"] > before.get("ocrtune_batch_lines_count", 0)


def counted(client: httpx.Client) -> dict[str, float]:
    lines = [line for line in client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_a_line_reads_the_same_alone_and_in_company(client: httpx.Client, data_dir: Path) -> None:
    """200 real lines of three kinds, each alone and in random company."""
    paths = [
        sample.path
        for folder in ("vin", "receipts", "scene_words")
        for sample in real_lines.samples(data_dir, name=folder, split="val", count=67)
    ][:200]
    images = [encoded(path) for path in paths]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda image: read(client, [image])[0], images))
    order = random.Random(0).sample(range(200), 200)
    groups = [order[start : start + 25] for start in range(0, 200, 25)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda group: read(client, [images[i] for i in group]), groups))
    for group, lines in zip(groups, together, strict=True):
        for i, (text, confidence) in zip(group, lines, strict=True):
            assert text == alone[i][0], paths[i]
            assert confidence == pytest.approx(alone[i][1], abs=1e-4), paths[i]


def read(client: httpx.Client, images: list[str]) -> list[tuple[str, float]]:
    lines = client.post("/recognize", json={"images": images}).raise_for_status().json()["result"]["lines"]
    return [(line["text"], line["confidence"]) for line in lines]


def test_it_listens_on_this_machine_only(server: Server) -> None:
    listening = []
    for process in psutil.Process(server.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one that is ending
            if "haproxy" in process.name():
                listening += [c.laddr for c in process.net_connections("tcp") if c.status == "LISTEN"]
    assert server.port in {address.port for address in listening}
    assert {address.ip for address in listening} == {"127.0.0.1"}

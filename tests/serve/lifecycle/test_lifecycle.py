"""Keys, limits, hostile input, replicas that die and bundles that change, on a server of its own."""

import base64
import json
import random
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.real_photos import labelled_photos
from tests.serve.conftest import Server
from tests.serve.lifecycle.bundles import real_bundle
from tests.serve.lifecycle.clients import KEY, Load, post, replace_and_take_back
from train.trained import readers

pytestmark = pytest.mark.slow


def test_without_the_key_only_health_and_the_page_answer(server: Server, images: list[str]) -> None:
    for path in ("/health", "/ready", "/", "/docs"):
        assert httpx.get(server.url + path).status_code == 200, path
    for method, path in (
        ("POST", "/recognize"), ("POST", "/ocr"), ("GET", "/v1/models"), ("GET", "/metrics"),
        ("POST", "/corrections"), ("GET", "/corrections"), ("POST", "/api/retrain"), ("GET", "/api/retrain"),
        ("POST", "/v1/models/promote"), ("POST", "/v1/models/rollback"),
    ):  # fmt: skip
        for headers in ({}, {"X-API-Key": "open"}, {"Authorization": "Bearer open"}):
            answer = httpx.request(method, server.url + path, headers=headers)
            assert (answer.status_code, answer.json()["errorCode"]) == (401, 401), path
    body = {"images": images[:1]}
    for headers in (KEY, {"Authorization": "Bearer sesame"}):
        assert httpx.post(f"{server.url}/recognize", json=body, headers=headers).status_code == 200


def test_too_much_is_refused(server: Server, images: list[str]) -> None:
    big = b"x" * (2**20 + 1)
    assert post(server, "/recognize", content=big).status_code == 413
    assert post(server, "/ocr", content=iter([big[:1000]] * 2000)).status_code == 413  # of unknown length
    assert post(server, "/recognize", json={"images": images[:1] * 257}).status_code == 413


def test_a_trained_detector_finds_what_evaluation_finds(
    server: Server, detection_bundle: Path, data_dir: Path
) -> None:
    photos = labelled_photos(data_dir, "vin", "val", 2)
    expected = readers.read(readers.detector(str(detection_bundle)), photos)[1]
    for source, found in zip(photos.sources, expected, strict=True):
        file = base64.b64encode(Path(source).read_bytes()).decode()
        answer = post(server, "/ocr", json={"file": file, "fileType": 1, "visualize": False})
        (page,) = answer.json()["result"]["ocrResults"]
        assert sorted(page["prunedResult"]["dt_polys"]) == sorted(found.quads.tolist())
        assert len(found.quads)


def test_hostile_requests_leave_it_answering(server: Server, images: list[str], data_dir: Path) -> None:
    """Random bytes, truncated and mutated pictures, and JSON with any field changed."""
    rng = random.Random(7)
    (photo, *_) = sorted((data_dir / "vin" / "det_images").glob("*.jpg"))
    whole = photo.read_bytes()
    statuses = set()
    with httpx.Client(base_url=server.url, headers=KEY, timeout=60) as client:
        for turn in range(300):
            others = ["/ocr", "/recognize", "/corrections", "/api/retrain", "/v1/models/promote"]
            path = {0: "/ocr", 1: "/recognize"}.get(turn % 8) or rng.choice(others)
            answer = client.post(path, **hostile(rng, turn, whole, images))
            statuses.add(answer.status_code)
            assert answer.status_code < 500, (path, answer.text)
            if answer.status_code >= 400:
                assert answer.json().keys() == {"logId", "errorCode", "errorMsg"}
        assert client.post("/recognize", json={"images": images[:1]}).status_code == 200
    assert {413, 415, 422} & statuses


def hostile(rng: random.Random, turn: int, whole: bytes, images: list[str]) -> dict[str, object]:
    """Return a body that no client would send."""
    data = bytearray(whole)
    for _ in range(rng.randrange(1, 20)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    picture = base64.b64encode(bytes(data[: rng.choice([10, 500, len(data) // 2, len(data)])])).decode()
    fields = {
        "file": picture,
        "fileType": 1,
        "images": [picture],
        "image": picture,
        "text": "x",
        "visualize": False,
    }
    fields[rng.choice(list(fields))] = rng.choice(
        [None, -1, 1e308, [], {}, "\ud83d", "0" * 1000, True, [[[]]]]
    )
    text = json.dumps(fields)
    as_json = {"headers": {"content-type": "application/json"}}
    return [
        as_json | {"content": json.dumps({key: fields[key] for key in ("file", "fileType", "visualize")})},
        as_json | {"content": json.dumps({"images": fields["images"]})},
        {"content": text[: rng.randrange(len(text))], "headers": {"content-type": "application/json"}},
        {"content": rng.randbytes(rng.randrange(2000)), "headers": {"content-type": "application/json"}},
        {"content": b"[" * 100_000, "headers": {"content-type": "application/json"}},
        {"files": {"files": bytes(data[:3000])}, "data": {"rule": "\x00", "alternatives": "-1"}},
        {"content": rng.randbytes(500), "headers": {"content-type": "multipart/form-data; boundary=x"}},
        {"content": rng.randbytes(500), "headers": {"content-type": rng.choice(["", "image/png", "a/b; c"])}},
    ][turn % 8]


def test_a_killed_replica_loses_no_request(server: Server, images: list[str]) -> None:
    with Load(server.url, images) as load:
        load.wait_for(20)
        replica_of(server).kill()
        load.wait_for(60)
    assert not load.failed()


def test_another_proxy_stands_in_for_a_killed_one(server: Server) -> None:
    """Until Ray has started one that knows where to send requests: nobody gets an error from a proxy without routes."""
    statuses: list[int] = []
    for proxy in proxies_of(server):
        with suppress(psutil.NoSuchProcess):
            proxy.kill()
    until = time.monotonic() + 180
    while 200 not in statuses or not any("-sf" in arguments for arguments in proxies_of(server).values()):
        assert time.monotonic() < until
        try:
            statuses.append(server.get("/health"))
        except httpx.TransportError:
            statuses.append(0)
        time.sleep(0.05)
    assert {*statuses} <= {0, 200}
    assert [server.get("/health") for _ in range(40)] == [200] * 40


def proxies_of(server: Server) -> dict[psutil.Process, list[str]]:
    """Return the HAProxies that Ray started, and what each was started with."""
    found = {}
    for process in psutil.Process(server.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one that is ending
            if process.name() == "haproxy":
                found[process] = process.cmdline()
    return found


def replica_of(server: Server) -> psutil.Process:
    """Return a recogniser of this server, and of no other on the machine."""
    for process in psutil.Process(server.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # another one may end meanwhile
            if "recognition:Recogniser" in "".join(process.cmdline()):
                return process
    raise AssertionError("no recogniser runs")


def test_a_bundle_is_replaced_and_taken_back_under_load(
    server: Server, images: list[str], tmp_path: Path
) -> None:
    replace_and_take_back(server, images, real_bundle(tmp_path / "second", "small"))

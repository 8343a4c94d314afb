"""The loop over HTTP: forms and JSON, the errors' bodies, promote and rollback."""

import base64
import json
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve.api.ingress import add_error_handlers
from serve.api.routes_loop import Loop, make_loop_router, open_loop
from serve.intake.lanes import Lanes
from serve.loop.retrain_plan import RetrainRequest
from serve.settings import Limits, Settings
from tests.serve.loop.loop_parts import BETTER, WORSE, Parts, made, make_bundle
from train.data import images

TASK, SMALL = "recognition", "pp-ocrv6-small"


class Server:
    """The routes with a job server that runs nothing; what is put to work is remembered."""

    def __init__(self, folder: Path) -> None:
        self.parts = Parts(folder)
        self.applied: list[tuple[str, str]] = []
        app = FastAPI()
        add_error_handlers(app)
        app.include_router(make_loop_router(self._loop()))
        self.client = TestClient(app)

    def _loop(self) -> Loop:
        parts = self.parts
        return Loop(parts.corrections, parts.versions, parts.retrainings, Lanes(Limits()), self._apply)

    def _apply(self, task: str, source: str) -> None:
        self.applied.append((task, source))

    def ok(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        answer = self.client.request(method, path, **body)
        assert answer.status_code == status, answer.text
        fields = answer.json()
        assert (fields["errorCode"], fields["errorMsg"]) == (0, "Success")
        assert fields["logId"]
        return fields["result"]

    def refused(self, method: str, path: str, status: int, **body: Any) -> str:
        answer = self.client.request(method, path, **body)
        fields = answer.json()
        assert (answer.status_code, fields["errorCode"]) == (status, status), answer.text
        assert set(fields) == {"logId", "errorCode", "errorMsg"}
        return str(fields["errorMsg"])


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def png(image: images.Image) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def form(seed: int, **fields: str) -> dict[str, Any]:
    return {"files": {"image": ("x.bin", png(made(seed)))}, "data": fields}


def test_a_correction_from_a_form_and_from_json_is_the_same(server: Server) -> None:
    first = server.ok("POST", "/corrections", **form(1, text="ABC", original="A8C"))
    assert (first["created"], first["count"]) == (True, 1)
    body = {"image": base64.b64encode(png(made(1))).decode(), "text": "ABD"}
    second = server.ok("POST", "/corrections", json=body)
    assert second == {"id": first["id"], "created": False, "count": 1}
    (item,) = server.ok("GET", "/corrections")["items"]
    assert (item["id"], item["text"], item["original"]) == (first["id"], "ABD", None)
    assert item["created"].startswith("20")


def test_the_picture_comes_back_and_can_be_removed(server: Server) -> None:
    path = f"/corrections/{server.ok('POST', '/corrections', **form(1, text='A'))['id']}"
    answer = server.client.get(f"{path}/image")
    assert answer.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(images.decode(answer.content, ""), made(1))
    assert server.ok("DELETE", path) == {"count": 0}
    assert "/corrections" in server.refused("DELETE", path, 404)
    server.refused("GET", f"{path}/image", 404)


def test_pages_of_corrections(server: Server) -> None:
    server.parts.correct(5)
    result = server.ok("GET", "/corrections?offset=1&limit=2")
    assert (result["count"], len(result["items"])) == (5, 2)
    for query in ("limit=0", "offset=-1", "limit=x", "limit=100000"):
        server.refused("GET", f"/corrections?{query}", 422)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"json": {"text": "A"}}, 422),
        ({"json": {"image": "!!", "text": "A"}}, 422),
        ({"json": {"image": base64.b64encode(b"no image").decode(), "text": "A"}}, 415),
        ({"json": {"image": "", "text": ""}}, 422),
        ({"json": ["image"]}, 422),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 422),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 422),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=a"}}, 422),
        ({"data": {"text": "A"}}, 422),
        (form(1, text=" "), 422),
        (form(1, text="A", more="B"), 422),
        (form(1), 422),
        ({"files": {"image": png(made(1))[:60]}, "data": {"text": "A"}}, 422),
        ({"files": {"image": png(made(1)), "other": png(made(2))}, "data": {"text": "A"}}, 422),
    ],
)
def test_what_is_no_correction_is_refused(server: Server, body: dict[str, Any], status: int) -> None:
    server.refused("POST", "/corrections", status, **body)
    assert server.parts.corrections.count() == 0


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    path=st.sampled_from(["/corrections", "/api/retrain", "/v1/models/promote", "/v1/models/rollback"]),
    kind=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]),
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8),
        lambda inner: st.dictionaries(
            st.sampled_from(["image", "text", "epochs", "task", "job", "bundle", "search"]), inner, max_size=4
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip
def test_any_body_is_answered_with_an_error(server: Server, path: str, kind: str, body: bytes) -> None:
    answer = server.client.post(path, content=body, headers={"content-type": kind})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["errorCode"] == answer.status_code


def test_too_few_corrections_are_a_conflict(server: Server) -> None:
    server.parts.correct(9)
    assert "at least 10 corrections, got 9; correct 1 more" in server.refused("POST", "/api/retrain", 409)


@pytest.mark.parametrize("kind", ["data", "json", "files"])
def test_a_retraining_starts_from_any_form(server: Server, kind: str) -> None:
    server.parts.correct(12)
    fields = {"epochs": "2", "batch_size": "4", "learning_rate": "0.001", "technique": "", "search": "false"}
    body = {kind: {key: (None, value) for key, value in fields.items()} if kind == "files" else fields}
    key = server.ok("POST", "/api/retrain", 202, **body)["id"]
    status = server.ok("GET", f"/api/retrain/{key}")
    assert (status["state"], status["progress"], status["scores"], status["can_promote"]) == (
        "queued", 0.0, None, False
    )  # fmt: skip
    assert status["request"] == RetrainRequest(epochs=2, batch_size=4, learning_rate=1e-3).model_dump()
    assert [job["id"] for job in server.ok("GET", "/api/retrain")["jobs"]] == [key]


@pytest.mark.parametrize(
    "fields", [{"epochs": "0"}, {"learning_rate": "fast"}, {"technique": "a b"}, {"x": "1"}]
)
def test_a_wrong_form_is_named(server: Server, fields: dict[str, str]) -> None:
    server.parts.correct(12)
    assert next(iter(fields)) in server.refused("POST", "/api/retrain", 422, data=fields)


def test_no_job_server_is_busy(server: Server) -> None:
    server.parts.correct(12)
    server.parts.jobs.reachable = False
    assert "job server" in server.refused("POST", "/api/retrain", 503)


def test_a_retraining_is_cancelled_once(server: Server) -> None:
    server.parts.correct(12)
    key = server.ok("POST", "/api/retrain", 202)["id"]
    server.parts.wrote(key, "running", 0.3)
    cancelled = server.ok("DELETE", f"/api/retrain/{key}")
    assert (cancelled["state"], cancelled["progress"], cancelled["can_promote"]) == ("stopped", 0.3, False)
    server.refused("DELETE", f"/api/retrain/{key}", 409)
    server.refused("DELETE", "/api/retrain/20260101-000000-000000", 404)
    assert server.ok("POST", "/api/retrain", 202), "the next one may start"


def test_promote_and_roll_back(server: Server) -> None:
    server.parts.correct(12)
    key = server.ok("POST", "/api/retrain", 202)["id"]
    server.refused("POST", "/v1/models/promote", 409, json={"task": TASK, "job": key})
    bundle = server.parts.finish(key, BETTER)
    promoted = server.ok("POST", "/v1/models/promote", json={"task": TASK, "job": key})
    assert promoted == {"task": TASK, "version": 2, "name": key}
    assert not server.ok("GET", f"/api/retrain/{key}")["can_promote"]
    assert server.ok("POST", "/v1/models/rollback", json={"task": TASK})["version"] == 1
    assert server.ok("POST", "/v1/models/promote", data={"bundle": key})["version"] == 2
    assert server.ok("POST", "/v1/models/rollback")["name"] == SMALL
    assert server.applied == [(TASK, str(bundle)), (TASK, SMALL)] * 2
    assert "promote one first" in server.refused("POST", "/v1/models/rollback", 409)


def test_a_worse_model_is_not_promoted(server: Server) -> None:
    server.parts.correct(12)
    key = server.ok("POST", "/api/retrain", 202)["id"]
    bundle = server.parts.finish(key, WORSE)
    assert "force=true" in server.refused("POST", "/v1/models/promote", 409, json={"job": key})
    assert server.applied == []
    assert server.ok("POST", "/v1/models/promote", data={"job": key, "force": "true"})["name"] == key
    assert server.applied == [(TASK, str(bundle))]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 422), ({"job": "x", "bundle": "y"}, 422), ({"job": "x"}, 404), ({"bundle": "/etc"}, 404),
        ({"task": "x", "job": "y"}, 422), ({"task": "detection", "job": "x"}, 422),
        ({"task": "detection", "bundle": "x"}, 404),
    ],
)  # fmt: skip
def test_what_cannot_be_promoted_is_refused(server: Server, fields: dict[str, str], status: int) -> None:
    make_bundle(server.parts.folder / "bundle")
    server.refused("POST", "/v1/models/promote", status, json=fields)


def test_two_retrainings_at_once_start_one(server: Server) -> None:
    server.parts.correct(12)
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(server.client.post("/api/retrain").status_code))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [202, 409, 409, 409]


def test_the_loop_lies_in_the_storage(tmp_path: Path) -> None:
    loop = open_loop(Settings(storage=tmp_path / "here"), Lanes(Limits()), lambda *_: None)
    loop.corrections.add(made(1), "A")
    assert len(list((tmp_path / "here" / "corrections").glob("*.png"))) == 1


def test_the_forms_are_described(server: Server) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    content = paths["/api/retrain"]["post"]["requestBody"]["content"]
    assert {"epochs", "batch_size", "learning_rate", "technique", "search"} <= set(
        content["application/x-www-form-urlencoded"]["schema"]["properties"]
    )

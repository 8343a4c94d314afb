"""Clients that have the key: of one request, and of so many that the server is never idle."""

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from serve.loop.versions import Versions
from tests.serve.conftest import Server

KEY = {"X-API-Key": "sesame"}


def post(server: Server, path: str, **body: object) -> httpx.Response:
    headers = KEY | ({"content-type": "application/json"} if "content" in body else {})
    return httpx.post(server.url + path, headers=headers, timeout=60, **body)  # type: ignore[arg-type]


@dataclass
class Load:
    """Clients that go on asking until told to stop."""

    url: str
    images: list[str]
    answers: list[tuple[int, str]] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, turn: int) -> None:
        with httpx.Client(base_url=self.url, headers=KEY, timeout=120) as client:
            while not self._ended.is_set():
                turn += 1
                answer = client.post("/recognize", json={"images": [self.images[turn % len(self.images)]]})
                self.answers.append((answer.status_code, answer.text))

    def wait_for(self, count: int) -> None:
        until = len(self.answers) + count
        deadline = time.monotonic() + 120
        while len(self.answers) < until:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def failed(self) -> list[tuple[int, str]]:
        return [answer for answer in self.answers if answer[0] != 200]


def replace_and_take_back(server: Server, images: list[str], second: Path) -> None:
    """Promote a bundle and roll it back while clients ask: no request is lost, and both models read."""
    first = served(server)
    known = Versions(server.storage)  # only what served before can be promoted by name
    known.promote("recognition", "small/second", second, lambda *_: None)
    known.rollback("recognition", lambda *_: None)
    with Load(server.url, images) as load:
        load.wait_for(10)
        answer = post(server, "/v1/models/promote", json={"bundle": "small/second"})
        assert answer.status_code == 200, answer.text
        assert served(server) != first
        load.wait_for(20)
        assert post(server, "/v1/models/rollback", json={}).status_code == 200
        assert served(server) == first
        load.wait_for(20)
    assert not load.failed()
    texts = {json.loads(text)["result"]["lines"][0]["text"] for _, text in load.answers}
    assert len(texts) > len(images), "both models read"


def served(server: Server) -> str:
    models = httpx.get(f"{server.url}/v1/models", headers=KEY, timeout=60).json()["models"]
    (version,) = {model["version"] for model in models if model["task"] == "recognition"}
    return str(version)

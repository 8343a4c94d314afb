"""Clients that have the key: of one request, and of so many that the server is never idle."""

import threading
import time
from dataclasses import dataclass, field

import httpx

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

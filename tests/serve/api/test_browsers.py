"""Web pages of elsewhere: what a browser sends for them is refused; what programs and our own page send is not."""

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from serve.api.door import Door
from serve.metrics import Metrics
from serve.settings import Settings, allowed_hosts

HERE = {"host": "127.0.0.1:8000"}


async def changed(_: Request) -> Response:
    return Response(b"changed")


async def page(scope: object, receive: object, send: object) -> None:
    await Response(b"page")(scope, receive, send)  # type: ignore[arg-type]


def ask(headers: dict[str, str], method: str = "POST", path: str = "/hot", **settings: object) -> int:
    chosen = Settings.model_validate({"hosts": allowed_hosts("127.0.0.1", ["ocr.example"])} | settings)
    app = Door(page, chosen, Metrics(), {("POST", "/hot"): changed})

    async def run() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
            return await client.request(method, path, headers=headers)

    answer = asyncio.run(run())
    if answer.status_code == 403:
        assert answer.json().keys() == {"logId", "errorCode", "errorMsg"}
    return answer.status_code


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:8000", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"host": "OCR.example", "origin": "https://ocr.example"}, 200),
        ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "https://ocr.other", "sec-fetch-site": "same-origin"}, 200),  # a proxy renamed the host
        ({"origin": "http://ocr.example:8080"}, 200),  # so did one without https
        ({"origin": "http://ocr.example.evil"}, 403),
        ({"origin": "http://localhost:3000"}, 403),
    ],
)
def test_only_a_page_of_the_server_itself_changes_anything(headers: dict[str, str], status: int) -> None:
    assert ask(HERE | headers) == status
    assert ask(HERE | headers | {"x-api-key": "sesame"}, api_keys=["sesame"]) == 200, "a key is enough"
    assert ask(HERE | headers, "GET", "/page") == 200, "the browser shows it to that page only"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200), ("127.0.0.1", 200), ("[::1]:8000", 200), ("ocr.example.:443", 200),
        ("evil.example", 403), ("127.0.0.1.evil.example:8000", 403), ("", 403), ("localhost@evil.example", 403),
        ("[", 403),
    ],
)  # fmt: skip
def test_only_the_servers_own_names_are_answered(host: str, status: int) -> None:
    assert ask({"host": host}, "GET", "/corrections") == status
    assert ask({"host": host}, "GET", "/health") == 200, "whoever watches it asks for its address"
    assert ask({"host": host}, "GET", "/corrections", hosts=()) == 200


def test_which_names_are_the_servers_own() -> None:
    assert allowed_hosts("0.0.0.0", []) == ()  # noqa: S104
    assert allowed_hosts("127.0.0.1", ["*"]) == ()
    assert "ocr.example" in allowed_hosts("0.0.0.0", ["OCR.example"])  # noqa: S104
    assert (
        set(allowed_hosts("::1", []))
        == set(allowed_hosts("localhost", []))
        == {"localhost", "127.0.0.1", "::1"}
    )

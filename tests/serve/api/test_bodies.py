"""Files in the bodies of requests, and fields in their addresses."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any, cast

import httpx
import pytest
from fastapi import Request
from starlette.types import ASGIApp

from serve.api.bodies import (
    MOST_PARTS,
    MOST_VALUES,
    decode_base64,
    fields_in_address,
    parse_form,
    parse_json,
    validate,
)
from serve.api.door import Door
from serve.api.routes_read import make_recognize_handler
from serve.errors import TooLargeError, UndecodableError
from serve.metrics import Metrics
from serve.reading.services import Services
from serve.schemas import PageRequest, RecognizeRequest
from serve.settings import Settings


def test_base64_is_taken_as_command_lines_mime_and_browsers_write_it() -> None:
    data = bytes(range(256)) * 3
    plain = base64.b64encode(data).decode()
    url_safe = base64.urlsafe_b64encode(data).decode()
    lines = base64.encodebytes(data).decode()
    for text in (
        plain,
        lines,
        lines.replace("\n", "\r"),
        f"Data:image/png;base64, {plain}",
        url_safe,
        f"{plain} ",
    ):
        assert decode_base64(text) == data
    for data in (b"\xff" * 10, b"\xff" * 11):
        assert decode_base64(base64.urlsafe_b64encode(data).decode().rstrip("=")) == data, (
            "as JavaScript does"
        )
    for text in (plain[:-1], plain + "!", "%%%", "data:image/png;base64"):
        with pytest.raises(UndecodableError, match="must be base64"):
            decode_base64(text)


def in_address(address: bytes) -> dict[str, object]:
    return fields_in_address(Request({"type": "http", "query_string": address}), RecognizeRequest)


def test_fields_in_the_address_are_as_good_as_those_of_the_body_and_empty_ones_are_none() -> None:
    def fields(address: bytes) -> dict[str, object]:
        return in_address(address) | {"images": ["a"]}

    asked = validate(RecognizeRequest, fields(b"rule=vin&alternatives=2&decode="))
    assert (asked.rule, asked.alternatives, asked.decode) == ("vin", 2, "text-model")
    page = validate(PageRequest, fields(b"visualize=&find=false&page=1") | {"file": "b"})
    assert (page.visualize, page.find) == (None, False)
    for wrong in (b"rules=vin", b"alternatives=9"):
        with pytest.raises(UndecodableError, match=wrong.decode().partition("=")[0]):
            validate(RecognizeRequest, fields(wrong))


def form(names: Sequence[str], end: bytes = b"--X--") -> dict[str, str]:
    parts = (f'--X\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n1\r\n'.encode() for name in names)
    return parsed_form(b"".join(parts) + end, b"multipart/form-data; boundary=X")


def parsed_form(body: bytes, kind: bytes) -> dict[str, str]:
    messages = iter([{"type": "http.request", "body": body}])

    async def receive() -> dict[str, object]:
        return next(messages)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", kind)]}
    return asyncio.run(parse_form(Request(scope, receive), RecognizeRequest))[0]


def test_nothing_of_a_request_is_lost_without_a_word() -> None:
    """Of a field that comes twice one would go, of a form that breaks off the last part."""
    assert form(["rule", "x", "x"]) == {"rule": "1", "x": "1"}
    with pytest.raises(UndecodableError, match="once, got 'rule'"):
        form(["rule", "x", "rule"])
    with pytest.raises(UndecodableError, match="whole"):
        form(["rule", "x"], end=b"")
    with pytest.raises(UndecodableError, match="once, got 'rule'"):
        form(["rule", 'rule"; filename="a.png'])
    assert parse_json(b'{"x": 1, "x": 2}', RecognizeRequest) == {"x": 2}
    with pytest.raises(UndecodableError, match="once, got 'rule'"):
        parse_json(b'{"rule": "vin", "rule": "container"}', RecognizeRequest)
    assert in_address(b"x=1&x=2") == {"x": "2"}
    with pytest.raises(UndecodableError, match="once, got 'rule'"):
        in_address(b"rule=vin&rule=container")


def test_what_would_be_parsed_for_seconds_is_refused_at_once() -> None:
    """Every value of a body becomes an object, and a message where it is wrong: megabytes would become gigabytes."""
    for many in (b"[" + b"0," * MOST_VALUES + b"0]", b"[" * (MOST_VALUES + 1), b'{"a":{}}' * MOST_VALUES):
        with pytest.raises(TooLargeError, match=f"at most {MOST_VALUES} values"):
            parse_json(many, RecognizeRequest)
    with pytest.raises(TooLargeError, match=f"at most {MOST_PARTS} parts"):
        form(["x"] * (MOST_PARTS + 1))
    with pytest.raises(UndecodableError, match="content-type must have at most"):
        parsed_form(b"", b'multipart/form-data; a="' + b";" * 2000)
    with pytest.raises(TooLargeError, match="not multipart"):
        parsed_form(b"rule=" + b"%41" * 2**19, b"application/x-www-form-urlencoded")
    with pytest.raises(UndecodableError, match="must name its boundary"):
        parsed_form(bytes(2**21), b"multipart/form-data")
    assert parsed_form(b"rule=%41", b"application/x-www-form-urlencoded") == {"rule": "A"}


def test_an_answer_has_the_requests_log_id_also_where_it_is_an_error() -> None:
    """Clients tell by it which request an answer is of."""
    handler = make_recognize_handler(cast(Services, None))  # a wrong request asks for nothing of it
    app = Door(cast(ASGIApp, None), Settings(), Metrics(), {("POST", "/recognize"): handler})
    wrong: list[tuple[bool, dict[str, Any]]] = [
        (True, {"json": {"logId": "seven", "images": []}}),
        (True, {"json": {"logId": "seven", "images": ["QQ=="], "rule": "plate"}}),
        (True, {"files": {"file": b"A"}, "data": {"logId": "seven", "images": "QQ=="}}),
        (True, {"json": {"images": []}, "params": {"logId": "seven"}}),
        (
            True,
            {"content": b"{", "headers": {"content-type": "application/json"}, "params": {"logId": "seven"}},
        ),
        (False, {"json": {"logId": 7, "images": []}}),
        (False, {"json": {"logId": "seven" * 1000, "images": []}}),
    ]

    async def run() -> None:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://localhost"
        ) as client:
            for kept, body in wrong:
                answer = await client.post("/recognize", **body)
                assert (answer.status_code, answer.json()["logId"] == "seven") == (422, kept), answer.text
                assert answer.json()["logId"]

    asyncio.run(run())

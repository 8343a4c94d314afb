"""Files in the bodies of requests, and fields in their addresses."""

import asyncio
import base64
from collections.abc import Sequence

import pytest
from fastapi import Request

from serve.api.bodies import decode_base64, fields_in_address, parse_form, parse_json, validate
from serve.errors import UndecodableError
from serve.schemas import PageRequest, RecognizeRequest


def test_base64_is_taken_as_command_lines_mime_and_browsers_write_it() -> None:
    data = bytes(range(256)) * 3
    plain = base64.b64encode(data).decode()
    url_safe = base64.urlsafe_b64encode(data).decode()
    lines = base64.encodebytes(data).decode()
    for text in (plain, lines, lines.replace("\n", "\r"), f"Data:image/png;base64,{plain}", url_safe):
        assert decode_base64(text) == data
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
    messages = iter([{"type": "http.request", "body": b"".join(parts) + end}])

    async def receive() -> dict[str, object]:
        return next(messages)

    scope = {
        "type": "http",
        "method": "POST",
        "headers": [(b"content-type", b"multipart/form-data; boundary=X")],
    }
    return asyncio.run(parse_form(Request(scope, receive), RecognizeRequest))[0]


def test_nothing_of_a_request_is_lost_without_a_word() -> None:
    """Of a field that comes twice one would go, of a form that breaks off the last part."""
    assert form(["rule", "x", "x"]) == {"rule": "1", "x": "1"}
    with pytest.raises(UndecodableError, match="once, got 'rule'"):
        form(["rule", "x", "rule"])
    with pytest.raises(UndecodableError, match="whole"):
        form(["rule", "x"], end=b"")
    assert parse_json(b'{"x": 1, "x": 2}', RecognizeRequest) == {"x": 2}
    with pytest.raises(UndecodableError, match="once, got 'rule'"):
        parse_json(b'{"rule": "vin", "rule": "container"}', RecognizeRequest)
    assert in_address(b"x=1&x=2") == {"x": "2"}
    with pytest.raises(UndecodableError, match="once, got 'rule'"):
        in_address(b"rule=vin&rule=container")

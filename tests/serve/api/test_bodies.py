"""Files in the bodies of requests."""

import base64

import pytest

from serve.api.bodies import decode_base64
from serve.errors import UndecodableError


def test_base64_is_taken_as_command_lines_mime_and_browsers_write_it() -> None:
    data = bytes(range(256)) * 3
    plain = base64.b64encode(data).decode()
    url_safe = base64.urlsafe_b64encode(data).decode()
    lines = base64.encodebytes(data).decode()
    for text in (plain, lines, lines.replace("\n", "\r\n"), f"data:image/png;base64,{plain}", url_safe):
        assert decode_base64(text) == data
    for text in (plain[:-1], plain + "!", "%%%"):
        with pytest.raises(UndecodableError, match="must be base64"):
            decode_base64(text)

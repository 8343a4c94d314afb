"""Keys: the right one opens, anything else does not, and nothing is told by the message."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.api.door import check_key
from serve.errors import UnauthorisedError

KEYS = ("first-key", "second-key", "schlüssel")


@pytest.mark.parametrize(
    ("authorization", "api_key", "key"),
    [
        ("Bearer first-key", None, 0),
        ("bearer second-key", None, 1),
        ("Bearer  second-key ", None, 1),
        ("token first-key", None, 0),
        ("Token second-key", None, 1),
        (None, "second-key", 1),
        ("Bearer wrong", "first-key", 0),
        ("Basic Zmlyc3Q6", "first-key", 0),
        (None, "schlüssel".encode().decode("latin-1"), 2),  # as a server decodes the header's bytes
    ],
)
def test_a_key_opens_by_either_header(authorization: str | None, api_key: str | None, key: int) -> None:
    """Whoever carries it takes turns with others as one client, however often it is written otherwise."""
    assert check_key(authorization, api_key, KEYS) == KEYS[key]


@pytest.mark.parametrize(
    ("authorization", "api_key"),
    [
        (None, None),
        ("", ""),
        ("Bearer", None),
        ("Bearer ", ""),
        ("first-key", None),
        ("Basic first-key", None),
        ("Bearer first-key2", None),
        ("Bearer first-ke", None),
        (None, "FIRST-KEY"),
        (None, "\ud800é€"),
    ],
)
def test_anything_else_is_refused_with_401(authorization: str | None, api_key: str | None) -> None:
    with pytest.raises(UnauthorisedError) as caught:
        check_key(authorization, api_key, KEYS)
    assert caught.value.http_status == 401


def test_without_keys_the_server_is_open() -> None:
    check_key(None, None, ())


def test_an_empty_key_of_the_settings_opens_nothing() -> None:
    with pytest.raises(UnauthorisedError):
        check_key("Bearer ", "", ("",))


def test_the_message_holds_neither_what_was_given_nor_a_key() -> None:
    with pytest.raises(UnauthorisedError) as caught:
        check_key(None, "almost-first-key", KEYS)
    assert not any(key in str(caught.value) for key in ("almost", *KEYS))


def test_every_key_is_compared_by_digests_of_one_length(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return a == b

    monkeypatch.setattr(hmac, "compare_digest", compare)
    check_key(None, "first-key", KEYS)
    assert compared == [(32, 32)] * len(KEYS)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_other_header_is_refused(authorization: str, api_key: str) -> None:
    with pytest.raises(UnauthorisedError):
        check_key(authorization, api_key, ("k" * 41,))

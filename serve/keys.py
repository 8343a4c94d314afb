"""API keys: who may ask."""

import hashlib
import hmac
from collections.abc import Sequence

from serve.errors import UnauthorisedError


def check(authorization: str | None, api_key: str | None, keys: Sequence[str]) -> None:
    """Let a request pass that carries one of the keys; any request where there are none.

    All keys are compared, by digests of one length and in constant time: how long it takes tells nothing.

    Args:
        authorization: the header `Authorization`, `Bearer KEY`; None without it.
        api_key: the header `X-API-Key`, `KEY`; None without it.
        keys: the server's.

    Raises:
        UnauthorisedError: none of them, or no key at all.
    """
    if not keys:
        return
    given = [_digest(key) for key in (_bearer(authorization), api_key) if key]
    valid = [_digest(key.encode().decode("latin-1")) for key in keys if key]
    equal = [hmac.compare_digest(mine, theirs) for mine in valid for theirs in given]
    if not any(equal):
        raise UnauthorisedError(
            "the header must be `Authorization: Bearer KEY` or `X-API-Key: KEY`",
            "an unknown key" if given else "no key",
            "ask the one who runs this server for a key",
        )


def _bearer(header: str | None) -> str | None:
    """Return the token of an `Authorization` header; None if it is of another scheme."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _digest(key: str) -> bytes:
    """Hash a key as it stands in a header: servers decode headers as Latin-1."""
    return hashlib.sha256(key.encode("latin-1", "backslashreplace")).digest()

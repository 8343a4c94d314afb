"""Web pages as clients: one from elsewhere must neither change anything here nor read anything.

A browser sends forms to any address without asking, also to one that only this machine reaches, and follows a name
wherever it points (DNS rebinding). So without a key only the server's own names and pages are let in.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from serve.errors import ForbiddenError
from serve.settings import LOOPBACK

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OWN = frozenset({"same-origin", "none"})


def check_host(headers: Headers, hosts: Sequence[str]) -> None:
    """Raise ForbiddenError unless the header `Host` names one of the hosts; without any, all names are right."""
    if hosts and _read_name(host := headers.get("host", "")) not in hosts:
        raise ForbiddenError(
            "the server must be asked by a name of its own",
            repr(host)[:80],
            f"ask {hosts[0]}, send a key, or start it with --allow-host NAME",
        )


def check_origin(method: str, headers: Headers, hosts: Sequence[str]) -> None:
    """Raise ForbiddenError for a request of another site's page that changes something; programs send no origin.

    A proxy may put another name into `Host` than the browser asked for. What the browser says of the origin itself
    (`Sec-Fetch-Site`, over https) goes before; without it, a page of one of `hosts` is the server's own.
    """
    if method in SAFE:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is None:
        place = _read_place(origin or "")
        own = origin is None or place == headers.get("host", "").lower()
        own = own or _read_name(place) in {*hosts} - {*LOOPBACK}
    else:
        own = site.lower() in OWN
    if not own:
        raise ForbiddenError(
            "a page of another site must not change anything here",
            repr(origin or site)[:80],
            "send a key; or name a proxy before it, and what that puts into Host, each with --allow-host",
        )


def _read_place(origin: str) -> str:
    """Return the name and port in a header `Origin`."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _read_name(host: str) -> str:
    """Return the name in a `Host` header: lower case, without port and brackets."""
    try:
        parts = urlsplit(f"//{host}")
        return "" if parts.username is not None else (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""

"""What the page's tests share: a browser, the server without corrections, real pictures."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from tests.serve.web.browser import chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def client(serve_url: str) -> Iterator[httpx.Client]:
    """The server's own interface, with no corrections at the beginning and the end."""
    with httpx.Client(base_url=serve_url, timeout=120) as client:
        _forget(client)
        yield client
        _forget(client)


def _forget(client: httpx.Client) -> None:
    for item in client.get("/corrections", params={"limit": 1000}).json()["result"]["items"]:
        client.delete(f"/corrections/{item['id']}")


@pytest.fixture(scope="module")
def photo(data_dir: Path) -> Path:
    """A street sign with three tilted lines."""
    return data_dir / "scene_words" / "det_images" / "img_11.jpg"


@pytest.fixture(scope="module")
def receipts(data_dir: Path) -> list[Path]:
    return sorted((data_dir / "receipts" / "det_images").glob("*.jpg"))[:2]

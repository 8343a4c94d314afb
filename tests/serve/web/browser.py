"""Debian's Chromium on the page, a watch on what it asks for and complains of, and the steps of most tests."""

import base64
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

# Without these Chromium looks for updates and its own hosts, and, as root, does not start.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FAILED = re.compile(r"Failed to load resource: (?:the server responded with a status of (\d+)|net::ERR_)")
WAIT_MS = 60_000  # a page of text on a machine that does something else, too


class Watch:
    """What a page did that it must not do."""

    def __init__(self, page: Page, url: str) -> None:
        self._host = urlsplit(url).netloc
        self.foreign: list[str] = []
        self.complaints: list[str] = []
        self.refused: list[int] = []
        page.on("request", self._asked)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data") and parts.netloc != self._host:
            self.foreign.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        status = FAILED.match(message.text)
        if status:
            self.refused.append(int(status[1] or 0))
        else:
            self.complaints.append(message.text)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium; it must be installed."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("the web page's tests need Debian's chromium: apt-get install chromium")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, url: str, refused: tuple[int, ...] = (), **options: Any) -> Iterator[Page]:
    """Open the page in a fresh context; at the end, require that it kept to its server and did not complain.

    Args:
        refused: HTTP statuses that the server is to answer in this test, in order; 0 for a lost connection.
        options: of the browser's context, e.g. `color_scheme`.
    """
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 820}, **options})
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    watch = Watch(page, url)
    page.goto(url)
    yield page
    page.wait_for_load_state("networkidle")
    context.close()
    assert watch.complaints == []
    assert watch.foreign == []
    assert tuple(watch.refused) == refused


def ask(client: httpx.Client, data: bytes, kind: int = 1) -> dict[str, Any]:
    """Return what `/ocr` says of a file."""
    body = {"file": base64.b64encode(data).decode(), "fileType": kind}
    result: dict[str, Any] = client.post("/ocr", json=body).raise_for_status().json()["result"]
    return result


def read(page: Page, path: Path) -> None:
    """Choose a file and wait for its reading."""
    page.locator("#file").set_input_files(path)
    expect(page.locator("#file-name")).to_have_text(path.name)
    expect(page.locator("#summary")).to_have_text(re.compile(r"lines? in \d"))


def texts(page: Page) -> list[str]:
    """Return the texts in the list."""
    return page.locator("button.line .words .text").all_inner_texts()


def correct(page: Page, number: int, text: str) -> None:
    """Save another text for a line of the list."""
    page.locator("button.line").nth(number).click()
    field = page.get_by_label("What the line says")
    field.fill(text)
    field.press("Enter")
    expect(field).to_have_count(0)


def tab(page: Page, name: str) -> None:
    """Go to another tab."""
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_role("tabpanel", name=name)).to_be_visible()

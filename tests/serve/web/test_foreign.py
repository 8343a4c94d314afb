"""A page of another site, in a real browser: its forms and requests change nothing here."""

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.slow
PAGE = """<form method="post" action="{url}/v1/models/rollback"><button>go</button></form>
<script>window.sent = fetch("{url}/api/retrain", {{method: "POST", mode: "no-cors", body: "{{}}"}})</script>"""


@contextmanager
def other_site(content: str) -> Iterator[str]:
    """A page on another port of this machine: the same site, but not the same origin."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def refused(url: str) -> float:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return sum(
        float(line.split()[1]) for line in lines if line.startswith('ocrtune_misuse_total{status="403"')
    )


def test_forms_and_requests_of_another_page_are_refused(browser: Browser, serve_url: str) -> None:
    before = refused(serve_url)
    with other_site(PAGE.format(url=serve_url)) as there:
        page = browser.new_page()
        page.goto(there)
        page.evaluate("() => window.sent")
        with page.expect_navigation() as navigation:
            page.get_by_role("button").click()
        assert navigation.value.status == 403
        assert "a page of another site" in page.content()
        page.close()
    until = time.monotonic() + 60
    while (count := refused(serve_url) - before) < 2 and time.monotonic() < until:
        time.sleep(0.1)  # it is counted once it was answered
    assert count == 2, "its request, too"

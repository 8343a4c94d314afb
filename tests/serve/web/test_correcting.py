"""Texts are corrected, kept, edited and removed, with a pointer and by keyboard."""

import base64
import re
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serve.web.browser import ask, correct, opened, read, tab
from train.data.geometry.crops import crop

pytestmark = pytest.mark.slow

HOSTILE = '<img src=x onerror="document.title=1"> & "co"'


def test_a_text_is_corrected_saved_and_collected(
    browser: Browser, client: httpx.Client, serve_url: str, photo: Path
) -> None:
    found = ask(client, photo.read_bytes())["ocrResults"][0]["prunedResult"]
    with opened(browser, serve_url) as page:
        read(page, photo)
        page.locator(".overlay polygon").nth(1).click()  # a box opens its text
        field = page.get_by_label("What the line says")
        expect(field).to_be_focused()
        expect(field).to_have_value(found["rec_texts"][1])
        field.fill("  MAINTENANCE !")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("button.line").nth(1)).to_contain_text("MAINTENANCE !")
        expect(page.locator("button.line").nth(1)).to_contain_text(f"read as {found['rec_texts'][1]}")
        expect(page.locator(".overlay polygon").nth(1)).to_have_class("saved")
        expect(page.locator("#badge")).to_have_text("1")
        tab(page, "Corrections")
        expect(page.locator(".item .words > .text")).to_have_text("MAINTENANCE !")
        expect(page.locator(".item img")).not_to_have_js_property("naturalWidth", 0)
    item = client.get("/corrections").json()["result"]["items"][0]
    assert (item["text"], item["original"]) == ("MAINTENANCE !", found["rec_texts"][1])
    stored = client.get(f"/corrections/{item['id']}/image").content
    _assert_same_pixels(stored, crop(cv2.imread(str(photo)), np.array(found["rec_polys"][1], np.int32)))


def _assert_same_pixels(png: bytes, expected: Any) -> None:
    """The line was cut out in the browser as the server cuts it for its recogniser; a JPEG decoder may round."""
    found = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 1


def test_lines_are_cut_as_the_server_cuts_them(
    browser: Browser, client: httpx.Client, serve_url: str, receipts: list[Path]
) -> None:
    """At any angle, upwards, on the head and over the edge; lengths may differ by a pixel through rounding."""
    picture = cv2.imread(str(receipts[0]))
    upright = ask(client, receipts[0].read_bytes())["ocrResults"][0]["prunedResult"]["rec_polys"]
    quads = [*upright, [[60, 90], [80, 92], [60, 300], [40, 298]], [[0, 0], [90, 40], [80, 62], [0, 24]]]
    with opened(browser, serve_url) as page:
        lines = page.evaluate(
            """async ([text, quads]) => {
                const { cropLine } = await import("/web/read/crop.js");
                const blob = new Blob([Uint8Array.from(atob(text), c => c.charCodeAt(0))]);
                const source = await createImageBitmap(blob, { colorSpaceConversion: "none" });
                return quads.map(quad => [false, true].map(turned => cropLine(source, 1, quad, turned).toDataURL()));
            }""",
            [base64.b64encode(receipts[0].read_bytes()).decode(), quads],
        )
    alike = 0
    for quad, (straight, turned) in zip(quads, lines, strict=True):
        expected = crop(picture, np.array(quad, np.int32))
        line = cv2.imdecode(np.frombuffer(base64.b64decode(straight.partition(",")[2]), np.uint8), 1)
        other = cv2.imdecode(np.frombuffer(base64.b64decode(turned.partition(",")[2]), np.uint8), 1)
        assert np.array_equal(np.rot90(other, 2).shape, line.shape)
        assert np.abs(np.rot90(other, 2).astype(int) - line).max() <= 1
        assert max(abs(a - b) for a, b in zip(line.shape, expected.shape, strict=True)) <= 1
        if line.shape == expected.shape:
            alike += 1
            assert np.abs(line.astype(int) - expected).mean() < 1
    assert alike >= 0.9 * len(quads)


def test_what_a_page_says_of_a_text_is_what_its_correction_is_cut_by(
    browser: Browser, serve_url: str
) -> None:
    """A word stands as its line does; cut otherwise than PaddleOCR does, what was cut out is told."""
    told = {"dt_polys": [[1], [9]], "rec_texts": ["A", "B"], "rec_scores": [1, 1], "rec_polys": [[1], [2]]}
    words = {"textline_orientation_angles": [0, 1], "rec_lines": [1, 1], "rec_cuts": [[3], [4]]}
    with opened(browser, serve_url) as page:
        found = page.evaluate(
            """async (read) => {
                const { pagesOf } = await import("/web/read/pages.js");
                const sizes = read.map(() => ({ width: 1, height: 1 }));
                const pages = read.map((one) => ({ prunedResult: one }));
                const shown = pagesOf({ ocrResults: pages, dataInfo: { pages: sizes } });
                return shown.map(({ told, lines }) => [told, lines.map(({ cut, turned }) => [cut, turned])]);
            }""",
            [told | {"textline_orientation_angles": [1, 0]}, told | words],
        )
    assert found == [[2, [[[1], True], [[2], False]]], [1, [[[3], True], [[4], True]]]]


def test_everything_goes_by_keyboard(
    browser: Browser, serve_url: str, client: httpx.Client, photo: Path
) -> None:
    with opened(browser, serve_url) as page:
        with page.expect_file_chooser() as chooser:  # from the first key on: it takes the browser a moment
            _tab_to(page, "#choose")
            page.keyboard.press("Enter")
        chooser.value.set_files(photo)
        expect(page.locator("button.line")).to_have_count(3)
        _tab_to(page, "button.line")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.get_by_label("What the line says")).to_be_focused()
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("by hand")
        page.keyboard.press("Enter")
        expect(page.locator("button.line").nth(2)).to_be_focused()  # on to the next one
        page.keyboard.press("Enter")
        expect(page.get_by_label("What the line says")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator("button.line").nth(2)).to_be_focused()
        _tab_to(page, "#tab-read", "Shift+Tab")
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tabpanel", name="Corrections")).to_be_visible()
        expect(page.locator(".item .words > .text")).to_have_text("by hand")
    assert client.get("/corrections").json()["result"]["items"][0]["text"] == "by hand"


def _tab_to(page: Page, selector: str, key: str = "Tab") -> None:
    """Press Tab until the element has the focus, which must then be seen."""
    for _ in range(40):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", selector
            return
    pytest.fail(f"{key} does not lead to {selector}")


def test_what_was_typed_is_kept_until_it_is_cancelled(browser: Browser, serve_url: str, photo: Path) -> None:
    with opened(browser, serve_url) as page:
        read(page, photo)
        page.locator("button.line").first.click()
        page.get_by_label("What the line says").fill("half typed")
        page.locator("button.line").last.click()
        expect(page.locator("button.line").first).to_contain_text("not saved: half typed")
        page.locator("button.line").first.click()
        expect(page.get_by_label("What the line says")).to_have_value("half typed")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator(".draft")).to_have_count(0)


def test_corrections_are_edited_deleted_and_brought_back(
    browser: Browser, serve_url: str, client: httpx.Client, photo: Path
) -> None:
    with opened(browser, serve_url) as page:
        read(page, photo)
        correct(page, 0, HOSTILE)
        tab(page, "Corrections")
        expect(page.locator(".item .words > .text")).to_have_text(HOSTILE)  # text, not HTML
        assert page.title() == "ocrtune"
        page.get_by_role("button", name="Edit").click()
        page.get_by_label("What the line says").fill("BEWARE")
        page.keyboard.press("Enter")
        expect(page.locator(".item .words > .text")).to_have_text("BEWARE")
        page.get_by_role("button", name="Delete BEWARE").click()
        expect(page.get_by_text("Nothing here yet")).to_be_visible()
        expect(page.locator("#badge")).to_be_hidden()
        assert client.get("/corrections").json()["result"]["count"] == 0
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".item .words > .text")).to_have_text("BEWARE")
    result = client.get("/corrections").json()["result"]
    assert [item["text"] for item in result["items"]] == ["BEWARE"]


def test_an_empty_text_is_not_saved(
    browser: Browser, serve_url: str, client: httpx.Client, photo: Path
) -> None:
    with opened(browser, serve_url, refused=(422,)) as page:
        read(page, photo)
        page.locator("button.line").first.click()
        page.get_by_label("What the line says").fill("   ")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".problem")).to_have_text(re.compile("text must not be empty"))
        expect(page.get_by_label("What the line says")).to_be_focused()
    assert client.get("/corrections").json()["result"]["count"] == 0

"""A picture or PDF comes in: boxes, texts and pages as the server has them; in a real browser, on the real server."""

import base64
import json
import re
from pathlib import Path

import cv2
import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Route, expect

from serve.api.door import make_error_body
from tests.serve.web.browser import ask, opened, read, texts

pytestmark = pytest.mark.slow


def test_a_chosen_photo_shows_boxes_texts_and_latency(
    browser: Browser, client: httpx.Client, serve_url: str, photo: Path
) -> None:
    found = ask(client, photo.read_bytes())["ocrResults"][0]["prunedResult"]
    with opened(browser, serve_url) as page:
        read(page, photo)
        assert texts(page) == found["rec_texts"]
        assert len(found["rec_texts"]) == 3
        drawn = page.locator(".overlay polygon").evaluate_all("all => all.map(p => p.getAttribute('points'))")
        assert drawn == [" ".join(f"{x},{y}" for x, y in quad) for quad in found["rec_polys"]]
        sure = page.locator("button.line .number").all_inner_texts()
        assert [int(words.split()[0]) for words in sure] == [round(100 * s) for s in found["rec_scores"]]
        expect(page.locator("#summary")).to_have_text(
            re.compile(r"^3 lines in [\d.]+ m?s · 960 × 540 pixels$")
        )
        expect(page.locator(".paper img")).to_have_js_property("naturalWidth", 960)


def test_a_browser_that_keeps_nothing_reads_too(browser: Browser, serve_url: str, photo: Path) -> None:
    deny = "Object.defineProperty(window, '{}', {{ get() {{ throw new DOMException('no', 'SecurityError'); }} }});"
    with opened(browser, serve_url) as page:
        page.add_init_script(deny.format("sessionStorage") + deny.format("localStorage"))
        page.reload()
        read(page, photo)


def test_a_dropped_file_is_read(browser: Browser, serve_url: str, photo: Path) -> None:
    with opened(browser, serve_url) as page:
        dropped = page.evaluate_handle(
            """text => {
                const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0));
                const data = new DataTransfer();
                data.items.add(new File([bytes], "dropped.jpg", { type: "image/jpeg" }));
                return data;
            }""",
            base64.b64encode(photo.read_bytes()).decode(),
        )
        page.dispatch_event("body", "dragover", {"dataTransfer": dropped})
        expect(page.locator("#veil")).to_be_visible()
        page.dispatch_event("body", "drop", {"dataTransfer": dropped})
        expect(page.locator("#veil")).to_be_hidden()
        expect(page.locator("#file-name")).to_have_text("dropped.jpg")
        expect(page.locator("button.line")).to_have_count(3)


def test_a_pdf_is_turned_page_by_page(
    browser: Browser, client: httpx.Client, serve_url: str, photo: Path, tmp_path: Path
) -> None:
    pdf = tmp_path / "two.pdf"
    first = Image.open(photo).convert("RGB")
    second = first.crop((240, 0, 560, 240))  # the sign alone
    first.save(pdf, save_all=True, append_images=[second], resolution=144)  # as it will be rendered
    found = ask(client, pdf.read_bytes(), kind=0)
    with opened(browser, serve_url) as page:
        read(page, pdf)
        for index, result in enumerate(found["ocrResults"]):
            expect(page.locator(".paper img")).to_have_attribute("alt", f"Page {index + 1} of 2")
            assert texts(page) == result["prunedResult"]["rec_texts"]
            assert texts(page)
            size = found["dataInfo"]["pages"][index]
            ratio = page.locator(".paper img").evaluate("image => image.naturalWidth / image.naturalHeight")
            assert ratio == pytest.approx(size["width"] / size["height"], rel=0.01)
            if index == 0:
                page.get_by_role("button", name="Next page").click()


def test_pictures_that_a_browser_cannot_show_come_from_the_server(
    browser: Browser, serve_url: str, photo: Path, tmp_path: Path
) -> None:
    tiff = tmp_path / "sign.tiff"
    cv2.imwrite(str(tiff), cv2.imread(str(photo)))
    with opened(browser, serve_url) as page:
        read(page, tiff)
        expect(page.locator("button.line")).to_have_count(3)
        expect(page.locator(".paper img")).to_have_js_property("naturalWidth", 960)


def test_a_photo_turned_by_exif_has_its_boxes_on_the_text(
    browser: Browser, client: httpx.Client, serve_url: str, photo: Path, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    turned = tmp_path / "turned.jpg"
    Image.open(photo).rotate(90, expand=True).save(turned, exif=exif, quality=95)
    size = ask(client, turned.read_bytes())["dataInfo"]
    with opened(browser, serve_url) as page:
        read(page, turned)
        shown = page.locator(".paper img").evaluate("image => [image.naturalWidth, image.naturalHeight]")
        assert shown == [size["width"], size["height"]] == [960, 540]


def test_a_refusal_is_told_in_the_servers_words(
    browser: Browser, serve_url: str, photo: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.png"
    notes.write_text("hello")
    with opened(browser, serve_url, refused=(415,)) as page:
        page.locator("#file").set_input_files(notes)
        alert = page.locator("#read-error")
        expect(alert).to_contain_text("notes.png was not read")
        expect(alert).to_contain_text("a file must be a PNG, JPEG, BMP, TIFF, WebP")
        page.locator("#file").set_input_files(photo)  # and on it goes
        expect(page.locator("button.line")).to_have_count(3)
        expect(alert).to_be_empty()


BUSY = json.dumps(
    make_error_body(503, "the queue must not be longer than its limit, got 256; try again later")
)


@pytest.mark.parametrize(("status", "words"), [(503, "try again later"), (0, "could not be reached")])
def test_what_passes_can_be_tried_again(
    browser: Browser, serve_url: str, photo: Path, status: int, words: str
) -> None:
    def fail(route: Route) -> None:
        if status:
            route.fulfill(status=status, body=BUSY)
        else:
            route.abort()

    with opened(browser, serve_url, refused=(status,)) as page:
        page.route("**/ocr", fail, times=1)
        page.locator("#file").set_input_files(photo)
        expect(page.locator("#read-error")).to_contain_text(words)
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("button.line")).to_have_count(3)

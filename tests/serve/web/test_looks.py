"""Phone widths and both themes."""

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serve.web.browser import correct, opened, read, tab

pytestmark = pytest.mark.slow

PHONE = {"width": 390, "height": 844}
WIDTHS = (390, 320)


def require_no_sideways_scrolling(page: Page) -> None:
    for width in WIDTHS:
        page.set_viewport_size(PHONE | {"width": width})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_phones_width_never_scrolls_sideways(
    browser: Browser, serve_url: str, client: httpx.Client, receipts: list[Path]
) -> None:
    with opened(browser, serve_url, viewport=PHONE, has_touch=True) as page:
        require_no_sideways_scrolling(page)
        read(page, receipts[0])
        require_no_sideways_scrolling(page)
        correct(page, 0, "W" * 200)
        page.locator("button.line").nth(3).click()
        expect(page.get_by_label("What the line says")).to_be_in_viewport()
        require_no_sideways_scrolling(page)
        for name in ("Corrections", "Models"):
            tab(page, name)
            page.wait_for_load_state("networkidle")
            require_no_sideways_scrolling(page)
        for width in WIDTHS:
            page.set_viewport_size(PHONE | {"width": width})
            small = page.locator("button:visible").evaluate_all(
                "all => all.map(b => b.getBoundingClientRect()).filter(b => b.width < 32 || b.height < 32).length"
            )
            assert small == 0, "fingers need room"


CONTRAST = """selector => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const light = colour => {
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        const part = v => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
        const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
        return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
    };
    return [...document.querySelectorAll(selector)].filter(e => e.offsetParent && !e.disabled).map(e => {
        let behind = e;
        const paint = element => getComputedStyle(element).backgroundColor;
        while (behind.parentElement && paint(behind) === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
        const pair = [light(getComputedStyle(e).color), light(paint(behind))];
        return [(Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05), e.textContent.trim().slice(0, 40)];
    });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_can_be_read(
    browser: Browser, serve_url: str, client: httpx.Client, photo: Path, scheme: str
) -> None:
    with opened(browser, serve_url, color_scheme=scheme) as page:
        page_light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(246, 246, 243)"
        assert page_light == (scheme == "light")
        measured = page.evaluate(CONTRAST, "h1, p, button")
        read(page, photo)
        correct(page, 0, "BEWARE 0F")
        measured += page.evaluate(CONTRAST, "h1, h2, p, .text, .was, .number, button, select")
        tab(page, "Corrections")
        expect(page.locator(".item mark").first).to_be_visible()
        measured += page.evaluate(CONTRAST, "h2, p, label, mark, code, .item .text, button, input, select")
        tab(page, "Models")
        expect(page.locator("article").first).to_be_visible()
        measured += page.evaluate(CONTRAST, "h2, h3, p, dt, dd, summary, a")
    assert len(measured) > 60
    assert [pair for pair in measured if pair[0] < 4.5] == []


def test_the_theme_switch_overrules_the_system_and_is_remembered(browser: Browser, serve_url: str) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, serve_url, color_scheme="light") as page:
        light = page.evaluate(background)
        switch = page.get_by_role("button", name="Theme:")
        expect(switch).to_have_accessible_name("Theme: as the system")
        switch.click()
        switch.click()
        expect(switch).to_have_accessible_name("Theme: dark")
        dark = page.evaluate(background)
        assert dark != light
        page.reload()
        assert page.evaluate(background) == dark

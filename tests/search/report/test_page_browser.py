"""The report in a real browser: nothing is asked of a network, nothing complains, everything is there and fits."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from search.report.page.page import write_report
from tests.search.made_result import image_of, with_labels
from tests.serve.web.browser import chromium, opened

SECTIONS = [
    "What to do", "Score over time", "Learning curves", "What mattered", "Against the pretrained baseline",
    "Techniques", "Pretrained baselines", "Settings and scores", "Still misread", "Misread characters",
    "Possible label errors", "All 14 trials", "Cost", "Commands", "Data and versions",
]  # fmt: skip
DARK, LIGHT = {"color_scheme": "dark"}, {"color_scheme": "light"}
PHONE = {"viewport": {"width": 360, "height": 740}}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(with_labels(), image_of, path, {"val": image_of, "train": image_of})
    return path.as_uri()


@pytest.mark.parametrize(
    "how", [DARK, LIGHT, DARK | PHONE, LIGHT | PHONE], ids=["dark", "light", "dark phone", "phone"]
)
def test_the_page_is_whole_in_every_light_and_width(
    browser: Browser, url: str, how: dict[str, object]
) -> None:
    with opened(browser, url, **how) as page:
        assert page.locator("h2").all_inner_texts() == SECTIONS
        images = page.locator("img").evaluate_all(
            "all => all.map(one => [one.complete, one.naturalWidth, one.alt])"
        )
        assert len(images) >= 10
        assert all(complete and width > 0 and alt for complete, width, alt in images)
        widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths[0] <= widths[1], "the page must not scroll sideways"
        assert page.locator("svg").count() == 4
        assert all(box["width"] > 200 for svg in page.locator("svg").all() if (box := svg.bounding_box()))


def test_text_is_told_from_its_ground(browser: Browser, url: str) -> None:
    for how, dark in ((DARK, True), (LIGHT, False)):
        with opened(browser, url, **how) as page:
            style = "getComputedStyle(document.body)"
            colours = page.evaluate(f"[{style}.color, {style}.backgroundColor]")
            ink, ground = ([int(part) for part in re.findall(r"\d+", colour)] for colour in colours)
            assert (sum(ink) > sum(ground)) == dark
            assert abs(sum(ink) - sum(ground)) > 400


def test_a_chart_tells_its_numbers_to_who_points_at_it(browser: Browser, url: str) -> None:
    with opened(browser, url) as page:
        titles = page.locator("section:has(h2:text-is('What mattered')) svg title").all_text_contents()
        assert titles
        assert all("95 %:" in title for title in titles)

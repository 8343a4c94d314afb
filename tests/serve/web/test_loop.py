"""Retraining, promotion, the models and the key."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from serve.api.door import make_error_body
from serve.loop.retrain import Status
from tests.serve.web.browser import correct, opened, read, tab

pytestmark = pytest.mark.slow


def test_too_few_corrections_are_refused_in_the_servers_words(
    browser: Browser, serve_url: str, client: httpx.Client
) -> None:
    words = client.post("/api/retrain", data={"epochs": "1"}).json()["errorMsg"]
    with opened(browser, serve_url, refused=(409,)) as page:
        tab(page, "Corrections")
        expect(page.get_by_text("0 of the 10 corrections")).to_be_visible()
        page.get_by_role("button", name="Retrain").click()
        expect(page.locator("#retrain [role=alert]")).to_contain_text(words)
        expect(page.locator("#retrain [role=alert]")).to_contain_text("409")


SCORES = {"n": 40, "exact_match": 0.5, "edit_similarity": 0.9, "cer": 0.1}
JOB = Status(
    id="20261121-083345-1e13",
    state="queued",
    progress=0.0,
    message="waits for the cluster",
    scores=None,
    can_promote=False,
    created="2026-11-21T08:33:45+00:00",
    start="started from the official weights of pp-ocrv6-small",
    lines={"train": 160, "val": 40, "test": 40},
    request={"epochs": 10, "search": False, "technique": None},
)
COURSE = (
    JOB,
    replace(JOB, state="running", progress=0.45, message="training: epoch   5/10  loss 1.2"),
    replace(
        JOB,
        state="finished",
        progress=1.0,
        message="better: reads 32 of 40 held-back lines right, the serving model 20",
        scores={
            "held_back": 40, "new": SCORES | {"exact_match": 0.8}, "serving": SCORES,
            "fixed": 13, "broken": 1, "better": True,
        },
        can_promote=True,
    ),
)  # fmt: skip


def answer(route: Route, result: Any, status: int = 200) -> None:
    body = {"logId": "test", "errorCode": 0, "errorMsg": "Success", "result": result}
    route.fulfill(status=status, content_type="application/json", body=json.dumps(body))


def test_a_retraining_is_followed_to_its_promotion(
    browser: Browser, serve_url: str, client: httpx.Client
) -> None:
    """The server's part is played here: a training takes minutes, and tests of the routes look after it."""
    asked: list[str] = []
    stage = 0  # of the retraining, which goes on when the page has shown it
    with opened(browser, serve_url) as page:

        def retrain(route: Route) -> None:
            if route.request.method == "POST":
                asked.append(route.request.post_data or "")
                answer(route, {"id": JOB.id}, 202)
            else:
                answer(route, {"jobs": [COURSE[stage].as_dict()] if asked else []})

        def promote(route: Route) -> None:
            asked.append(route.request.post_data or "")
            answer(route, {"task": "recognition", "version": 2, "name": JOB.id})

        page.route("**/api/retrain", retrain)
        page.route("**/v1/models/promote", promote)
        tab(page, "Corrections")
        page.get_by_label("Epochs").fill("10")
        page.get_by_label("Technique").select_option("frozen")
        page.get_by_role("button", name="Retrain").click()
        expect(page.locator(".chip")).to_have_text("Waiting")
        stage = 1
        expect(page.locator(".chip")).to_have_text("Training")
        progress = page.get_by_label("Progress of the retraining")
        assert progress.evaluate("bar => bar.value") == pytest.approx(0.45)
        stage = 2
        expect(page.locator(".chip")).to_have_text("Finished")
        expect(page.locator(".comparison tbody tr").first).to_have_text(re.compile(r"50\.0 %\s*80\.0 %"))
        expect(page.locator(".comparison")).to_contain_text("13 mended and 1 broken of 40 held-back lines")
        page.get_by_role("button", name="Promote").click()
        expect(page.locator("#toast")).to_contain_text(f"version 2, {JOB.id}, serves now")
    sent = {"epochs": "10", "batch_size": "16", "learning_rate": "0.0005", "technique": "frozen"}
    for name, value in sent.items():
        assert re.search(rf'name="{name}"\r\n\r\n{value}\r\n', asked[0]), name
    assert "minutes" not in asked[0]
    assert "search" not in asked[0]
    assert json.loads(asked[1]) == {"task": "recognition", "job": JOB.id}


def test_models_tell_what_serves_and_that_nothing_served_before(
    browser: Browser, serve_url: str, client: httpx.Client
) -> None:
    with opened(browser, serve_url, refused=(409,)) as page:
        tab(page, "Models")
        for model in client.get("/v1/models").json()["models"]:
            card = page.locator("article").filter(has_text=re.compile(f"^{model['task']}", re.IGNORECASE))
            expect(card.get_by_role("heading", level=2)).to_have_text(model["name"])
            expect(card.get_by_title(model["version"])).to_have_text(model["version"][:12])
            expect(card).to_contain_text(model["tuning"]["precision"])
        page.get_by_role("button", name="Roll back").click()
        expect(page.locator("#toast")).to_contain_text("recognition must have served another bundle before")


def test_the_key_is_asked_for_once_and_kept_in_the_tab(
    browser: Browser, serve_url: str, client: httpx.Client, photo: Path
) -> None:
    def door(route: Route) -> None:
        if route.request.headers.get("x-api-key") == "sesame":
            route.continue_()
        else:
            body = json.dumps(
                make_error_body(401, "the header must be ..., got no key; ask the one who runs it")
            )
            route.fulfill(status=401, content_type="application/json", body=body)

    with opened(browser, serve_url, refused=(401, 401)) as page:
        page.route(re.compile(r"/(ocr|corrections|api/retrain|v1/models)([?/]|$)"), door)
        page.reload()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("got no key")
        page.get_by_role("textbox", name="API key").fill("guess")
        with page.expect_response("**/corrections*"):
            page.keyboard.press("Enter")
        expect(dialog).to_be_visible()  # that was not it
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        page.get_by_role("button", name="API key").click()
        page.get_by_role("textbox", name="API key").fill("sesame")
        page.get_by_role("button", name="Use this key").click()
        read(page, photo)
        correct(page, 0, "with a key")
        tab(page, "Corrections")
        expect(page.locator(".item img")).not_to_have_js_property("naturalWidth", 0)
        assert page.evaluate("Object.values(sessionStorage)") == ["sesame"]
        assert page.evaluate("Object.values(localStorage)") == []

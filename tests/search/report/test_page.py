"""The report: complete, self-contained, honest about what it cannot say."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from search.records.evidence import Caution, DecodedSplit
from search.records.result import StudyResult
from search.report.importance import measure_importances
from search.report.page.head import headline
from search.report.page.page import report_html, write_report
from search.report.page.pictures import (
    chance_text,
    find_home,
    mark_differences,
    show_confusions,
    show_misreadings,
    worst_first,
)
from search.report.page.svg import Axis, nice_ticks
from search.report.page.tables import show_trials
from search.report.sentences import caution_lines
from search.report.terminal import terminal_table
from tests.search.made_result import image_of, result, trial, trials
from train.reading.calibration import Reliability
from train.scoring.intervals import Gain, Interval

VOID = {"meta", "img", "br", "line", "circle", "rect", "path", "polyline"}


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.terms: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.terms.append(data)

    def count(self, tag: str, part: str = "") -> int:
        return sum(name == tag and part in (attrs.get("class") or "") for name, attrs in self.tags)


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(report_html(result(), image_of))


def gained(low: float, difference: float, high: float) -> StudyResult:
    test = result().comparisons[1]
    gain = Gain(difference=difference, interval=Interval(low=low, high=high))
    return result().model_copy(update={"comparisons": (test.model_copy(update={"gain": gain}),)})


def test_page_is_well_formed_and_loads_nothing(page: Page) -> None:
    assert page.open == []
    sources = [attrs[key] or "" for _, attrs in page.tags for key in ("src", "href") if key in attrs]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in report_html(result(), image_of)
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.tags}


def test_page_shows_every_trial_every_chart_and_every_misreading(page: Page) -> None:
    assert page.count("svg") == 4
    assert page.count("div", "lines") == 1
    assert page.count("img") > 5
    assert page.count("g", "series") + page.count("g", "unscored") == 12
    assert page.count("path", "mark-cross") == 1
    words = " ".join(page.terms)
    for needed in ("t13", "the loss became NaN", "python train/evaluate.py", "rec_gt_val.txt", "2.60.0"):
        assert needed in words
    assert "ModelError: no weights <there>" in words


def test_how_sure_is_shown_beside_how_right_with_counts() -> None:
    groups = (Reliability(said=0.6, lines=3, right=1), Reliability(said=0.99, lines=400, right=398))
    test = DecodedSplit(raw=0.9, decoded=0.95, changed=9, mended=6, broken=1, reliability=groups)
    html = report_html(result().model_copy(update={"decoded": {"validation": test, "test": test}}), image_of)
    assert "<p>The text model on test lines: 90.0 % read greedily, 95.0 % with it; " in html
    assert " 1 spoilt.</p>" in html
    assert "The text model on validation lines" not in html  # these chose it
    page = Page(html)
    assert page.open == []
    words = " ".join(page.terms)
    assert "60.0 % sure: 1 of 3 right, 95 %: 6-79" in words  # few lines are seen to be few
    discs = [attrs for tag, attrs in page.tags if tag == "circle" and attrs["class"] == "mark-dot end"]
    few, many = (float(disc["r"] or 0) for disc in discs[-2:])
    assert few < many / 3
    assert "398 of 400" in words


def test_planned_epochs_stand_beside_those_that_were_run() -> None:
    found = [trial(0), trial(1)]
    planned = [
        one.model_copy(update={"config": one.config.model_copy(update={"epochs": epochs})})
        for one, epochs in zip(found, (24, 8), strict=True)
    ]
    html = show_trials(result(tuple(planned)))
    assert html.count(">epochs<") == 1
    assert re.findall(r">(8|8 of 24)<", html) in (["8 of 24", "8"], ["8", "8 of 24"])
    folds = result(tuple(planned))
    folds = folds.model_copy(update={"evidence": folds.evidence.model_copy(update={"folds": 10})})
    html = show_trials(folds)
    assert ">folds<" in html
    assert html.count(">8 of 10<") == 2
    assert html.count(">epochs<") == 1  # of the settings: the two differ
    assert "  fold  " in terminal_table(folds)


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.1, 0.3, "raised"), (-0.1, 0.2, "No significant gain"), (-0.3, -0.1, "made it worse")],
)
def test_headline_follows_the_interval(low: float, high: float, says: str) -> None:
    assert says in headline(gained(low, (low + high) / 2, high))


def test_a_bundle_that_is_the_baseline_is_no_result_of_fine_tuning() -> None:
    caution = Caution(baseline="tiny", share=0, gain=result().comparisons[0].gain, samples=90)
    said = headline(result().model_copy(update={"caution": caution}))
    assert said.startswith("The bundle is the pretrained baseline, as no gain over it is shown; ")
    worse = caution.model_copy(
        update={"gain": Gain(difference=-0.1, interval=Interval(low=-0.2, high=-0.05))}
    )
    (line,) = caution_lines(result().model_copy(update={"caution": worse}))
    assert "on 90 lines: it is worse, so the bundle is that baseline" in line


def test_without_a_score_the_headline_says_what_to_use_and_how_it_reads() -> None:
    said = headline(result((trial(0, "stopped", 0),)))
    assert said.startswith("No trial finished with a score: use the pretrained baseline; ")
    assert "%: " in said


def test_no_score_stands_without_its_interval(page: Page) -> None:
    """In the headline, the drawings and the techniques: '62.2 %' is followed by '(95 %: 55-69)' or '(55-69)'."""
    interval = r" \((95 %: )?\d+-\d+\)"
    for low, high in ((0.1, 0.3), (-0.1, 0.2), (-0.3, -0.1)):
        said = headline(gained(low, (low + high) / 2, high))
        assert len(re.findall(rf"\d %{interval}", said)) == 2
    words = " ".join(page.terms)
    table = words[words.index("Techniques") : words.index("Pretrained baselines")]
    for part in (table, *(word for word in page.terms if word.startswith(("trial t", "best pretrained")))):
        assert re.search(rf"\d %{interval}", part)
        assert not re.search(rf"\d\.\d %(?!{interval})", part)


@pytest.mark.parametrize("found", [(), trials()[:1], trials()[:3], (trial(0, "failed", 0),)])
def test_small_searches_say_what_cannot_be_said(found: tuple[object, ...], tmp_path: Path) -> None:
    few = result(found).model_copy(update={"comparisons": (), "misreadings": (), "baselines": ()})  # type: ignore[arg-type]
    write_report(few, image_of, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "takes at least 4 trials" in text
    assert Page(text).open == []


def test_importance_finds_the_setting_that_decides() -> None:
    made = [
        t.model_copy(
            update={
                "history": tuple(
                    m.model_copy(update={"scores": replace(m.scores, exact_match=t.config.batch_size / 100)})
                    for m in t.history
                )
            }
        )
        for t in (trial(i) for i in range(24))
    ]
    shares = measure_importances(result(tuple(made)))
    assert next(iter(shares)) == "batch_size"
    assert sum(one.share for one in shares.values()) == pytest.approx(1)
    assert all(0 <= one.low <= one.share <= one.high <= 1 for one in shares.values())
    first, *others = shares.values()
    assert first.low > max(one.high for one in others)
    assert "technique.options.stem" not in shares


def test_equal_scores_have_no_importance() -> None:
    same = tuple(t.model_copy(update={"history": trial(0).history}) for t in trials()[:8])
    assert measure_importances(result(same)) == {}


def test_differing_characters_are_marked_and_lines_stay_aligned() -> None:
    assert mark_differences("A<0", "A<O") == ("A&lt;<mark>0</mark>", "A&lt;<mark>O</mark>")
    assert mark_differences("ABC", "AC") == ("A<mark>B</mark>C", "A<mark>_</mark>C")
    assert mark_differences("AC", "ABC") == ("A<mark>_</mark>C", "A<mark>B</mark>C")


@pytest.mark.parametrize(
    ("sources", "home"),
    [
        (["/d/val/a.png", "/d/val/b.png"], "/d/val/"),
        (["/d/val/a.png", "/d/train/a.png"], "/d/"),
        (["/c/a.png", "/d/a.png"], ""),
        (["images/a.png", "images/b.png"], ""),
    ],
)
def test_the_folder_of_all_files_is_told_once(sources: list[str], home: str) -> None:
    assert find_home(sources) == home
    found = result()
    named = [
        one.model_copy(update={"source": source})
        for one, source in zip(found.misreadings, sources, strict=False)
    ]
    shown = show_misreadings(found.model_copy(update={"misreadings": tuple(named)}), image_of)
    for source in sources:
        assert f"<figcaption>{source.removeprefix(home)}, confidence" in shown
    assert shown.count("Files are named from") == bool(home)


def test_what_is_confused_once_is_seen_in_its_line_alone() -> None:
    found = result()
    shown = show_confusions(found, image_of)
    assert "<h3>0 read as O <span>2 times</span></h3>" in shown
    assert "once" not in shown
    assert show_confusions(found.model_copy(update={"misreadings": found.misreadings[:1]}), image_of) == ""


@pytest.mark.parametrize(
    ("chance", "says"),
    [
        (0.0, "0"),
        (5e-324, "under 1 in 1,000,000,000,000,000"),
        (2.4e-11, "1 in 40,000,000,000"),
        (2.1e-5, "1 in 50,000"),
    ],
)
def test_a_chance_is_told_however_small_it_is(chance: float, says: str) -> None:
    assert chance_text(chance) == says


def test_worst_reading_comes_first() -> None:
    assert worst_first(result().misreadings)[0].reading == ""


def test_ticks_are_round_and_enclose_the_values() -> None:
    assert nice_ticks(0.33, 0.78) == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    assert nice_ticks(0, 3, 6, whole=True) == [0, 1, 2, 3]
    assert len(nice_ticks(0.5, 0.5)) >= 2
    assert Axis(0, 10, 0, 100).at(5) == 50

"""General lines in a study: the space that goes with them, what is refused, what the results say, and one search."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.preflight.cost import Cost
from search.preflight.data import StudyData
from search.preflight.general import drop_forgetful_charset, limit_forgetting
from search.preflight.narrowing import narrow_as_asked
from search.preflight.probing.probe import Probe
from search.records.facts import DataSummary
from search.records.ranking import Forgetting
from search.records.result import Baseline, StudyResult
from search.records.trial import rank
from search.report.page.head import headline
from search.report.page.page import report_html
from search.report.summary import summary
from search.report.techniques import compare_techniques
from search.report.terminal import terminal_table
from search.settings import StudySettings
from spaces.space import SearchSpace, load_space, parse_space
from tests import real_lines
from tests.search.driver import MAX_EPOCHS, label_arguments, search, write_labels
from tests.search.made_result import GENERAL, KNOWN, image_of, result, trial, trials, with_general
from tests.search.report.test_page import Page
from train.config import TrialConfig
from train.errors import ForgettingError, UsageError
from train.scoring.texts import TextScores
from train.system import cli

SPACE = """\
fixed: {{model: pp-ocrv6-tiny, engine: paddle, epochs: {epochs}, batch_size: 8, schedule.name: constant}}
parameters:
  charset: {{choice: [domain, keep]}}
  technique.name: {{choice: [full, frozen]}}
  optimiser.learning_rate: {{float: [1.0e-6, 1.0e-2], log: true}}
  replay: {{float: [0.0, 0.5], when: {{charset: keep}}}}
warm_starts:
  - settings: {{charset: keep, technique.name: full, optimiser.learning_rate: 2.0e-3, replay: 0.0}}
  - settings: {{charset: keep, technique.name: frozen, optimiser.learning_rate: 1.0e-6, replay: 0.5}}
"""


def space_of(text: str = SPACE.format(epochs=2)) -> SearchSpace:
    return parse_space(text, "some", "some.yaml")


def settings(**changes: object) -> StudySettings:
    return StudySettings.model_validate({"name": "some", "storage": "runs"} | changes)


def test_without_general_lines_nothing_is_replayed() -> None:
    bare = narrow_as_asked(space_of(), settings())
    assert bare.fixed["replay"] == 0
    assert len(bare.warm_starts_for(10)) == 2
    assert not any("replay" in point for point in bare.warm_starts_for(10))
    with_lines = settings(general_labels="g.txt")
    told = {"seed": with_lines.seed, "task": "recognition"}
    assert narrow_as_asked(space_of(), with_lines) == space_of().with_fixed(told)
    assert "replay" not in narrow_as_asked(load_space("quick"), settings()).fixed
    assert narrow_as_asked(load_space("recognition"), settings()).fixed["replay"] == 0


def test_a_space_that_insists_on_replay_needs_general_lines() -> None:
    with pytest.raises(
        UsageError, match=r"replay=0\.3 and none; name their labels \(--general-labels FILE\)"
    ):
        narrow_as_asked(space_of("fixed: {replay: 0.3}"), settings())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--max-forgetting", "0.02"], "add --general-labels FILE"),
        (["--general-labels", "g.txt", "--max-forgetting", "2"], "--max-forgetting: "),
        (["--general-labels", "g.txt", "--general-option", "text"], "--general-option text_key=text"),
    ],
)
def test_bad_usage_is_refused(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from search.run import main

    assert cli.run(main, [*arguments, "--storage", str(tmp_path / "runs")]) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.fixture(scope="module")
def data(data_dir: Path) -> StudyData:
    """VIN lines, and words that their 33 characters cannot all write."""
    words = real_lines.lines(data_dir, "scene_words", "val", 20)
    training = replace(real_lines.few_lines(data_dir), general=words, replay=words)
    return StudyData(training, None, DataSummary(path="", samples={}, origins={}))


def probe(model: str, known: float) -> Probe:
    scores = TextScores(4, 0.2, 0.5, 0.2)
    published = Baseline(model=model, charset="keep", scores=scores, general=TextScores(20, known, 0.9, 0.1))
    return Probe(model, (published,), (np.ones((4, 2)),), Cost(1, 1, 1), float, np.ones((20, 2)))


def known_of(data: StudyData, limit: float | None) -> Forgetting:
    given = settings(general_labels="g.txt", max_forgetting=limit)
    found = limit_forgetting(given, [probe("pp-ocrv6-tiny", 0.9), probe("pp-ocrv6-small", 0.95)], data)
    assert found is not None
    return found


def test_a_charset_that_must_forget_too_much_is_left_out(data: StudyData) -> None:
    forgetting = known_of(data, 0.02)
    assert forgetting == Forgetting({"pp-ocrv6-tiny": 0.9, "pp-ocrv6-small": 0.95}, 0.02, 20)
    left, reason = drop_forgetful_charset(space_of(), forgetting, data)
    assert left.choices("charset") == ("keep",)
    assert len(left.warm_starts_for(10)) == 2
    assert "left out charset domain, which forgets at least 0." in reason
    domain_alone = space_of(SPACE.format(epochs=2).replace("[domain, keep]", "[domain]").split("  replay")[0])
    with pytest.raises(UsageError, match="use a space with charset: keep"):
        drop_forgetful_charset(domain_alone, forgetting, data)


def test_a_charset_stays_where_it_is_only_reported_or_can_write_enough(data: StudyData) -> None:
    whole = (space_of(), "")
    assert drop_forgetful_charset(space_of(), None, data) == whole
    assert drop_forgetful_charset(space_of(), known_of(data, None), data) == whole
    assert drop_forgetful_charset(space_of(), known_of(data, 1.0), data) == whole
    vin = replace(data, training=replace(data.training, general=data.training.train))
    assert drop_forgetful_charset(space_of(), known_of(data, 0.02), vin) == whole


def test_replayed_lines_cost_time() -> None:
    cost = Cost(full=0.1, frozen=0.1, evaluate=0.0)
    assert cost.epoch_seconds(TrialConfig(replay=0.5), 100, 0) == pytest.approx(20)


def test_everything_shows_both_scores() -> None:
    found = with_general(0.02, [0.0, 0.1])
    text, page, numbers = terminal_table(found), report_html(found, image_of), summary(found)
    assert found.winner is not None
    assert int(found.winner.id[1:]) % 2 == 0
    assert numbers["general"]["max_forgetting"] == 0.02
    assert numbers["general"]["comparison"]["best"]["n"] == GENERAL
    assert {t["general"]["eligible"] for t in numbers["trials"] if t["general"]} == {True, False}
    kept = numbers["best"]["general"]
    assert kept.pop("interval_95") == pytest.approx([0.598, 0.858], abs=1e-3)
    assert kept == {
        "exact_match": KNOWN, "edit_similarity": 0.9, "forgetting": 0.0, "eligible": True,
    }  # fmt: skip
    assert numbers["baseline"]["general"]["exact_match"] == KNOWN
    lines = text.splitlines()
    assert " ".join(lines[0].split()).endswith("CER general forgot, pts epoch time settings")
    assert lines[1].split()[1] == found.winner.id
    assert "75.0 %" in next(line for line in lines if " baseline " in line)
    assert "ranked last and never the winner: 6 of 12 trials" in text
    assert f"Exact match on {GENERAL} general lines" in text
    words = " ".join(Page(page).terms)
    assert "General skill, on 40 other lines" in words
    assert "finished, forgot" in words
    assert "4 (3 scored, 3 forgot)" in words
    assert Page(page).open == []


def test_where_everything_forgets_nothing_wins() -> None:
    found = with_general(0.02, [0.1, 0.2])
    text, numbers = terminal_table(found), summary(found)
    assert found.winner is None
    assert numbers["best"] is None
    assert [t["general"]["eligible"] for t in numbers["trials"] if t["general"]] == [False] * 12
    assert "nothing is exported" in text
    assert "forgot too much" in headline(found)
    assert Page(report_html(found, image_of)).open == []


@pytest.mark.parametrize(
    ("falls", "limit", "status", "says"),
    [
        ([0.1], 0.02, 1, "at least 0.100 in every trial; raise --max-forgetting"),
        ([0.1, 0.0], 0.02, 0, ""),
        ([0.1], None, 0, ""),
    ],
)
def test_a_search_without_a_winner_ends_with_1(
    falls: list[float], limit: float | None, status: int, says: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from search.run import main

    ended: Callable[..., StudyResult] = lambda *_: with_general(limit, falls)  # noqa: E731
    monkeypatch.setattr("search.study.run_study", ended)
    assert cli.run(main, ["--name", "some"]) == status
    assert says in capsys.readouterr().err
    assert ForgettingError.exit_status == 1


def test_techniques_stand_side_by_side() -> None:
    found = compare_techniques(trials())
    assert sum(one.trials for one in found) == 14
    assert sum(one.scored for one in found) == len(rank(trials()))
    assert {one.technique for one in found} == {"full", "frozen", "discriminative", "gradual"}
    assert [one.best for one in found] == sorted((one.best or 0 for one in found), reverse=True)
    first = found[0]
    same = [t for t in trials() if t.config.technique.name == first.technique]
    assert first.seconds == sum(t.seconds for t in same)
    assert first.median is not None
    assert first.median <= (first.best or 0)
    assert first.median in [t.score for t in same], "of a trial, so that it has an interval"
    for score, interval in ((first.best, first.best_interval), (first.median, first.median_interval)):
        assert interval is not None
        assert interval.low < (score or 0) < interval.high
    assert summary(result())["techniques"][0]["engine"] == "paddle"
    torch = trial(1).model_copy(update={"config": trial(1).config.model_copy(update={"engine": "torch"})})
    assert len(compare_techniques([trial(1), torch])) == 2
    failed = compare_techniques([trial(0, "failed", 0), trial(1)])
    assert [(one.scored, one.best is None) for one in failed] == [(1, False), (0, True)]


@pytest.mark.slow
def test_a_search_that_keeps_what_it_knew(data_dir: Path, tmp_path: Path) -> None:
    labels = write_labels(data_dir, tmp_path / "labels", 24, 12)
    words = real_lines.samples(data_dir, "scene_words", "val", 24)
    general = tmp_path / "rec_gt_general.txt"
    general.write_text("".join(f"{s.path.resolve()}\t{s.text}\n" for s in words), encoding="utf-8")
    (tmp_path / "tiny.yaml").write_text(SPACE.format(epochs=3), encoding="utf-8")
    run = search(
        "--storage", tmp_path, "--name", "kept", *label_arguments(labels), "--general-labels", general,
        "--max-forgetting", 0.1, "--space", tmp_path / "tiny.yaml", "--test-fraction", 0,
        "--max-epochs", MAX_EPOCHS, "--trials", 2, "--concurrent", 1,
    )  # fmt: skip
    assert run.wait() == 0, run.output
    kept = json.loads((tmp_path / "kept" / "study.json").read_text(encoding="utf-8"))
    assert (kept["general_labels"], kept["max_forgetting"]) == (str(general), 0.1)
    found = json.loads((tmp_path / "kept" / "summary.json").read_text(encoding="utf-8"))
    assert "left out charset domain" in run.output
    assert found["data"]["samples"] == {"train": 24, "val": 12, "general": 12, "replay": 12}
    forgetful, faithful = found["trials"]
    assert forgetful["general"]["forgetting"] > 0.1
    assert not forgetful["general"]["eligible"]
    assert faithful["general"]["eligible"]
    assert (found["best"]["trial"], faithful["config"]["replay"]) == (faithful["id"], 0.5)
    known = next(b for b in found["baselines"] if b["charset"] == "keep")["general"]["exact_match"]
    after = found["general"]["comparison"]["best"]["exact_match"]
    assert known - after <= 0.1 + 1e-9
    assert (tmp_path / "kept" / "best" / "inference.onnx").is_file()

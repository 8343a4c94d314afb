"""Few samples: folds without a shared text, scores over all of them, and a real search of them."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records.evidence import Evidence
from search.records.from_reports import Samples, find_state, measure_report
from search.records.trial import rank
from search.records.trial_report import EPOCH, EPOCH_SECONDS, FoldReport, TrialReport, join_rows
from search.report.page.page import report_html
from search.report.summary import summary
from search.report.terminal import terminal_table
from search.selection.choose import compare_trials
from search.settings import StudySettings
from search.storage.journal import TrialJournal
from search.trials import folds
from search.trials.folds import (
    Fold,
    average_folds,
    choose_folds,
    deal,
    fold_order,
    pool_splits,
    run_folds,
    split_folds,
    train_fold,
)
from tests import real_lines
from tests.search.driver import PARAMETERS, label_arguments, write_labels
from tests.search.made_result import image_of, result, rows, share, trial
from tests.search.tiny_search import tiny_search
from train.bundle import load_bundle
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.charset import Charset
from train.errors import DivergedError, UsageError
from train.loop import TrainingData
from train.scoring.intervals import paired_gain_interval
from train.scoring.texts import TextScores
from train.steps.report import Metrics, SeldomReport
from train.tasks import TASKS

FINISHED = Path(__file__).resolve().parents[2] / "before" / "studies" / "tiny"


def settings(**others: Any) -> StudySettings:
    return StudySettings(name="some", storage="runs", **others)


@pytest.mark.parametrize(
    ("others", "samples", "folds"),
    [
        ({}, 199, 5),
        ({}, 200, 1),
        ({"folds": 1}, 50, 1),
        ({"folds": 3}, 5000, 3),
        ({"scheduler": "pbt"}, 50, 1),
        ({"workers": 2}, 50, 1),
    ],
)
def test_few_samples_are_scored_over_folds(others: dict[str, Any], samples: int, folds: int) -> None:
    assert choose_folds(settings(**others), samples).folds == folds


@pytest.mark.parametrize(
    "others", [{"scheduler": "pbt", "folds": 2}, {"workers": 2, "folds": 2}, {"confirm": 1}]
)
def test_what_cannot_be_scored_over_folds_is_refused(others: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="folds"):
        choose_folds(settings(**others), 50)


@given(st.lists(st.sampled_from("ABCDEFGH"), min_size=1, max_size=60), st.integers(1, 6), st.integers(0, 3))
def test_no_text_is_in_two_groups(texts: list[str], groups: int, seed: int) -> None:
    found = deal(texts, groups, seed, spread=False)
    assert sorted(index for group in found for index in group) == list(range(len(texts)))
    held = [{texts[index] for index in group} for group in found]
    assert sum(map(len, held)) == len(set(texts))
    assert found == deal(texts, groups, seed, spread=False)


def test_classes_are_spread_over_the_groups() -> None:
    found = deal(["0", "180"] * 10, 4, 0, spread=True)
    assert sorted(map(len, found)) == [5, 5, 5, 5]
    assert all({index % 2 for index in group} == {0, 1} for group in found)


def test_every_sample_is_read_once_by_who_has_not_seen_its_text(data_dir: Path) -> None:
    data = real_lines.few_lines(data_dir, train=12, val=4)
    parts = split_folds(data, 4, TASKS.get("recognition"), 0)
    assert parts[0] is data
    read = [source for part in parts for source in part.val.sources]
    assert sorted(read) == sorted((*data.train.sources, *data.val.sources))
    order = fold_order(data, 4, TASKS.get("recognition"), 0)
    assert [pool_splits(data).val.sources[place] for place in order] == read
    for part in parts[1:]:
        assert not set(part.val.texts) & set(part.train.texts)
        assert set(data.val.sources) <= set(part.train.sources)
        index = len(part.val) - 1
        both = [*data.train.sources, *data.val.sources]
        where = both.index(part.val.sources[index])
        own = data.train.image(where) if where < len(data.train) else data.val.image(where - len(data.train))
        np.testing.assert_array_equal(part.val.image(index), own)


def test_a_fold_whose_last_epoch_is_scored_has_no_patience_and_reads_nothing_before(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[TrialConfig, list[bool]]] = []

    def stop(config: TrialConfig, _: Any, report: SeldomReport, **__: Any) -> None:
        seen.append((config, [report.is_due(epoch, 3) for epoch in (1, 2, 3)]))
        raise DivergedError("seen", "enough", "stop")

    monkeypatch.setattr(folds, "train", stop)
    with pytest.raises(DivergedError):
        train_fold(real_lines.config(patience=2), real_lines.few_lines(data_dir))
    assert seen == [(real_lines.config(patience=0), [False, False, True])]


def fold(right: Sequence[int], seconds: float = 1) -> Fold:
    share_right = sum(right) / len(right)
    metrics = {"exact_match": share_right, "edit_similarity": 0.5, "cer": 0.1, "loss": 1.0}
    kept = Checkpoint(real_lines.config(), Charset(("A",)), 2, metrics, {})
    return Fold(metrics, rows(np.array(right, bool)), len(right), seconds, kept)


def report(done: Sequence[Fold], of: int, config: TrialConfig) -> TrialReport:
    """Return the report after the last fold, as a row that Tune hands on."""
    metrics, last = average_folds(done, of, config)
    return TrialReport.from_row(TrialReport(metrics, 0.5, 0.5, fold=last).to_row())


def test_scores_of_folds_are_means_over_samples() -> None:
    done = [fold([1, 1, 1, 1]), fold([0, 0])]
    first, second = (report(done[:number], 3, real_lines.config()) for number in (1, 2))
    made = measure_report(second, TextScores, Samples(99))
    assert (made.fold, made.scores.n, made.scores.primary) == (2, 6, pytest.approx(4 / 6))
    read = join_rows([first, second])
    assert read is not None
    np.testing.assert_array_equal(read[:, 1], [1, 1, 1, 1, 0, 0])
    assert join_rows([TrialReport.from_row({EPOCH: 1})]) is None


def test_a_trial_is_finished_after_its_last_fold() -> None:
    def find(folds: int, epochs: int) -> tuple[str, str]:
        last = report([fold([1])] * folds, 3, real_lines.config())
        return find_state(TrialJournal("a", {}, [last.to_row()]), last, real_lines.config(epochs=epochs))

    assert find(2, epochs=2) == ("stopped", "stopped after fold 2 of 3 (scheduler or time budget)")
    assert find(3, epochs=9) == ("finished", "")


def test_more_folds_rank_above_a_lucky_first_one() -> None:
    lucky, whole = trial(0, top=0.9), trial(1, top=0.5)
    lucky, whole = (
        one.model_copy(
            update={
                "history": tuple(m.model_copy(update={"fold": f}) for f, m in enumerate(one.history[:n], 1))
            }
        )
        for one, n in ((lucky, 1), (whole, 5))
    )
    assert rank([lucky, whole]) == [whole, lucky]
    assert whole.best == whole.history[-1], "the last holds all folds; the best of them would flatter"


def test_differences_are_of_the_same_samples() -> None:
    right, wrong = fold([1] * 20), fold([0] * 20)
    done = {"t00": [right, right], "t01": [right, wrong], "t02": [right]}
    reports = {
        name: [report(parts[:count], 2, real_lines.config()) for count in range(1, len(parts) + 1)]
        for name, parts in done.items()
    }
    found = compare_trials([trial(index) for index in range(3)], reports, 0)
    assert list(found) == ["t01"], "t02 was stopped after its first fold"
    assert found["t01"].difference == pytest.approx(-0.5)
    assert found["t01"].interval.high < 0


def test_the_report_says_how_little_a_difference_means() -> None:
    gain = paired_gain_interval(rows(np.ones(20, bool)), rows(np.arange(20) < 19), share, 0)
    folded = result().model_copy(update={"evidence": Evidence(folds=5, differences={"t1": gain})})
    assert "Trial t1 against the winner: -5.0 points" in terminal_table(folded)
    assert "which may be chance" in report_html(folded, image_of)
    assert summary(folded)["differences"]["t1"]["difference"] == pytest.approx(-0.05)
    assert "folds" not in terminal_table(result())


@pytest.mark.slow
def test_a_trial_that_goes_on_after_its_first_fold_trains_only_the_others(data_dir: Path) -> None:
    parts = split_folds(real_lines.few_lines(data_dir, train=8, val=4), 2, TASKS.get("recognition"), 0)
    whole = run(parts, None)
    assert whole[0][2] is not None
    rest = run(parts, whole[0][2])
    assert len(rest) == 1
    (after, fold_after, _), (once, fold_once, _) = rest[0], whole[1]
    assert {**after, EPOCH_SECONDS: 0} == {**once, EPOCH_SECONDS: 0}
    assert fold_after == fold_once


def run(
    parts: list[TrainingData], saved: Checkpoint | None
) -> list[tuple[Metrics, FoldReport, Checkpoint | None]]:
    found: list[tuple[Metrics, FoldReport, Checkpoint | None]] = []
    run_folds(real_lines.config(epochs=1), parts, lambda *reported: found.append(reported), saved)
    return found


@pytest.mark.slow
def test_a_real_search_over_folds_for_accuracy_and_latency_begins_with_another_ones_best(
    data_dir: Path, tmp_path: Path
) -> None:
    space = tmp_path / "some.yaml"
    text = "fixed: {model: tiny-recogniser, engine: torch, charset: domain, epochs: 1, batch_size: 8, fit_width: 0}\n"
    space.write_text(text + PARAMETERS.format(), "utf-8")
    old = "\u8eca\u724c cut"
    shutil.copytree(FINISHED, tmp_path / old)
    labels = write_labels(data_dir, tmp_path / "labels", 16, 6)
    asked = ["--scheduler", "none", "--trials", 2, "--test-fraction", 0, "--fork", old]
    asked += ["--objectives", "accuracy,latency"]
    run = tiny_search(
        *label_arguments(labels, folds=2), "--space", space, "--storage", tmp_path, "--name", "some", *asked
    )
    assert run.wait() == 0, run.output
    found = json.loads((tmp_path / "some" / "summary.json").read_text(encoding="utf-8"))
    assert found["folds"] == 2
    assert {one["epochs"] for one in found["trials"]} == {2}
    assert found["baseline"]["n"] == 22, "the baseline reads the samples of all folds"
    assert found["best"]["n"] == 6, "what is told of validation is of the first fold's network"
    assert found["best"]["refit"] == {"averaged": False, "epochs": 1, "samples": 21}, (
        "all but one with a character of its own"
    )
    assert (
        "The bundle is the winner trained once more, 1 epoch on all 21 lines, validation included"
        in run.output
    )
    assert "LABELS" in found["commands"]["evaluate"]
    assert load_bundle(tmp_path / "some" / "best").manifest.learned_val
    assert len(found["differences"]) == 1
    assert "fold    2/2" in run.output
    assert [one["trial"] for one in found["front"] if one["chosen"]] == [found["best"]["trial"]]
    assert len({one["latency"]["ms"] for one in found["trials"]}) == 1, "one architecture, measured once"
    assert "fork: 2 of its 2 best" in run.output
    assert tried_by(found) == tried_by(json.loads((FINISHED / "summary.json").read_text(encoding="utf-8")))


def tried_by(study: dict[str, Any]) -> list[tuple[str, float]]:
    """Return technique and learning rate of every trial, sorted: which of two equals comes first is open."""
    configs = [one["config"] for one in study["trials"]]
    return sorted((one["technique"]["name"], one["optimiser"]["learning_rate"]) for one in configs)


def test_no_document_is_in_two_folds(data_dir: Path) -> None:
    few = real_lines.few_lines(data_dir, train=12, val=4)
    sources = (*few.train.sources, *few.val.sources)
    data = replace(few, documents={Path(source): f"page {n % 5}" for n, source in enumerate(sources)})
    for part in split_folds(data, 4, TASKS.get("recognition"), 0)[1:]:
        mine, rest = data.documents_in(part.val), data.documents_in(part.train)
        assert mine
        assert rest
        assert not set(mine) & set(rest)

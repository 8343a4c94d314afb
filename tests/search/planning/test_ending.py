"""What is kept for the end: what was measured, with room where the machine becomes slower, and no more."""

from dataclasses import astuple, replace
from types import SimpleNamespace
from typing import Any

import pytest

from search.planning.ending import (
    REPORT_S,
    SLOWER,
    UNREHEARSED_S,
    Ending,
    plan_ending,
    reserve_text_models,
)
from search.preflight.data import StudyData
from search.preflight.probing.rehearsal import Rehearsal
from search.records.facts import DataSummary
from search.settings import StudySettings
from train.cut import Cut
from train.tasks import TASKS

STUDY = StudySettings(name="some", storage="runs", time_budget_s=600, folds=1)
REHEARSED = Rehearsal(build_s=4, export_s=9)


def data(val: int, test: int, general: int = 0) -> StudyData:
    training: Any = SimpleNamespace(val=range(val), general=range(general) if general else None)
    some: Any = range(test)
    return StudyData(training, some, DataSummary(path="", samples={}, origins={}))


def planned(changes: dict[str, Any] | None = None, **lines: int) -> Ending:
    settings = STUDY.model_copy(update=changes or {})
    found = plan_ending(settings, data(**{"val": 100, "test": 300} | lines), 0.01, REHEARSED, 0.0)
    assert found is not None
    return found


def test_each_step_has_what_was_measured_of_it() -> None:
    """Both splits are read twice, general lines once; an average reads these and validation, a voter validation."""
    ending = planned(general=50)
    assert astuple(ending) == pytest.approx((4, 9, 2 * 4 + 0.5, 0, 7 * 1.5, 2 * (0.5 + 1), 3 * 1.0, 0))
    assert ending.reserved_s == pytest.approx(4 + 9 + 8.5 + REPORT_S + 10.5 + 3 + 3)
    assert (
        plan_ending(STUDY.model_copy(update={"time_budget_s": None}), data(9, 9), 0.1, REHEARSED, 0.0) is None
    )


def test_what_has_to_be_done_fits_on_a_slower_machine() -> None:
    """What may be done gives way, so it is no part of the margin."""
    needed = Ending(build_s=4, export_s=9, reading_s=5)
    assert needed.reserved_s == SLOWER * 20
    assert replace(needed, average_s=4, labels_s=2).reserved_s == SLOWER * 20
    assert replace(needed, average_s=4, labels_s=9).reserved_s == 33
    assert replace(needed, unmeasured_s=24).reserved_s == SLOWER * 20 + 24


def test_no_budget_goes_for_readings_alone() -> None:
    ending = planned(val=100_000)
    assert (SLOWER * ending.reading_s, ending.average_s, ending.labels_s) == (120, 36, 30)


def test_where_lines_are_divided_the_words_count_for_a_text_model() -> None:
    words = STUDY.model_copy(update={"cut": Cut(words=True)})
    for texts, count in ((["AB CD EF"] * 10, 30), (["AB"] * 19, 0), (["AB"] * 9 + ["AB CD EF"] * 900, 1000)):
        lines: Any = SimpleNamespace(texts=texts)
        assert reserve_text_models(words, lines) == (pytest.approx(2 * (0.5 + 0.01 * count)) if count else 0)


def test_over_folds_nothing_is_averaged() -> None:
    assert planned({"folds": 5}).average_s == 0


@pytest.mark.parametrize("changes", [{"recognition": "bundle"}, {"storage": "s3://bucket/runs"}])
def test_what_cannot_be_measured_has_a_share(changes: dict[str, Any]) -> None:
    assert planned(changes).reserved_s == planned().reserved_s + 24


def test_a_network_that_was_not_tried_has_time_of_its_own() -> None:
    for budget_s, kept in ((600, SLOWER * UNREHEARSED_S), (36000, 0.04 * 36000)):
        settings = STUDY.model_copy(update={"time_budget_s": budget_s})
        ending = plan_ending(settings, data(0, 0), 0.01, None, 0.0)
        assert ending is not None
        assert ending.build_s == 0
        assert ending.reserved_s == pytest.approx(kept + SLOWER * REPORT_S)


def test_thresholds_are_chosen_for_the_winner_of_one_split() -> None:
    for folds, needed in ((1, 40), (5, 0)):
        ending = plan_ending(STUDY.model_copy(update={"folds": folds}), data(0, 0), 0.01, REHEARSED, 40)
        assert ending is not None
        assert ending.reserved_s == SLOWER * (4 + 9 + needed + REPORT_S)
        assert ending.after_readings_s == 9 + needed + REPORT_S


@pytest.mark.parametrize("task", TASKS.names())
def test_only_a_task_with_a_label_check_has_time_for_one(task: str) -> None:
    assert (planned({"task": task}).labels_s > 0) == TASKS.get(task).has_texts()

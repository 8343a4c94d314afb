"""How long a trial may run, and that no plan goes past the time that is left."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.planning.budget import (
    LEAST_EPOCHS,
    SAFETY,
    allot_seconds,
    choose_initial_epochs,
    choose_trial_seconds,
    plan_epochs,
    plan_population_epochs,
)
from search.planning.ending import Ending
from search.planning.time_budget import TimeBudget, divide, make_budget
from search.preflight.cost import Cost
from search.preflight.data import StudyData
from search.preflight.probing.probe import Probe
from search.records.facts import DataSummary
from search.records.result import Baseline
from search.settings import StudySettings
from spaces.space import load_space
from tests.real_lines import few_lines
from train.config import TrialConfig, config_from_mapping
from train.scoring.texts import TextScores

COST = Cost(full=0.05, frozen=0.02, evaluate=0.01)
seconds = st.floats(0.1, 1e4)
remaining = st.floats(-100, 1e5)
limits = st.integers(1, 200)


def config(technique: str, **options: float) -> TrialConfig:
    return config_from_mapping({"technique": {"name": technique, "options": options}}, "test")


def test_synthetic_lines_take_their_time() -> None:
    usual, mixed = (COST.epoch_seconds(TrialConfig(synthetic=share), 100, 0) for share in (0.0, 0.5))
    assert mixed == pytest.approx(2 * usual)


@given(seconds, remaining, limits)
def test_a_plan_never_goes_past_the_time_that_is_left(epoch: float, left: float, limit: int) -> None:
    epochs = plan_epochs(epoch, left, limit)
    assert 0 <= epochs <= limit
    assert epochs * epoch * SAFETY <= max(0.0, left) * (1 + 1e-9)
    assert epochs == 0 or epochs >= min(LEAST_EPOCHS, limit)


@given(seconds, limits)
def test_without_a_budget_every_trial_runs_to_its_end(epoch: float, limit: int) -> None:
    assert plan_epochs(epoch, None, limit) == limit


@given(seconds, remaining, limits, st.floats(1, 1e5))
def test_trials_of_the_usual_length_share_the_time_or_one_takes_it_all(
    epoch: float, left: float, limit: int, usual: float
) -> None:
    epochs = plan_epochs(epoch, left, limit, usual)
    affordable = max(0, int(left / (epoch * SAFETY)))
    share = int(left / max(1, round(left / usual)) / (epoch * SAFETY))
    assert epochs in {0, min(share, limit), min(affordable, limit)}
    assert epochs * epoch * SAFETY <= max(0.0, left) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("left", "epochs"), [(-5, 0), (0, 0), (10, 0), (32, 0), (34, 3), (56, 5), (111, 5), (200, 6), (900, 5)]
)
def test_plans_at_ten_seconds_an_epoch(left: float, epochs: int) -> None:
    """The usual trial takes 60 seconds: two of five epochs in 111, none in 32."""
    assert plan_epochs(10.0, left, 12, 60) == epochs


@pytest.mark.parametrize(
    ("left", "most", "usual"),
    [(100, None, 100), (329, None, 329), (331, None, 165.5), (496, None, 496 / 3), (900, None, 300)],
)
def test_a_budget_is_for_up_to_three_good_trials_one_after_the_other(
    left: float, most: int | None, usual: float
) -> None:
    assert choose_trial_seconds(10.0, left, most) == pytest.approx(usual)


@given(seconds, st.floats(0, 1e5), limits, st.floats(1, 1e5))
def test_a_plan_is_what_fits_into_the_time_that_is_allotted(
    epoch: float, left: float, limit: int, usual: float
) -> None:
    allotted = allot_seconds(epoch, left, usual)
    assert allotted <= left
    epochs = plan_epochs(epoch, left, limit, usual)
    assert epochs in (0, min(limit, int(allotted / (epoch * SAFETY))))


@given(limits, limits)
def test_a_trial_that_fits_itself_begins_longer_than_expected(epochs: int, limit: int) -> None:
    hoped = choose_initial_epochs(min(epochs, limit), limit)
    assert min(epochs, limit) <= hoped <= limit
    assert hoped == limit or hoped >= 1.4 * epochs


@pytest.mark.parametrize("limit", [1, 2])
def test_a_short_schedule_that_was_asked_for_is_run(limit: int) -> None:
    assert plan_epochs(10.0, 100, limit, 60) == plan_population_epochs(10.0, 100, 1, limit) == limit
    assert plan_epochs(10.0, 10, limit, 60) == plan_population_epochs(10.0, 10, 1, limit) == 0


def test_where_there_is_but_one_trial_it_gets_all() -> None:
    assert choose_trial_seconds(10.0, 900, 1) == 900
    assert choose_trial_seconds(10.0, -3) == -3
    assert plan_epochs(10.0, -3, 12, -3) == 0


def test_an_epoch_costs_what_its_technique_computes() -> None:
    def cost(technique: TrialConfig) -> float:
        return COST.epoch_seconds(technique, 100, 50)

    assert cost(config("full")) == pytest.approx(5.5)
    assert cost(config("frozen")) == pytest.approx(2.5)
    assert cost(config("discriminative")) == pytest.approx(5.5)
    assert cost(config("discriminative", stem=0, backbone_early=0, backbone_late=0)) == pytest.approx(2.5)
    assert 2.5 < cost(config("gradual")) < 5.5


def test_reading_costs_too() -> None:
    assert COST.epoch_seconds(config("full"), 0, 300) == pytest.approx(3)


def test_over_folds_validation_is_read_once_a_fold() -> None:
    """Five folds of 100 lines, of some fifteen epochs: fifteen are read after a mean one, where 225 were."""
    alone = TimeBudget(None, 30, 100, 225, {TrialConfig().model: COST})
    assert alone.epoch_seconds(config("full")) == pytest.approx(100 * 0.05 + 225 * 0.01)
    folds = TimeBudget(None, 30, 100, 225, {TrialConfig().model: COST}, folds=5)
    assert folds.epoch_seconds(config("full")) == pytest.approx(5 * (100 * 0.05 + 15 * 0.01))


@pytest.fixture
def best() -> Probe:
    """A model that read 100 lines."""
    baseline = Baseline(model="pp-ocrv6-tiny", charset="domain", scores=TextScores(100, 0.5, 0.5, 0.1))
    return Probe(
        baseline.model, (baseline,), (np.ones((100, 2)),), COST, lambda sums: float(sums[1] / sums[0])
    )


def test_the_whole_budget_leaves_time_for_what_follows_the_search(data_dir: Path, best: Probe) -> None:
    data = StudyData(few_lines(data_dir), None, DataSummary(path="", samples={}, origins={}))
    settings, space = StudySettings(name="some", storage="runs", time_budget_s=3600), load_space("quick")
    ending = Ending(build_s=4, export_s=9, reading_s=3, average_s=2, labels_s=1)
    whole = make_budget(settings, space, [best], data, started=1000.0, ending=ending)
    assert whole.deadline == 1000 + 3600 - ending.reserved_s
    assert (whole.train_lines, whole.val_lines, whole.costs) == (8, 4, {best.model: COST})
    endless = make_budget(
        settings.model_copy(update={"time_budget_s": None}), space, [best], data, 1000.0, None
    )
    assert endless.deadline is None
    short = make_budget(settings.model_copy(update={"max_epochs": 3}), space, [best], data, 1000.0, ending)
    assert short.max_epochs == 3 < whole.max_epochs == space.fixed["epochs"]


def test_time_to_train_the_best_again_is_taken_from_the_search(best: Probe) -> None:
    """Trials take 180 s, and 2000 s are left: a fifth of them is kept."""
    whole = TimeBudget(3000.0, 30, 100, 100, {best.model: COST})
    settings = StudySettings(name="some", storage="runs", time_budget_s=2100)
    divided = divide(whole, settings, [best], concurrent=2, now=1000.0)
    assert divided.reserved_s == pytest.approx(0.2 * 2000)
    assert divided.deadline == pytest.approx(3000 - divided.reserved_s)
    assert divided.usual_s == pytest.approx(choose_trial_seconds(6.0, 2000 - divided.reserved_s))
    assert (whole.deadline, whole.usual_s) == (3000.0, None), "the whole stays what it is"
    unconfirmed = divide(whole, settings.model_copy(update={"confirm": 0}), [best], concurrent=2, now=1000.0)
    assert (unconfirmed.deadline, unconfirmed.reserved_s) == (3000.0, 0.0)
    endless = TimeBudget(None, 30, 100, 100, {best.model: COST})
    assert divide(endless, settings, [best], concurrent=2, now=1000.0) == endless

"""The bundle stays near the pretrained baseline where no gain over it is shown."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.records.result import PRETRAINED
from search.selection.caution import (
    SHARES,
    apply_caution,
    interpolate,
    is_likely,
    is_start_of,
    measure_probability,
)
from search.selection.judge import ProbedBaseline, list_baselines
from search.selection.outcome import Searched
from search.selection.soup import read_weights
from tests import real_lines
from tests.search.selection.test_soup import perturbed
from tests.search.selection.test_winner import Made, searched
from train.config import TrialConfig
from train.models import MODELS
from train.scoring.intervals import Gain, Interval, paired_share_gain
from train.tasks import Task
from train.tasks.recognition import Recognition
from train.trained.loaded import Loaded, load_network


@pytest.fixture(scope="module")
def made(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A study whose trials ended with the pretrained weights."""
    data = real_lines.few_lines(data_dir, train=8, val=6)
    return searched(data, data.val, tmp_path_factory.mktemp("study"))


@pytest.mark.parametrize(
    ("n", "won", "lost", "likely"),
    [(50, 1, 0, False), (50, 2, 0, False), (120, 4, 0, True), (100, 6, 5, False)],
)
def test_a_gain_is_likely_before_it_is_significant(n: int, won: int, lost: int, likely: bool) -> None:
    lines = np.arange(n)
    gain = paired_share_gain(lines >= won, lines < n - lost)
    assert gain.interval.low <= 0
    assert is_likely(gain, won + lost) == likely


@pytest.mark.parametrize(("differing", "likely"), [(1, False), (3, False), (4, True)])
def test_a_gain_on_three_photos_is_not_likely_however_large(differing: int, likely: bool) -> None:
    """Where a bootstrap draws none of them the gain is 0, else large: its middle says little."""
    assert is_likely(Gain(difference=0.2, interval=Interval(low=0, high=0.5)), differing) == likely


def damaged(made: Made) -> Loaded:
    return load_network(perturbed(made.best, 0.3, 1), made.search.data.training.train)


def test_a_winner_without_a_gain_is_replaced_by_the_baseline(made: Made) -> None:
    """It reads some of six lines otherwise; what it lost elsewhere they cannot show."""
    network, averaged, caution = apply_caution(made.search, made.selection, damaged(made), ("a",))
    assert caution is not None
    assert (averaged, caution.share, caution.samples) == ((PRETRAINED,), 0, 6)
    assert caution.gain.interval.low <= 0
    assert "lines 320 px wide" in caution.baseline
    for name, array in network.checkpoint.weights.items():
        np.testing.assert_array_equal(array, made.best.weights[name])


def best_baseline(made: Made) -> ProbedBaseline:
    return list_baselines(made.search.probes, made.search.data.training)[0]


def sharpened(made: Made, factor: float) -> Loaded:
    """Return the pretrained network with a head that is surer of the same characters, or less sure."""
    head = MODELS.get(made.best.config.model).head
    weights = {
        name: array * np.float32(factor) if name.startswith(f"{head}.") else array
        for name, array in made.best.weights.items()
    }
    checkpoint = replace(made.best, state={"weights": weights})
    return load_network(checkpoint, made.search.data.training.train)


@pytest.mark.parametrize(("factor", "share"), [(1.5, SHARES[0]), (0.7, 0)])
def test_a_winner_that_is_surer_of_easy_labels_takes_the_bundle_a_part_of_its_way(
    made: Made, factor: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert measure_probability(made.search, sharpened(made, factor), best_baseline(made)) is None, (
        "few samples"
    )
    monkeypatch.setattr("search.selection.caution.FEW", len(made.search.data.training.train))
    caution = apply_caution(made.search, made.selection, sharpened(made, factor), ("a",))[2]
    assert caution is not None
    assert caution.gain.difference == 0, "as many are read right"
    assert caution.share == share
    assert caution.probability is not None
    assert (caution.probability.difference > 0) == (share > 0)


def test_without_time_to_compare_weights_a_likely_gain_is_halved_and_not_given_up(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.selection.caution.is_likely", lambda gain, differing: True)
    monkeypatch.setattr(Searched, "has_time_to_read", False)
    readings: list[object] = []
    monkeypatch.setattr(
        "search.selection.caution.read_weights", lambda *given: readings.append(given) or read_weights(*given)
    )
    caution = apply_caution(made.search, made.selection, sharpened(made, 1.5), ("a",))[2]
    assert caution is not None
    assert (caution.share, len(readings)) == (0.5, 1)


def test_the_baseline_is_not_read_for_the_probability_of_labels_that_have_none(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.selection.caution.FEW", 0)
    monkeypatch.setattr(Recognition, "losses", Task.losses)
    baseline = best_baseline(made)
    assert measure_probability(made.search, sharpened(made, 1.5), baseline) is None
    assert "network" not in vars(baseline), "it was not built"


@pytest.mark.parametrize(
    ("task", "alike"), [("recognition", False), ("detection", True), ("orientation", True)]
)
def test_a_charset_tells_starts_apart_where_a_task_spells(task: str, alike: bool) -> None:
    assert is_start_of(TrialConfig(task=task, charset="keep"), TrialConfig(task=task)) == alike


def test_weights_between_lie_between_and_read_as_well_as_the_start(made: Made) -> None:
    winner = load_network(perturbed(made.best, 0.01, 2), made.search.data.training.train)
    baseline = best_baseline(made)
    between = interpolate(made.search, winner, baseline)
    assert between is not None
    share, network = between
    assert share in SHARES
    assert network.read(made.search.data.training.val).scores.rank >= baseline.baseline.scores.rank
    name = next(name for name, array in winner.checkpoint.weights.items() if array.ndim > 1)
    start, end = made.best.weights[name], winner.checkpoint.weights[name]
    np.testing.assert_allclose(network.checkpoint.weights[name], (1 - share) * start + share * end, atol=1e-6)
    other = replace(baseline, config=baseline.config.model_copy(update={"fit_width": 0}))
    assert interpolate(made.search, winner, other) is None, "the winner did not start from it"

"""Settings of a study: durations, and what a trial gets of a cluster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.settings import StudySettings, concurrent_trials, parse_duration, trial_share
from train.errors import UsageError

LAPTOP = {"CPU": 2.0}
GPUS = {"CPU": 64.0, "GPU": 8.0}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        (" 30m ", 1800),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("1h0m5s", 3605),
        (".5m", 30),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_every_whole_duration_is_read(hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == 3600 * hours + 60 * minutes + seconds


@pytest.mark.parametrize("text", ["", " ", "m", "30 m", "30x", "-30m", "30m1h", "1.2.3h", ".", "1e3"])
def test_other_durations_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="90s, 30m or 1h30m"):
        parse_duration(text)


def settings(**changes: object) -> StudySettings:
    return StudySettings.model_validate({"name": "some", "storage": "runs"} | changes)


@pytest.mark.parametrize(
    ("cluster", "asked", "share"),
    [
        (LAPTOP, {}, {"CPU": 1, "GPU": 0}),
        (LAPTOP, {"cpus": 2}, {"CPU": 2, "GPU": 0}),
        (GPUS, {}, {"CPU": 8, "GPU": 1}),
        (GPUS, {"gpus": 0.5}, {"CPU": 4, "GPU": 0.5}),
        (GPUS, {"gpus": 0}, {"CPU": 1, "GPU": 0}),
        (GPUS, {"cpus": 3}, {"CPU": 3, "GPU": 1}),
        ({"CPU": 4.0, "GPU": 8.0}, {}, {"CPU": 1, "GPU": 1}),
    ],
)
def test_a_trials_share(cluster: dict[str, float], asked: dict[str, float], share: dict[str, float]) -> None:
    assert trial_share(settings(**asked), cluster) == share


def test_as_many_trials_as_fit() -> None:
    assert concurrent_trials({"CPU": 1, "GPU": 0}, LAPTOP) == 2
    assert concurrent_trials({"CPU": 8, "GPU": 1}, GPUS) == 8
    assert concurrent_trials({"CPU": 4, "GPU": 0.5}, GPUS) == 16
    assert concurrent_trials({"CPU": 2, "GPU": 4}, GPUS) == 2


@pytest.mark.parametrize("need", [{"CPU": 3, "GPU": 0}, {"CPU": 1, "GPU": 1}])
def test_a_trial_that_fits_nowhere_is_refused(need: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="--cpus-per-trial"):
        concurrent_trials(need, LAPTOP)


@given(st.integers(1, 64), st.integers(0, 8), st.none() | st.floats(0.25, 2))
def test_what_is_chosen_always_fits_where_there_is_a_core_for_each_gpu(
    cores: int, gpus: int, asked: float | None
) -> None:
    cluster = {"CPU": float(cores + gpus), "GPU": float(gpus)}
    share = trial_share(settings(gpus=asked if gpus >= 2 else None), cluster)
    fits = concurrent_trials(share, cluster)
    assert all(fits * share[name] <= cluster[name] for name in share)

"""What a model costs and takes, of what was measured at each of its starts."""

from dataclasses import replace

import pytest

from search.preflight.cost import Cost, Measured, cost_of, footprint_of
from search.preflight.probing.timing import EVERYTHING, HEAD_ONLY, list_timed_plans

DICTIONARY = Measured(
    read_s=0.9, full_s=0.3, frozen_s=0.0, pixels=100, largest={0: 10}, own_bytes=1000, read_peak_bytes=9000,
    step_peak_bytes=1500,
)  # fmt: skip
DOMAIN = Measured(
    read_s=0.1, full_s=0.2, frozen_s=0.1, pixels=200, largest={0: 20, 320: 30}, own_bytes=1200,
    read_peak_bytes=1700, step_peak_bytes=1600,
)  # fmt: skip


def test_a_trial_costs_what_the_last_start_does() -> None:
    """With the dictionary a step takes 0.3 s of 100 pixels, which makes 0.6 of 200: three times the domain's."""
    wide = replace(DOMAIN, read_s=0.2)
    assert cost_of([DICTIONARY, DOMAIN, wide], work=1.5) == Cost(0.2, 0.1, 0.2, pytest.approx(3.0), 1.5)
    assert cost_of([DOMAIN], work=1.0) == Cost(0.2, 0.1, 0.1, 1.0, 1.0)
    fast = replace(DICTIONARY, full_s=0.01)
    assert cost_of([fast, DOMAIN], work=1.0).keep == 1.0


def test_memory_is_what_came_on_top_of_the_first_reading() -> None:
    """Before it, the process may have had more: it was loading weights."""
    both = footprint_of([DICTIONARY, DOMAIN])
    assert (both.base, both.step, both.pixels, both.largest) == (1000, 700, 200, {0: 20, 320: 30})
    assert footprint_of([DOMAIN]).step == 400
    assert footprint_of([replace(DOMAIN, step_peak_bytes=0)]).step == 0, "where nobody knows"


@pytest.mark.parametrize(
    ("starts", "timed"),
    [
        (1, [(EVERYTHING, HEAD_ONLY)]),
        (2, [(EVERYTHING,), (EVERYTHING, HEAD_ONLY)]),
        (4, [(EVERYTHING,), (), (), (EVERYTHING, HEAD_ONLY)]),
    ],
)
def test_steps_are_timed_at_the_first_and_the_last_start(starts: int, timed: list[object]) -> None:
    assert list_timed_plans(starts) == timed

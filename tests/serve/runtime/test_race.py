"""The faster of two ways is taken, and found again when it changes."""

import random

import pytest

from serve.runtime.race import LAST_S, Race


def run(
    race: Race,
    paces: tuple[float, float],
    start: float,
    seconds: float,
    held_up: float = 0.0,
    pause: float = 0.0,
) -> list[int]:
    """Race on a machine with these times for a run, give or take a fifth; return which way went each run.

    A share of the runs is held up: it takes three times as long. `pause` seconds lie between two of them.
    """
    rng, now, taken = random.Random(1), start, []
    while now < start + seconds:
        way = race.choose(now)
        took = paces[way] * rng.uniform(0.8, 1.2) * (3 if rng.random() < held_up else 1)
        now += took
        race.note(way, took, now)
        now += pause
        taken.append(way)
    return taken


@pytest.mark.parametrize("faster", [0, 1])
def test_it_follows_the_machine(faster: int) -> None:
    race = Race()
    calm = (0.024, 0.013) if faster else (0.024, 0.048)
    busy = (0.024, 0.048) if faster else (0.024, 0.013)
    settled = run(race, calm, 0.0, 100.0)[10:]
    assert settled.count(faster) > 0.99 * len(settled)
    run(race, busy, 100.0, LAST_S + 1)
    assert run(race, busy, 100.0 + LAST_S + 1, 10.0).count(faster) < 10


def test_runs_that_are_held_up_leave_the_faster_way_in_its_place() -> None:
    taken = run(Race(), (0.011, 0.0065), 0.0, 20.0, held_up=0.1)
    assert taken.count(1) > 0.93 * len(taken)


@pytest.mark.parametrize("faster", [0, 1])
def test_runs_far_apart_seldom_go_the_slower_way(faster: int) -> None:
    taken = run(Race(), (0.024, 0.013) if faster else (0.024, 0.048), 0.0, 100 * 20.0, pause=20.0)
    assert taken.count(1 - faster) <= 5
    assert taken[-30:].count(1 - faster) <= 1

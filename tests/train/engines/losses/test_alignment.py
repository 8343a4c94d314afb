"""Steps of a teacher for the steps of a student: the cheapest monotonic path, and what it mends."""

from itertools import product

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from train.engines.alignment import DETOUR, NEVER, REACH, following

Array = npt.NDArray[np.float32]
BLANK, SURE = 0, 0.97


def spikes(steps: int, places: dict[int, int], classes: int = 4) -> Array:
    """Return (1, steps, classes) probabilities that are sure of a class at some steps and of the blank elsewhere."""
    found = np.full((1, steps, classes), (1 - SURE) / (classes - 1), np.float32)
    for step in range(steps):
        found[0, step, places.get(step, BLANK)] = SURE
    return found


def cost(path: tuple[int, ...], scores: Array, teacher: Array) -> float:
    """Return what a path costs, counted step by step; infinite for one that is none."""
    moves = np.diff(path)
    if any(move not in (0, 1, 2) for move in moves) or any(abs(s - t) > REACH for t, s in enumerate(path)):
        return float("inf")
    passed = [*range(path[0]), *(s - 1 for s, move in zip(path[1:], moves, strict=True) if move == 2)]
    passed += range(path[-1] + 1, len(teacher))
    total = -sum(np.log(max(float(teacher[s, BLANK]), NEVER)) for s in passed)
    total += DETOUR * float(sum(move != 1 for move in moves))
    for t, s in enumerate(path):
        total += float((teacher[s] * (np.log(teacher[s]) - scores[t])).sum())
    return total


@settings(max_examples=40)
@given(st.integers(0, 500), st.integers(1, 5))
def test_the_path_is_the_cheapest_of_all(seed: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    teacher = rng.dirichlet(np.full(3, 0.5), (2, steps)).astype(np.float32) + np.float32(2e-3)
    logits = rng.normal(0, 2, (2, steps, 3)).astype(np.float32)
    scores = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    found = following(logits, teacher)
    for line in range(2):
        paths = product(range(steps), repeat=steps)
        best = min(cost(path, scores[line], teacher[line]) for path in paths)
        assert np.isclose(cost(tuple(found[line].tolist()), scores[line], teacher[line]), best, atol=1e-3)


@given(st.integers(-REACH, REACH))
def test_a_teacher_that_writes_earlier_or_later_teaches_nothing_else(shift: int) -> None:
    places = {6: 1, 8: 2, 10: 2, 12: 3}
    student = spikes(20, places)
    teacher = spikes(20, {step + shift: character for step, character in places.items()})
    path = following(np.log(student), teacher)
    np.testing.assert_array_equal(teacher[0, path[0]].argmax(-1), student[0].argmax(-1))


def test_the_same_is_compared_step_by_step() -> None:
    student = spikes(9, {2: 1, 5: 3})
    np.testing.assert_array_equal(following(np.log(student), student), [range(9)])


def test_a_character_that_the_student_misses_is_not_passed_over() -> None:
    teacher = spikes(8, {1: 1, 3: 2, 6: 3})
    path = following(np.log(spikes(8, {1: 1, 6: 3})), teacher)
    assert 3 in path


def test_steps_of_which_the_teacher_says_nothing_cost_nothing() -> None:
    teacher = spikes(6, {2: 1})
    teacher[0, 4:] = 0
    np.testing.assert_array_equal(following(np.log(spikes(6, {2: 1, 5: 2})), teacher), [range(6)])

"""Which corrections are held back: never one that a model has learnt from, and the same ones every time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.errors import ConflictError
from serve.loop.corrections import Correction
from serve.loop.holdout import LEAST, UsedLines, hold_out

Parts = dict[str, list[Correction]]


def lines(count: int, texts: int | None = None, start: int = 0) -> list[Correction]:
    numbers = range(start, start + count)
    return [Correction(f"{n:032x}", f"T{n % (texts or 10**9)}", None, "") for n in numbers]


def seen(*parts: list[Correction]) -> UsedLines:
    flat = [line for part in parts for line in part]
    return UsedLines(frozenset(line.id for line in flat), frozenset(line.text for line in flat))


def texts_of(parts: Parts, name: str) -> set[str]:
    return {line.text for line in parts[name]}


@given(count=st.integers(10, 300), texts=st.integers(5, 300))
def test_every_line_goes_to_one_split_and_every_text_too(count: int, texts: int) -> None:
    given_lines = lines(count, texts)
    parts = hold_out(given_lines)
    ids = [line.id for part in parts.values() for line in part]
    assert sorted(ids) == [line.id for line in given_lines]
    assert len({line.text for line in given_lines}) == sum(len(texts_of(parts, name)) for name in parts)


@pytest.mark.parametrize("count", [10, 16, 40, 400])
def test_about_a_fifth_is_held_back(count: int) -> None:
    parts = hold_out(lines(count))
    assert len(parts["test"]) == max(LEAST, round(0.2 * count))
    assert len(parts["train"]) > len(parts["val"]) >= LEAST


def test_the_same_lines_are_held_back_in_any_order() -> None:
    assert texts_of(hold_out(lines(50)), "test") == texts_of(hold_out(lines(50)[::-1]), "test")


@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=5))
def test_over_many_retrainings_nothing_learnt_is_held_back_or_the_other_way_round(counts: list[int]) -> None:
    learnt: list[Correction] = []
    held: list[Correction] = []
    total = 10
    for more in counts:
        total += more
        parts = hold_out(lines(total), seen(learnt), seen(held))
        assert not {line.id for line in learnt} & {line.id for line in parts["test"]}
        assert not {line.id for line in held} & {line.id for line in parts["train"] + parts["val"]}
        learnt += parts["train"] + parts["val"]
        held += parts["test"]
        assert len(parts["test"]) >= round(0.2 * total) - 1


def test_a_picture_that_was_learnt_from_is_not_held_back_under_a_new_text() -> None:
    first = hold_out(lines(20))
    renamed = [Correction(line.id, f"NEW{line.text}", None, "") for line in first["train"]]
    parts = hold_out([*renamed, *lines(20, start=100)], seen(first["train"], first["val"]))
    assert not {line.id for line in renamed} & {line.id for line in parts["test"]}


def test_one_that_was_both_counts_as_learnt_from() -> None:
    both = lines(5)
    parts = hold_out([*both, *lines(20, start=50)], seen(both), seen(both))
    assert not {line.id for line in both} & {line.id for line in parts["test"]}


@pytest.mark.parametrize("texts", [1, 2])
def test_too_few_different_texts_are_refused(texts: int) -> None:
    with pytest.raises(ConflictError, match="other texts"):
        hold_out(lines(30, texts))


def test_nothing_new_is_refused() -> None:
    with pytest.raises(ConflictError, match="0 for test"):
        hold_out(lines(30), seen(lines(30)))


def test_a_text_that_makes_up_most_of_the_lines_is_learnt_from() -> None:
    common = [Correction(f"{n:032x}", "SAME", None, "") for n in range(1000, 1030)]
    parts = hold_out([*common, *lines(30)])
    assert "SAME" in texts_of(parts, "train")

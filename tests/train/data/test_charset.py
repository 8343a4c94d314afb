"""Characters, classes and CTC reading."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.charset import BLANK, Charset, decode, decode_line, domain_charset, steps_needed
from train.errors import DataError

CHARSET = Charset(("A", "B", "é", "日", " "))
ALPHABET = "".join(CHARSET.characters)


def written(classes: list[int], confidence: float = 0.9) -> np.ndarray:  # type: ignore[type-arg]
    """Return (1, T, C) probabilities that say `classes`."""
    rest = (1 - confidence) / (CHARSET.classes - 1)
    probabilities = np.full((1, len(classes), CHARSET.classes), rest, np.float32)
    probabilities[0, np.arange(len(classes)), classes] = confidence
    return probabilities


@given(text=st.text(ALPHABET, min_size=1, max_size=12))
def test_what_is_encoded_is_decoded(text: str) -> None:
    steps: list[int] = []
    for target in CHARSET.encode(text):
        steps += [BLANK] * (bool(steps) and steps[-1] == target) + [target]
    assert len(steps) == steps_needed(CHARSET.encode(text))
    assert decode(written(steps), CHARSET)[0][0] == text


@given(classes=st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_repeated_steps_are_one_character_and_blanks_are_none(classes: list[int]) -> None:
    expected = [ALPHABET[c - 1] for c, _ in groupby(classes) if c != BLANK]
    [(text, confidence)] = decode(written(classes), CHARSET)
    assert text == "".join(expected)
    assert confidence == pytest.approx(0.9 if text else 0.0, abs=1e-6)


@given(
    steps=st.integers(0, 20),
    classes=st.integers(2, CHARSET.classes),
    peak=st.integers(1, 5),
    seed=st.integers(0, 10**6),
)
def test_a_line_is_what_a_walk_over_its_steps_reads(steps: int, classes: int, peak: int, seed: int) -> None:
    """Also for probabilities that are equal, of which the first counts."""
    numbers = np.random.default_rng(seed).integers(0, peak, (steps, classes)) + 1
    probabilities = (numbers / numbers.sum(axis=1, keepdims=True)).astype(np.float32)
    text, scores, columns, last = "", [], [], BLANK
    for step, row in enumerate(probabilities.tolist()):
        best = row.index(max(row))
        if best not in (BLANK, last):
            text += ALPHABET[best - 1]
            scores.append(row[best])
            columns.append(step)
        last = best
    read = decode_line(probabilities, ALPHABET)
    assert (read.text, read.columns) == (text, tuple(columns))
    assert read.confidence == pytest.approx(sum(scores) / len(scores) if scores else 0, abs=1e-6)
    assert decode(probabilities[None], CHARSET) == [read[:2]]


def test_lines_are_read_one_by_one() -> None:
    both = np.concatenate([written([1, 0, 1]), written([2, 2, 0])])
    assert [text for text, _ in decode(both, CHARSET)] == ["AA", "B"]


def test_a_class_is_counted_from_the_blank() -> None:
    assert CHARSET.classes == 6
    assert CHARSET.encode("AéA ") == [1, 3, 1, 5]
    assert CHARSET.unknown("ABX\u0301") == {"X", "\u0301"}
    assert CHARSET.encode("AXB") == [1, 2]


def test_characters_come_once() -> None:
    with pytest.raises(DataError, match=r"once, got \['A'\]"):
        Charset(("A", "B", "A"))


@given(texts=st.lists(st.text("bac B\u0301日", max_size=5), max_size=5))
def test_a_domain_charset_is_sorted_with_the_space_last(texts: list[str]) -> None:
    characters = domain_charset(texts).characters
    assert set(characters) == set("".join(texts))
    assert list(characters) == sorted(characters, key=lambda c: (c == " ", c))


def test_an_extended_charset_keeps_every_class_but_the_spaces() -> None:
    extended = CHARSET.extended(["ABz", "ö "])
    assert extended.characters == ("A", "B", "é", "日", "z", "ö", " ")
    assert CHARSET.extended(["A B"]) == CHARSET


def test_an_empty_label_needs_no_steps() -> None:
    assert steps_needed([]) == 0
    assert steps_needed([1, 1, 1]) == 5

"""Texts of many kinds for drawn lines, each of which tells whether it stands on its head."""

import string
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from train.data.drawing.vin import random_vin

Kind = Callable[[np.random.Generator], str]

VOWELS, CONSONANTS, LETTERS = "aeiou", "bcdfghklmnprstvwz", "ABCDEFGHJKLMNPRSTUVWXYZ"
CAPITALS = string.digits + LETTERS
TURNABLE = frozenset("HIMNOSWXZbdlnopqsuxz0689 -/:")
"""Turned by 180 degrees each of them looks like itself or like another one of them."""


def other_texts(count: int, seed: int) -> list[str]:
    """Return `count` different texts, as many of each kind as of any other; the same ones for a seed.

    None is of TURNABLE characters alone: nobody could tell which way up it stands.
    """
    return _draw_different(count, seed, KINDS, TURNABLE)


def first_texts(count: int, seed: int) -> list[str]:
    """Return the texts that the first version drew, for studies that began with them."""
    return _draw_different(count, seed, FIRST_KINDS, frozenset())


def _draw_different(count: int, seed: int, kinds: Sequence[Kind], never: frozenset[str]) -> list[str]:
    """Return different texts of each kind in turn, none of `never` alone."""
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        text = kinds[len(found) % len(kinds)](rng)
        if not never.issuperset(text):
            found.setdefault(text)
    return list(found)


def _code(rng: np.random.Generator) -> str:
    letters = "".join(rng.choice(list(LETTERS), int(rng.integers(1, 5))))
    return f"{letters}{rng.choice(['', '-', ' '])}{rng.integers(10, 10 ** int(rng.integers(3, 9)))}"


def _number(rng: np.random.Generator) -> str:
    """Return capitals and digits without a rule, as serial numbers and plates have them, at times in groups."""
    sizes = rng.integers(3, 10, size=int(rng.integers(1, 4))).tolist()
    groups = ("".join(rng.choice(list(CAPITALS), size)) for size in sizes)
    return str(rng.choice(["", "", "-", " "])).join(groups)


def _entry(rng: np.random.Generator) -> str:
    """Return a word and a number, as labels and forms have them."""
    word = (str.title, str.upper)[int(rng.integers(2))](_word(rng))
    return f"{word}{rng.choice([' ', ': ', ' No. '])}{_code(rng) if rng.random() < 0.5 else _amount(rng)}"


def _words(rng: np.random.Generator, most: int = 5) -> str:
    words = [_word(rng) for _ in range(int(rng.integers(1, most + 1)))]
    change = (str.lower, str.title, str.upper)[int(rng.integers(3))]
    return change(" ".join(words))


def _word(rng: np.random.Generator) -> str:
    syllables = (
        rng.choice(list(CONSONANTS)) + rng.choice(list(VOWELS)) for _ in range(int(rng.integers(1, 4)))
    )
    return "".join(syllables) + str(rng.choice(["", *"nrst"]))


def _amount(rng: np.random.Generator) -> str:
    return f"{rng.integers(0, 10 ** int(rng.integers(1, 5)))}.{rng.integers(100):02d}"


def _date(rng: np.random.Generator) -> str:
    year, month, day = rng.integers((1990, 1, 1), (2040, 13, 29)).tolist()
    return (f"{year}-{month:02d}-{day:02d}", f"{day:02d}/{month:02d}/{year}")[int(rng.integers(2))]


KINDS: tuple[Kind, ...] = (
    random_vin, _words, _number, _entry, _code, _words, _number, _amount, _words, _date,
)  # fmt: skip
"""What is drawn in turn: words and numbers more often, as there are more ways to write them."""
_few_words = partial(_words, most=4)
FIRST_KINDS: tuple[Kind, ...] = (random_vin, _few_words, _code, _few_words, _amount, _date)

"""Texts of many kinds for drawn lines: codes, words, amounts, dates."""

from collections.abc import Callable

import numpy as np

from train.data.drawing.vin import random_vin

VOWELS, CONSONANTS, LETTERS = "aeiou", "bcdfghklmnprstvwz", "ABCDEFGHJKLMNPRSTUVWXYZ"


def other_texts(count: int, seed: int) -> list[str]:
    """Return `count` different texts, as many of each kind as of any other; the same ones for a seed."""
    rng = np.random.default_rng(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found.setdefault(KINDS[len(found) % len(KINDS)](rng))
    return list(found)


def _code(rng: np.random.Generator) -> str:
    letters = "".join(rng.choice(list(LETTERS), int(rng.integers(1, 5))))
    return f"{letters}{rng.choice(['', '-', ' '])}{rng.integers(10, 10 ** int(rng.integers(3, 9)))}"


def _words(rng: np.random.Generator) -> str:
    words = [_word(rng) for _ in range(int(rng.integers(1, 5)))]
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


KINDS: tuple[Callable[[np.random.Generator], str], ...] = (random_vin, _words, _code, _words, _amount, _date)

"""Kinds of characters: where some letters of labels are rare, others of their kind, in no label yet, will come."""

import string
import unicodedata
from collections import Counter
from collections.abc import Iterable

ALPHABETS = (
    string.ascii_uppercase,
    string.ascii_lowercase,
    string.punctuation,
    "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
    "αβγδεζηθικλμνξοπρσςτυφχψω",
    "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
)


def kind_of(character: str) -> str:
    """Return all characters of a character's kind, the digits of any script among them; itself if it has none."""
    if (value := unicodedata.decimal(character, None)) is not None:
        return "".join(chr(ord(character) - value + digit) for digit in range(10))
    return next((alphabet for alphabet in ALPHABETS if character in alphabet), character)


def expected(texts: Iterable[str]) -> str:
    """Return characters that no text holds and further ones may: those of a kind of which one is in a single text.

    The share of what was seen once is the chance that the next is new (Good, 1953): a kind whose every character comes
    again, as the letters of vehicle numbers, is known whole, and I, O and Q stay out.
    """
    counts = Counter(character for text in texts for character in set(text))
    kinds = {kind_of(character) for character, count in counts.items() if count == 1}
    return "".join(sorted(set().union(*kinds) - counts.keys()))

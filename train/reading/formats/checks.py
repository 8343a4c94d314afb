"""Checks of weighted sums: which characters, weighed by their places, must add up to a remainder."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import lcm
from typing import Annotated, Self

from pydantic import Field, model_validator

from train.config import Frozen

DIGITS, LETTERS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHANUMERIC = {character: value for value, character in enumerate(DIGITS + LETTERS)}


class Check(ABC):
    """A sum over a text's characters that must leave a remainder.

    Attributes:
        modulus: of the sum.
        remainder: that it must leave.
        ignored: characters that do not count, such as spaces.
    """

    modulus: int
    remainder: int
    ignored: str

    @property
    def period(self) -> int | None:
        """After how many places terms come again, counted from the end of a text; None where places differ for good."""
        return None

    @abstractmethod
    def knows(self, character: str) -> bool:
        """Whether a character counts; all others add the same wherever they stand, or may not stand there."""

    @abstractmethod
    def fits(self, length: int) -> bool:
        """Whether a text may be so long (the widths of its characters together)."""

    @abstractmethod
    def terms(self, length: int, place: int, character: str) -> tuple[int, ...]:
        """Return what a character at a place, from 0, may add to the sum; nothing if it may not stand there."""

    def width(self, character: str) -> int:
        """Return how many places a character takes."""
        return 1

    def holds(self, text: str) -> bool:
        """Whether a text obeys."""
        kept = [character for character in text if character not in self.ignored]
        length, place, sums = sum(map(self.width, kept)), 0, {0}
        if not self.fits(length):
            return False
        for character in kept:
            terms = self.terms(length, place, character)
            sums = {(total + term) % self.modulus for total in sums for term in terms}
            place += self.width(character)
        return self.remainder in sums


Weight = Annotated[int, Field(ge=-(10**6), le=10**6)]


class WeightedCheck(Frozen, Check):
    """A sum of values times weights, as `format.yaml` describes it.

    Attributes:
        modulus: of the sum.
        weights: from the left, one a place; where they repeat, from the right.
        repeat: the weights begin again where they end: for texts of any length.
        remainder: that the sum must leave, where no character says it.
        values: of characters; by default digits are worth themselves and letters 10 to 35.
        check_at: place of the check character, from 1; it is left out of the sum.
        check_characters: for each remainder the characters that may stand there.
        cross_sum: of each product the sum of its digits counts (Luhn).
        lengths: that a text may have; by default that of the weights, or any where they repeat.
        ignored: characters that do not count.
    """

    modulus: int = Field(ge=2, le=1000)
    weights: tuple[Weight, ...] = Field(min_length=1, max_length=100)
    repeat: bool = False
    remainder: int = 0
    values: dict[str, int] = ALPHANUMERIC
    check_at: int | None = Field(None, ge=1, le=100)
    check_characters: tuple[str, ...] = tuple(DIGITS)
    cross_sum: bool = False
    lengths: tuple[int, ...] = ()
    ignored: str = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not 0 <= self.remainder < self.modulus:
            raise ValueError(f"remainder must be in [0, {self.modulus})")
        if any(len(character) != 1 for character in self.values):
            raise ValueError("values must be of single characters")
        if self.check_at is not None and len(self.check_characters) != self.modulus:
            raise ValueError(f"check_characters must be {self.modulus}, one a remainder")
        if not self.repeat and (self.check_at or 0) > len(self.weights):
            raise ValueError(f"check_at must be one of the {len(self.weights)} places; weigh its own with 0")
        if not self.repeat and any(length != len(self.weights) for length in self.lengths):
            raise ValueError("lengths go with weights that repeat")
        return self

    @property
    def period(self) -> int | None:
        """That of weights which repeat, for texts of any length."""
        return len(self.weights) if self.repeat and not self.lengths and self.check_at is None else None

    def knows(self, character: str) -> bool:
        """Whether it has a value, or may be a check character."""
        return character in self.values or any(character in allowed for allowed in self.check_characters)

    def fits(self, length: int) -> bool:
        """Whether it is one of the lengths."""
        return length in self.lengths if self.lengths else self.repeat or length == len(self.weights)

    def terms(self, length: int, place: int, character: str) -> tuple[int, ...]:
        """Return value times weight; of the check character what takes its remainder away again."""
        if place + 1 == self.check_at:
            return tuple(
                self.remainder - left
                for left, allowed in enumerate(self.check_characters)
                if character in allowed
            )
        weight = self._weight(length, place)
        if weight == 0:
            return (0,)
        if character not in self.values:
            return ()
        product = weight * self.values[character]
        return (sum(map(int, str(abs(product)))) if self.cross_sum else product,)

    def _weight(self, length: int, place: int) -> int:
        if not self.repeat:
            return self.weights[place]
        return self.weights[(length - 1 - place) % len(self.weights)]


@dataclass(frozen=True)
class ByLength(Check):
    """Another check for each length: what an old and a new standard have side by side."""

    checks: Mapping[int, WeightedCheck]
    ignored: str = ""
    remainder: int = 0

    @cached_property
    def modulus(self) -> int:  # type: ignore[override]
        """The smallest number of which all moduli are divisors: sums are stretched to it."""
        return lcm(*(check.modulus for check in self.checks.values()))

    def knows(self, character: str) -> bool:
        """Whether one of the checks knows it."""
        return any(check.knows(character) for check in self.checks.values())

    def fits(self, length: int) -> bool:
        """Whether there is a check for it."""
        return length in self.checks

    def terms(self, length: int, place: int, character: str) -> tuple[int, ...]:
        """Return the terms of the check for this length, stretched."""
        check = self.checks[length]
        return tuple(t * (self.modulus // check.modulus) for t in check.terms(length, place, character))


@dataclass(frozen=True)
class Iban(Check):
    """ISO 13616: the first four characters moved to the end, letters as 10 to 35, leave 1 modulo 97."""

    modulus: int = 97
    remainder: int = 1
    ignored: str = " "

    def knows(self, character: str) -> bool:
        """Whether it is a digit or a letter."""
        return character in ALPHANUMERIC

    def fits(self, length: int) -> bool:
        """Whether a country's number and account can be so long: in digits, letters being two."""
        return 17 <= length <= 66

    def width(self, character: str) -> int:
        """Return 2 for a letter."""
        return 2 if character in LETTERS else 1

    def terms(self, length: int, place: int, character: str) -> tuple[int, ...]:
        """Return the character's part of the number."""
        header = {0: LETTERS, 2: LETTERS, 4: DIGITS, 5: DIGITS}
        if character not in header.get(place, DIGITS + LETTERS) or character not in ALPHANUMERIC:
            return ()
        power = {0: 4, 2: 2, 4: 1, 5: 0}.get(place, 6 + length - place - self.width(character))
        return (ALPHANUMERIC[character] * pow(10, power, 97) % 97,)

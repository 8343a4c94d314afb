"""What a text must look like, by name; a broken rule is a flag beside the text, never a correction of it."""

import string
from collections.abc import Callable

from serve.errors import UndecodableError

Checks = dict[str, bool]

VIN_LENGTH, VIN_CHECK_POSITION = 17, 8
# 49 CFR 565.15(c), tables III and IV; the same as ISO 3779's recommendation. I, O and Q are left out.
_VIN_VALUES = dict(zip("0123456789", range(10), strict=True)) | dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)

CONTAINER_LENGTH = 11
# ISO 6346: the letters' values go up from 10 and leave out the multiples of 11.
_LETTER_VALUES = (value for value in range(10, 39) if value % 11)
_CONTAINER_VALUES = dict(zip("0123456789", range(10), strict=True)) | dict(
    zip(string.ascii_uppercase, _LETTER_VALUES, strict=True)
)


def check_vin(text: str) -> Checks:
    """Check a vehicle identification number (ISO 3779).

    The check digit is mandatory in North America only: elsewhere a right number may fail it.
    """
    length = len(text) == VIN_LENGTH
    alphabet = bool(text) and all(character in _VIN_VALUES for character in text)
    check_digit = length and alphabet and _compute_vin_digit(text) == text[VIN_CHECK_POSITION]
    return {"length": length, "alphabet": alphabet, "check_digit": check_digit}


def check_container(text: str) -> Checks:
    """Check a freight container's number (ISO 6346): owner, category U, J, Z or R, serial number, check digit."""
    length = len(text) == CONTAINER_LENGTH
    letters, digits = text[:4], text[4:]
    alphabet = (
        bool(text)
        and all(character in string.ascii_uppercase for character in letters)
        and letters[3:] in ("", *"UJZR")
        and all(character in string.digits for character in digits)
    )
    check_digit = length and alphabet and _compute_container_digit(text) == text[-1]
    return {"length": length, "alphabet": alphabet, "check_digit": check_digit}


RULES: dict[str, Callable[[str], Checks]] = {"container": check_container, "vin": check_vin}


def find_rule(name: str) -> Callable[[str], Checks]:
    """Return the rule of that name: text -> {length, alphabet, check_digit}; raise UndecodableError if unknown."""
    if name not in RULES:
        raise UndecodableError("rule must be a known one", repr(name), f"choose from: {', '.join(RULES)}")
    return RULES[name]


def _compute_vin_digit(text: str) -> str:
    total = sum(weight * _VIN_VALUES[c] for weight, c in zip(_VIN_WEIGHTS, text, strict=True))
    return "0123456789X"[total % 11]


def _compute_container_digit(text: str) -> str:
    total = sum(2**place * _CONTAINER_VALUES[c] for place, c in enumerate(text[:-1]))
    return str(total % 11 % 10)

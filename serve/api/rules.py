"""What a text must look like, by name; a broken rule is a flag beside the text, never a correction of it."""

import string
from collections.abc import Callable

from serve.errors import UndecodableError
from train.reading.formats.named_checks import holds_by, named_check

Checks = dict[str, bool]

VIN_LENGTH, VIN_LETTERS = 17, frozenset(string.digits + string.ascii_uppercase) - frozenset("IOQ")
CONTAINER_LENGTH = 11


def check_vin(text: str) -> Checks:
    """Check a vehicle identification number (ISO 3779).

    The check digit is mandatory in North America only: elsewhere a right number may fail it.
    """
    length = len(text) == VIN_LENGTH
    alphabet = bool(text) and VIN_LETTERS.issuperset(text)
    return {
        "length": length,
        "alphabet": alphabet,
        "check_digit": length and alphabet and _obeys("vin", text),
    }


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
    check_digit = length and alphabet and _obeys("container", text)
    return {"length": length, "alphabet": alphabet, "check_digit": check_digit}


RULES: dict[str, Callable[[str], Checks]] = {"container": check_container, "vin": check_vin}


def find_rule(name: str) -> Callable[[str], Checks]:
    """Return the rule of that name: text -> {length, alphabet, check_digit}; raise UndecodableError if unknown."""
    if name not in RULES:
        raise UndecodableError("rule must be a known one", repr(name), f"choose from: {', '.join(RULES)}")
    return RULES[name]


def _obeys(check: str, text: str) -> bool:
    return holds_by(named_check(check))(text)

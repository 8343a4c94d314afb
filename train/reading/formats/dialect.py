"""Patterns as people write them, in the dialect of `greenery`, which escapes only what is special to it."""

from collections.abc import Iterator

OUTSIDE, INSIDE = "\\[]|().?*+{}", "\\[]^-"
"""What has to be escaped outside of classes and in them."""


def translated(pattern: str) -> str:
    r"""Return a pattern with the escapes of its dialect: `\-` is a hyphen, as is a `-` at an end of a class.

    `^` at the beginning and `$` at the end are left out: a pattern stands for whole texts.
    """
    inner = pattern.removeprefix("^")
    inner = inner[:-1] if inner.endswith("$") and not inner.endswith("\\$") else inner
    return "".join(_tokens(inner))


def _tokens(pattern: str) -> Iterator[str]:
    place, opened = 0, -1  # where the class that this is in began; -1: in none
    while place < len(pattern):
        character, following = pattern[place], pattern[place + 1 : place + 2]
        if character == "\\" and following:
            special = following.isalnum() or following in (OUTSIDE if opened < 0 else INSIDE)
            yield character + following if special else following
            place += 2
            continue
        if character == "[" and opened < 0:
            opened = place + (following == "^")
        elif character == "]" and opened >= 0:
            opened = -1
        elif character == "-" and opened >= 0 and (place == opened + 1 or following == "]"):
            character = "\\-"
        yield character
        place += 1

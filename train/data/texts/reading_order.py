"""Right-to-left texts: labels and outputs are in reading order, a network reads its pictures from the left.

The order is that of the Unicode bidirectional algorithm (UAX #9): python-bidi's, with rule N0 for brackets, which it
lacks, and joiners kept. Texts of other scripts are never changed.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Literal

from bidi import algorithm
from bidi.mirror import MIRRORED

Direction = Literal["L", "R"]

RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""Characters of scripts that run from right to left, with their numbers and marks."""
CACHED = 8192
# Letters that end a word and never begin one: Hebrew's final forms, Arabic's teh marbuta and alef maksura.
ENDINGS = frozenset("\u05da\u05dd\u05df\u05e3\u05e5\u0629\u0649")


@lru_cache(CACHED)
def in_picture_order(text: str) -> str:
    """Return a text as its picture shows it from left to right; brackets as they look there.

    Its direction is that of its first letter, as in a browser or an editor.
    """
    return _displayed(text) if RIGHT_TO_LEFT.search(text) else text


@lru_cache(CACHED)
def in_reading_order(picture: str) -> str:
    """Return the text whose picture shows this from left to right.

    Some pictures are of two texts, a word of each direction side by side above all: of those, the one is returned
    that runs from right to left. Where no text looks so, it is the likeliest one; rarely also where one does, of
    Latin, Hebrew and Arabic words with a number among them.
    """
    if not RIGHT_TO_LEFT.search(picture):
        return picture
    likely = (
        _displayed(picture, "R"),
        _flipped(_displayed(_flipped(picture), "R")),
        _displayed(picture, "L"),
        _flipped(_displayed(_flipped(picture), "L")),
    )
    return next((text for text in likely if _displayed(text) == picture), likely[0])


def side_by_side(left: str, right: str) -> str | None:
    """Return the text of two pictures beside each other, given the text of each; None if no text looks so."""
    if not RIGHT_TO_LEFT.search(left + right):
        return left + right
    picture = in_picture_order(left) + in_picture_order(right)
    text = in_reading_order(picture)
    return text if in_picture_order(text) == picture else None


def ends_first(text: str) -> bool:
    """Tell whether more words of a text begin with a letter that only ends words than end with one."""
    letters = unicodedata.normalize("NFKC", text) if RIGHT_TO_LEFT.search(text) else ""
    words = [word for word in letters.split() if len(word) > 1]
    return sum(word[0] in ENDINGS for word in words) > sum(word[-1] in ENDINGS for word in words)


def _displayed(text: str, base: Direction | None = None) -> str:
    level = algorithm.get_base_level(text) if base is None else algorithm.PARAGRAPH_LEVELS[base]
    storage = algorithm.get_empty_storage() | {"base_level": level, "base_dir": "LR"[level]}
    algorithm.get_embedding_levels(text, storage)
    for character in storage["chars"]:
        if (
            character["type"] == "BN"
        ):  # rule X9 would drop joiners: they go with what stands before them (5.2)
            character["type"] = "NSM"
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    _resolve_brackets(storage)
    algorithm.resolve_neutral_types(storage, debug=False)
    algorithm.resolve_implicit_levels(storage, debug=False)
    algorithm.reorder_resolved_levels(storage, debug=False)
    algorithm.apply_mirroring(storage, debug=False)
    return "".join(character["ch"] for character in storage["chars"])


def _flipped(text: str) -> str:
    """Return what a text looks like in a mirror."""
    return "".join(MIRRORED.get(character, character) for character in reversed(text))


def _resolve_brackets(storage: dict[str, Any]) -> None:
    """Give both brackets of a pair the direction of what they enclose, or of what stands before them (rule N0)."""
    for run in storage["runs"]:
        characters = storage["chars"][run["start"] : run["start"] + run["length"]]
        for first, last in sorted(_bracket_pairs(characters)):
            embedding = "LR"[characters[first]["level"] % 2]
            inside = set(filter(None, map(_strong, characters[first + 1 : last])))
            if not inside:
                continue
            before = next(filter(None, map(_strong, reversed(characters[:first]))), run["sor"])
            direction = embedding if embedding in inside or before == embedding else before
            characters[first]["type"] = characters[last]["type"] = direction


def _bracket_pairs(characters: Sequence[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Yield the places of the brackets that belong together."""
    open_ones: list[tuple[str, int]] = []
    for place, character in enumerate(characters):
        mark, kind = character["ch"], unicodedata.category(character["ch"])
        if kind == "Ps" and mark in MIRRORED and character["type"] == "ON":
            open_ones.append((MIRRORED[mark], place))
        elif kind == "Pe" and character["type"] == "ON":
            depth = next((i for i in reversed(range(len(open_ones))) if open_ones[i][0] == mark), None)
            if depth is not None:
                yield open_ones[depth][1], place
                del open_ones[depth:]


def _strong(character: dict[str, Any]) -> str | None:
    """Return the direction that a character has of itself; a number counts as right to left."""
    kind = character["type"]
    return "L" if kind == "L" else "R" if kind in ("R", "EN", "AN") else None

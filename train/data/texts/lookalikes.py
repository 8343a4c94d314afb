"""Letters that look alike in Latin, Cyrillic and Greek, full-width forms, digits, hyphens: two classes for one picture.

The pairs are those of Unicode's confusables (UTS #39) whose characters are the same in usual fonts.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain

LATIN, CYRILLIC, GREEK = "LATIN", "CYRILLIC", "GREEK"
LATIN_OF = {
    CYRILLIC: dict(zip("АВЕЁЅІЇЈКМНОРСТХаеёоріїсхјѕ", "ABEËSIÏJKMHOPCTXaeëopiïcxjs", strict=True)),
    GREEK: dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧον", "ABEZHIKMNOPTYXov", strict=True)),
}
_LOOKS = {letter: latin for pairs in LATIN_OF.values() for letter, latin in pairs.items()}
_FORMS = {LATIN: {latin: latin for latin in _LOOKS.values()}} | {
    script: {latin: letter for letter, latin in pairs.items()} for script, pairs in LATIN_OF.items()
}
_WORD = re.compile(
    "[0-9A-Za-z\u00aa\u00ba\u00c0-\u03ff\u0400-\u052f\u1c80-\u1c8f\u1e00-\u1fff\u2c60-\u2c7f\u2de0-\u2dff\ua640-\ua69f"
    "\ua720-\ua7ff]+"
)
"""Letters of the three scripts, with the digits and marks among them."""
TO_WIDE = {code: code + 0xFEE0 for code in (*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B))}
TO_PERSIAN = {0x660 + digit: 0x6F0 + digit for digit in (0, 1, 2, 3, 7, 8, 9)}
"""Arabic's digits that Persian and Urdu write alike; 4, 5 and 6 differ."""
_ARABIC, _PERSIAN = frozenset("٤٥٦كي"), frozenset("۴۵۶کیگچپ")
"""What shows which digits a text means."""
TO_HYPHEN = {0x2010: 0x2D, 0x2011: 0x2D}
"""The hyphens of word processors, which look like the plain one."""
_AM = re.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32|\u0ecd([\u0ec8-\u0ecb]?)\u0eb2")
"""Thai's and Lao's vowel AM in two parts, and a mark of tone between them."""


@cache
def script_of(character: str) -> str:
    """Return LATIN, CYRILLIC or GREEK for a letter of it, else nothing."""
    if not character.isalpha():
        return ""
    script = unicodedata.name(character, "").partition(" ")[0]
    return script if script in _FORMS else ""


def without_lookalikes(texts: Sequence[str]) -> list[str]:
    """Return texts of one set with every look-alike replaced by the letter that is meant.

    Replaced are: in a word of two scripts, the letters that look the same in the one that the word needs; all letters
    of a script that the set uses for look-alikes alone; of full-width and plain letters and digits, and of Arabic's and
    Persian's digits, those that are fewer; hyphens beside the plain one; Thai's and Lao's AM in two parts. Symbols such
    as Δ or µ beside Latin letters are left alone.
    """
    texts = [text if text.isascii() else _AM.sub(_whole_am, text) for text in texts]
    characters = Counter(chain.from_iterable(texts))
    letters = {character: times for character, times in characters.items() if script_of(character)}
    others = _rarer(characters, TO_WIDE)
    digits = _rarer(characters, TO_PERSIAN)
    if any(chr(0x660 + digit) in characters and chr(0x6F0 + digit) in characters for digit in (4, 5, 6)):
        digits = {}
    others |= TO_HYPHEN if "-" in characters and not characters.keys().isdisjoint(map(chr, TO_HYPHEN)) else {}
    count = Counter[str]()
    for letter, times in letters.items():
        count[script_of(letter)] += times
    if len(count) < 2 and not others and not digits:
        return list(texts)
    main = max(count, key=lambda script: (count[script], script == LATIN), default=LATIN)
    real = {script_of(letter) for letter in letters if not _looks_like_another(letter)} | {main}
    own = _PERSIAN if ord("\u06f0") in digits else _ARABIC
    texts = [text.translate(digits) if digits and own.isdisjoint(text) else text for text in texts]
    return [
        _WORD.sub(lambda word: _meant(word[0], main, real), text.translate(others))
        if not (text.isascii() and main == LATIN)
        else text.translate(others)
        for text in texts
    ]


def _rarer(characters: Mapping[str, int], pairs: Mapping[int, int]) -> dict[int, int]:
    """Return what makes the rarer side of some pairs the other, if a set has both; of equal ones the first stays."""
    back = {right: left for left, right in pairs.items()}
    lefts, rights = (sum(characters.get(chr(code), 0) for code in side) for side in (pairs, back))
    return {} if not lefts or not rights else back if lefts >= rights else dict(pairs)


def _whole_am(parts: re.Match[str]) -> str:
    return "".join(filter(None, parts.groups())) + ("\u0e33" if parts[0][0] == "\u0e4d" else "\u0eb3")


def _looks_like_another(letter: str) -> bool:
    return letter in _LOOKS or letter in _FORMS[LATIN]


def _meant(word: str, main: str, real: Iterable[str]) -> str:
    scripts = {script_of(character) for character in word} - {""}
    needed = {script_of(c) for c in word if script_of(c) and not _looks_like_another(c)}
    if len(scripts) > 1:
        target = next(iter(needed)) if len(needed) == 1 else main
        if len(needed) > 1 or (target == GREEK and main != GREEK):
            return word
        return _written_in(word, target)
    return word if scripts <= set(real) else _written_in(word, main)


def _written_in(word: str, script: str) -> str:
    """Return a word with all letters of a script; itself, where one has no look-alike there."""
    forms = _FORMS[script]
    found = [
        character if script_of(character) in ("", script) else forms.get(_LOOKS.get(character, character))
        for character in word
    ]
    return word if None in found else "".join(filter(None, found))

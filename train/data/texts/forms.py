"""The one form of texts, and their invisible characters: for labels, dictionaries, outputs and corrections alike."""

import re
import unicodedata
from collections.abc import Iterator

from train.data.texts.reading_order import in_reading_order

SPACE = " "
HALVES = re.compile("[\ud800-\udfff]")
BREAKS = frozenset("\t\n\v\f\r\x85\u2028\u2029")
"""Control characters that part words."""
EMPTY = frozenset("\u034f\u115f\u1160\u3164\uffa0")
"""Letters and marks without ink, which no control character is: a grapheme joiner, Hangul's fillers."""
ZWNJ, ZWJ, BLACK_FLAG = "\u200c", "\u200d", "\U0001f3f4"
# Scripts whose letters change beside a joiner: Arabic to Samaritan, those of India to Myanmar, Khmer, Mongolian ...
_JOINED = re.compile(
    "[\u0600-\u08ff\u0900-\u109f\u1780-\u18af\u1a20-\u1bff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc"
    "\U00010a00-\U00011fff]"
)
_SIGNS = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_TAGS = re.compile("[\U000e0020-\U000e007f]")
_MONGOLIAN = re.compile("[\u180b-\u180f]")
VIRAMA = 9  # its combining class
# All control and format characters, separators of lines, selectors and what is EMPTY.
_SUSPECT = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def normal_form(text: str) -> str:
    """Return a text in Unicode's composed form (NFC), in which letters with accents are one character."""
    return unicodedata.normalize("NFC", text)


def text_of(picture: str) -> str:
    """Return the text, in reading order and normal form, whose characters a picture shows from left to right."""
    return normal_form(in_reading_order(picture))


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written; file names that are no UTF-8 hold halves of characters."""
    return not HALVES.search(text)


def in_unicode(text: str) -> str:
    """Return a text that can be written: halves of characters stand in it as their numbers, `\\udce9`."""
    return text.encode(errors="backslashreplace").decode()


def escaped(text: str) -> str:
    """Return a text for people: characters that cannot be printed or seen are shown by their numbers."""
    hidden = set(invisible_places(text))
    return "".join(
        character if character.isprintable() and place not in hidden else ascii(character)[1:-1]
        for place, character in enumerate(text)
    )


def name_character(character: str) -> str:
    """Return a character's number and name: `U+200B ZERO WIDTH SPACE`."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X} {name}".rstrip()


def visible(text: str) -> str:
    """Return a text without invisible characters; those that part words become spaces."""
    hidden = set(invisible_places(text))
    seen = (
        character if place not in hidden else SPACE * (character in BREAKS)
        for place, character in enumerate(text)
    )
    return (
        visible("".join(seen).strip(SPACE)) if hidden else text
    )  # what it stood beside may have lost its reason


def invisible_places(text: str) -> Iterator[int]:
    """Yield where a text holds characters that leave no trace in a picture.

    Those that change how their neighbours look are none: joiners inside of Arabic or Indic words, what makes
    emoji of others.
    """
    for match in _SUSPECT.finditer(text):
        if _is_invisible(text, match.start()):
            yield match.start()


def _is_invisible(text: str, place: int) -> bool:
    character = text[place]
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and not _SIGNS.match(character)
    hidden = hidden or character in EMPTY or bool(_SELECTORS.match(character))
    return hidden and not _shapes(character, text[:place], text[place + 1 :][:1])


def _shapes(character: str, beginning: str, after: str) -> bool:
    """Whether a character without ink changes how its neighbours look."""
    before = beginning[-1:]
    if _SELECTORS.match(character):
        return _selects(before, after)
    if character == ZWNJ:
        return _joins(before) and (_joins(after) or unicodedata.combining(before) == VIRAMA)
    if character == ZWJ:
        return _joins(before) or (_is_emoji(before) and _is_emoji(after))
    if _TAGS.match(character):
        return BLACK_FLAG in beginning
    return bool(_MONGOLIAN.match(character)) and _joins(before)


def _joins(character: str) -> bool:
    return bool(_JOINED.match(character)) and unicodedata.category(character)[0] in "LM"


def _is_emoji(character: str) -> bool:
    return bool(character) and (unicodedata.category(character) in ("So", "Sk") or character == "\ufe0f")


def _selects(before: str, after: str) -> bool:
    """Whether a variation selector has something to change: a symbol, an ideograph, a key."""
    if not before or before == SPACE:
        return False
    if before in "0123456789#*":
        return after == "\u20e3"
    return unicodedata.category(before) not in ("Lu", "Ll", "Nd", "Cc", "Cf")

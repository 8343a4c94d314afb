"""What is repaired in the texts of a set when a person asks for it, by the rule of the check that finds it."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence

from train.data.texts.forms import SPACE, normal_form, visible
from train.data.texts.lookalikes import without_lookalikes
from train.data.texts.reading_order import ends_first, in_reading_order

Repair = Callable[[Sequence[str]], list[str]]
"""The texts of all labels of a set -> those that they should be, in their order."""

IDEOGRAPHIC_SPACE = "\u3000"
# Ligatures of Latin and Armenian, shapes of Arabic letters, not its signs of whole words; the radicals of Kangxi, which
# programs take out of PDFs in place of the characters that look so.
_GLYPHS = re.compile("[\u2f00-\u2fd5\ufb00-\ufb06\ufb13-\ufb17\ufb50-\ufdef\ufe70-\ufefc]")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f]")


def _each(change: Callable[[str], str]) -> Repair:
    return lambda texts: [change(text) for text in texts]


def with_one_space(texts: Sequence[str]) -> list[str]:
    """Return texts whose spaces are the plain one; ideographic ones stay where a set has no other."""
    plain = [_SPACES.sub(SPACE, text) for text in texts]
    if any(SPACE in text for text in plain):
        return [text.replace(IDEOGRAPHIC_SPACE, SPACE) for text in plain]
    return plain


def in_order_read(texts: Sequence[str]) -> list[str]:
    """Return texts with those put in reading order whose words begin with letters that only end words."""
    return [in_reading_order(text) if ends_first(text) else text for text in texts]


REPAIRS: Mapping[str, Repair] = {
    "decomposed": _each(normal_form),
    "invisible": _each(visible),
    "odd_space": with_one_space,
    "outer_space": _each(str.strip),
    "lookalike": without_lookalikes,
    "picture_order": in_order_read,
    "glyph_form": _each(
        lambda text: _GLYPHS.sub(lambda glyph: unicodedata.normalize("NFKC", glyph[0]), text)
    ),
}
"""By the name of a rule, which a label breaks if its repair changes it. Glyphs are ordered before they are letters."""

"""Patterns as Python's `re` reads them, but for what looks around or back: expressions over classes of characters."""

import re
import re._constants as sre  # what `re` itself is made of: there is no public way to a pattern's parts
import re._parser
import warnings
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from train.data.texts.forms import normal_form
from train.errors import UsageError
from train.reading.automata.expressions import EMPTY, Expressions

CATEGORIES = {
    sre.CATEGORY_DIGIT: "0-9",
    sre.CATEGORY_NOT_DIGIT: "\\x00-/:-\U0010ffff",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}
FLAGS = {re.IGNORECASE: "i", re.ASCII: "a"}
"""Flags that say which characters are meant."""
LOOKS = ("no look ahead or back", "write what may stand there instead, as [1-9] for (?!0).")
KEEPS = ("no repetition or group that gives nothing back", "write a+ for a++, and (?:a) for (?>a)")
REFUSED = {
    sre.ASSERT: LOOKS,
    sre.ASSERT_NOT: LOOKS,
    sre.GROUPREF: ("no reference back", "write the alternatives out: 1-2|1/2"),
    sre.GROUPREF_EXISTS: ("no condition on a group", "write the alternatives out: (a)b|c"),
    sre.ATOMIC_GROUP: KEEPS,
    sre.POSSESSIVE_REPEAT: KEEPS,
    sre.AT: (r"no word boundary, \A or \Z inside", "leave them out: it stands for whole texts"),
}
SIGNS = {sre.AT_BEGINNING: "^", sre.AT_END: "$"}
"""Inside a pattern they stand for themselves, as in `$[0-9]`: there, no text would fit what `re` makes of them."""
POSIX = re.compile(r"\[:\^?\w+:\]")
Items = Sequence[tuple[Any, Any]]


class _RefusedError(Exception):
    """What patterns must have, and what to do about it."""

    def of(self, pattern: str) -> UsageError:
        """Return it as what is wrong with a pattern."""
        what, remedy = self.args
        return UsageError(f"a pattern must have {what}", repr(pattern), remedy)


class Dialect:
    """What patterns are made of.

    Attributes:
        expressions: of all that was parsed.
        symbols: of these, as regular expressions of one character each.
        named: characters that patterns name one by one.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.expressions, self.symbols, self.named = Expressions(), dict[str, int](), set[str]()

    def parse(self, pattern: str) -> int:
        """Return the expression of a pattern; raise UsageError for one that cannot be used."""
        if posix := POSIX.search(pattern):
            raise _RefusedError(
                f"no class such as {posix.group()}", r"write the characters, as \d or [A-Za-z]"
            ).of(pattern)
        if longer := [one for one in pattern if len(normal_form(one)) > 1]:
            form = f"Unicode's composed form, which writes {longer[0]} as {normal_form(longer[0])}"
            raise _RefusedError(form, "write it so, in a group").of(pattern)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", FutureWarning)  # classes of classes
                found = re._parser.parse(normal_form(pattern))
            whole = self._sequence(found.data, found.state.flags, True, True)
            if whole == EMPTY:
                raise _RefusedError("a character or more", "leave it out")
            return whole
        except _RefusedError as refused:
            raise refused.of(pattern) from refused
        except (re.error, RecursionError, OverflowError, FutureWarning) as error:
            raise UsageError(
                "a pattern must be a regular expression as Python's re reads it",
                f"{pattern!r}: {error}",
                r"mend it there; what stands for itself is escaped: \. \( \[",
            ) from error

    def _sequence(self, items: Items, flags: int, first: bool, last: bool) -> int:
        """Return the expression of items; `first`, `last`: whether these stand at the ends of the pattern."""
        begin = len(list(takewhile(_is_begin, items))) if first else 0
        end = len(list(takewhile(_is_end, reversed(items[begin:])))) if last else 0
        kept = items[begin : len(items) - end]
        parts = [
            self._item(*item, flags, first and number == 0, last and number == len(kept) - 1)
            for number, item in enumerate(kept)
        ]
        return self.expressions.sequence(parts)

    def _item(self, kind: Any, what: Any, flags: int, first: bool, last: bool) -> int:
        if kind is sre.AT and what in SIGNS:
            kind, what = sre.LITERAL, ord(SIGNS[what])
        if kind in REFUSED:
            raise _RefusedError(*REFUSED[kind])
        if kind is sre.BRANCH:
            return self.expressions.either([self._sequence(one.data, flags, first, last) for one in what[1]])
        if kind is sre.SUBPATTERN:
            _, more, fewer, inner = what
            return self._sequence(inner.data, (flags | more) & ~fewer, first, last)
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            least, most, inner = what
            part = self._sequence(inner.data, flags, False, False)
            return self.expressions.repeated(part, least, None if most is sre.MAXREPEAT else int(most))
        if kind is sre.ANY:
            return self._symbol(".", flags)
        parts = "".join(self._class(kind, what))
        return self._symbol(parts if kind is sre.LITERAL else f"[{parts}]", flags)

    def _class(self, kind: Any, what: Any) -> Iterator[str]:
        """Yield the parts of a class of characters."""
        if kind is sre.NOT_LITERAL:
            yield "^"
        if kind in (sre.LITERAL, sre.NOT_LITERAL):
            self.named.add(chr(what))
            yield re.escape(chr(what))
        elif kind is sre.NEGATE:
            yield "^"
        elif kind is sre.RANGE:
            yield "-".join(re.escape(chr(end)) for end in what)
        elif kind is sre.CATEGORY:
            yield CATEGORIES[what]
        elif kind is sre.IN:
            for item in what:
                yield from self._class(*item)

    def _symbol(self, name: str, flags: int) -> int:
        letters = "".join(letter for flag, letter in FLAGS.items() if flags & flag)
        name = f"(?{letters}:{name})" if letters else name
        return self.expressions.symbol(self.symbols.setdefault(name, len(self.symbols)))


def _is_begin(item: tuple[Any, Any]) -> bool:
    return item[0] is sre.AT and item[1] in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING)


def _is_end(item: tuple[Any, Any]) -> bool:
    return item[0] is sre.AT and item[1] in (sre.AT_END, sre.AT_END_STRING)

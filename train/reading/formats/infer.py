"""A format that labels seem to have: what stands at each place, and which checks hold more often than by chance."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from train.data.texts.reading_order import in_picture_order
from train.reading.formats.declared import PATTERN
from train.reading.formats.named_checks import CHECKS
from train.reading.formats.rules import COMMON, Rule, weigh

FEWEST, LEAST = 20, 0.1
"""Labels, and the share of them that obeys a check: fewer say nothing."""
UPPER, LOWER, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"


@dataclass(frozen=True)
class Proposal:
    """A rule that labels seem to obey, weighed by them."""

    rule: Rule

    @property
    def text(self) -> str:
        """Say how many labels obey, and how many would by chance."""
        low, high = self.rule.share.ends
        share = self.rule.obeying / self.rule.labels
        return (
            f"{100 * share:.1f} % of {self.rule.labels} labels obey (95 %: {100 * low:.1f} to {100 * high:.1f}), "
            f"{100 * self.rule.chance:.1f} % of misspelt ones"
        )


def propose(texts: Sequence[str], seed: int = 0) -> tuple[Proposal, ...]:
    """Return the pattern and the checks that labels seem to obey; none where there are too few of them."""
    if len(texts) < FEWEST:
        return ()
    pattern = propose_pattern([in_picture_order(text) for text in texts])
    first = [Rule(name=PATTERN, pattern=pattern)] if pattern else []
    found = [Proposal(rule) for rule in weigh(first, texts, seed)]
    for name in CHECKS:
        rule = weigh([*first, Rule(name=name, check=name)], texts, seed)[-1]
        if rule.labels >= FEWEST and rule.share.low > max(2 * rule.chance, LEAST):
            found.append(Proposal(rule))
    return tuple(found)


def propose_pattern(texts: Sequence[str]) -> str | None:
    """Return a pattern of the common length of texts as pictures show them, or of the order of letters and digits."""
    length, most = Counter(map(len, texts)).most_common(1)[0]
    if most >= COMMON * len(texts):
        same = [text for text in texts if len(text) == length]
        classes = [_class_of({text[place] for text in same}, same) for place in range(length)]
        return _joined([(name, 1, 1) for name in classes])
    shape, most = Counter(map(_shape, texts)).most_common(1)[0]
    if most < COMMON * len(texts):
        return None
    alike = [_runs(text) for text in texts if _shape(text) == shape]
    parts = []
    for runs in zip(*alike, strict=True):
        lengths = set(map(len, runs))
        name = _class_of(set("".join(runs)), [])
        constant = len(set(runs)) == 1
        parts.append(
            ("".join(map(_escaped, runs[0])), 1, 1) if constant else (name, min(lengths), max(lengths))
        )
    return _joined(parts)


def _kind(character: str) -> str:
    if character in DIGITS:
        return "digit"
    return "upper" if character in UPPER else "lower" if character in LOWER else character


def _runs(text: str) -> list[str]:
    return ["".join(group) for _, group in groupby(text, _kind)]


def _shape(text: str) -> tuple[str, ...]:
    return tuple(kind for kind, _ in groupby(text, _kind))


def _class_of(found: set[str], texts: Sequence[str]) -> str:
    """Return what stands at a place: a character, digits, letters, or the letters and digits that occur anywhere."""
    if len(found) == 1:
        return _escaped(*found)
    if found <= set(DIGITS):
        return r"\d"
    for letters in (UPPER, LOWER):
        if found <= set(letters):
            return f"[{letters[0]}-{letters[-1]}]"
    seen = found | {c for text in texts for c in text if c in UPPER + LOWER + DIGITS}
    return f"[{''.join(_ranges(seen))}]"


def _ranges(characters: set[str]) -> list[str]:
    """Return characters as ranges of a class; all digits where there are some."""
    codes = sorted(map(ord, characters | (set(DIGITS) if characters & set(DIGITS) else set())))
    runs = groupby(enumerate(codes), lambda pair: pair[1] - pair[0])
    spans = [[code for _, code in run] for _, run in runs]
    return [
        _escaped(chr(span[0])) if len(span) == 1 else f"{_escaped(chr(span[0]))}-{_escaped(chr(span[-1]))}"
        for span in spans
    ]


def _escaped(character: str) -> str:
    return re.escape(character) if character.isascii() and character != " " else character


def _joined(parts: Sequence[tuple[str, int, int]]) -> str:
    """Join (class, fewest, most) to a pattern, equal neighbours together."""
    merged: list[tuple[str, int, int]] = []
    for name, least, most in parts:
        if merged and merged[-1][0] == name:
            _, low, high = merged.pop()
            merged.append((name, low + least, high + most))
        else:
            merged.append((name, least, most))
    return "".join(name + _times(least, most) for name, least, most in merged)


def _times(least: int, most: int) -> str:
    if least == most:
        return "" if least == 1 else f"{{{least}}}"
    return f"{{{least},{most}}}"

"""The rules of texts: what of them labels obey, and what that is worth when a line is read."""

import math
from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from train.config import Frozen
from train.data.texts.reading_order import in_picture_order
from train.errors import DataError
from train.reading.formats.automaton import parsed
from train.reading.formats.checks import Check, WeightedCheck
from train.reading.formats.named_checks import STDNUM, Holds, holds_by, named_check, stdnum_check
from train.scoring.intervals import Interval, wilson_interval

if TYPE_CHECKING:
    from greenery import Fsm

MOST_NATS = 6.0
"""A rule that is not hard is never worth more: few labels are no proof, and dearer texts are seldom the right ones."""
MISSPELT = 20
COMMON = 0.9
"""Share of the labels that nearly all of them are."""


class Rule(Frozen):
    """One rule, and how often training labels that obey those before it obey it, too.

    Attributes:
        name: for people.
        pattern: a regular expression for whole texts, or alternatives; None for none.
        lexicon: texts that are allowed, besides those of the pattern.
        check: a name, or a weighted sum; None for a pattern or lexicon.
        hard: nothing else is ever written.
        find: the lines of a page that can be what is looked for are wanted alone.
        told: it is only said whether a text obeys; obeying is worth nothing.
        obeying: labels that obey, of `labels`.
        chance: share of misspelt labels that obey all the same.
    """

    name: str
    pattern: str | tuple[str, ...] | None = None
    lexicon: tuple[str, ...] = ()
    check: str | WeightedCheck | None = None
    hard: bool = False
    find: bool = False
    told: bool = False
    obeying: int = 0
    labels: int = 0
    chance: float = 0.5

    @property
    def share(self) -> Interval:
        """The interval of the share of labels that obey."""
        return wilson_interval(self.obeying, self.labels)

    @property
    def nats(self) -> float:
        """What a text is worth for obeying: by how much labels do so more often than misspelt ones; at least 0."""
        share = (self.obeying + 0.5) / (self.labels + 1)
        return min(max(_log_odds(share) - _log_odds(self.chance), 0.0), MOST_NATS)

    @cached_property
    def holds(self) -> Holds:
        """Whether a text obeys; pattern and sums take it as its picture shows it from left to right."""
        if self.check is None:
            return partial(_listed, frozenset(self.lexicon), [parsed(one) for one in self.patterns])
        if self.sums is None:
            return stdnum_check(str(self.check))
        return partial(_in_picture, holds_by(self.sums))

    @property
    def patterns(self) -> tuple[str, ...]:
        """The alternatives of the pattern."""
        if self.pattern is None:
            return ()
        return (self.pattern,) if isinstance(self.pattern, str) else self.pattern

    @property
    def required(self) -> bool:
        """Whether a line that breaks it is not what is looked for: it is hard, or nearly all labels obey."""
        return self.find and (self.hard or self.obeying >= COMMON * max(self.labels, 1))

    @property
    def sums(self) -> tuple[Check, ...] | None:
        """The sums of a check; None for a pattern or for a check that is none."""
        if isinstance(self.check, WeightedCheck):
            return (self.check,)
        if self.check is None or self.check.startswith(STDNUM):
            return None
        return named_check(self.check)


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _listed(lexicon: frozenset[str], patterns: Sequence["Fsm"], text: str) -> bool:
    if text in lexicon:
        return True
    picture = in_picture_order(text)
    return any(pattern.accepts(picture) for pattern in patterns)


def _in_picture(holds: Holds, text: str) -> bool:
    return holds(in_picture_order(text))


def weighed(rules: Sequence[Rule], texts: Sequence[str], seed: int) -> tuple[Rule, ...]:
    """Return the rules with what is known from training labels: how many obey, and how many would by chance."""
    if not texts:
        raise DataError("rules must be weighed by labels", "none", "name training data")
    wrong = list(_misspelt(texts, np.random.default_rng(seed)))
    found = []
    for rule in rules:
        kept, other = ([text for text in some if rule.holds(text)] for some in (texts, wrong))
        chance = (len(other) + 0.5) / (len(wrong) + 1)
        found.append(rule.model_copy(update={"obeying": len(kept), "labels": len(texts), "chance": chance}))
        texts, wrong = kept, other
    return tuple(found)


def _misspelt(texts: Sequence[str], rng: np.random.Generator) -> Iterable[str]:
    """Yield labels with one character replaced, left out or doubled, as a reader errs."""
    characters = sorted(set().union(*texts))
    for text in texts:
        for _ in range(max(1, MISSPELT * 100 // max(len(texts), 100)) if text else 0):
            place, kind = int(rng.integers(len(text))), int(rng.integers(4))
            other = str(rng.choice(characters))
            middle = {0: "", 1: text[place] * 2}.get(kind, other)
            wrong = text[:place] + middle + text[place + 1 :]
            if wrong != text:
                yield wrong

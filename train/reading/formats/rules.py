"""The rules of texts: what of them labels obey, and what that is worth when a line is read."""

import math
from collections.abc import Iterable, Sequence
from functools import cached_property, partial

import numpy as np
from pydantic import Field

from train.config import Frozen
from train.data.texts.reading_order import in_picture_order
from train.errors import DataError
from train.reading.automata.patterns import Patterns, parsed
from train.reading.formats.checks import Check, WeightedCheck
from train.reading.formats.named_checks import STDNUM, Holds, holds_by, named_check, stdnum_check
from train.scoring.intervals import Interval, wilson_interval

MOST_NATS = 6.0
"""A rule that is not hard is never worth more: few labels are no proof, and dearer texts are seldom the right ones."""
MISSPELT = 20
COMMON = 0.9
"""Share of the labels that nearly all of them are."""
STRENGTHS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Labels that the share of all counts as, beside those that begin alike."""


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
        by_first: share of the labels that obey by their first character in the picture, where that tells more than the
            share of all: some makers' codes have a check digit, others' look alike without one.
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
    by_first: dict[str, float] = Field(default_factory=dict)

    @property
    def share(self) -> Interval:
        """The interval of the share of labels that obey."""
        return wilson_interval(self.obeying, self.labels)

    @property
    def nats(self) -> float:
        """What obeying is worth where the beginning of a text tells nothing."""
        return self._worth(_share(self.obeying, self.labels))

    def nats_of(self, first: str) -> float:
        """Return what a text is worth for obeying by its first character in the picture."""
        return self._worth(self.by_first[first]) if first in self.by_first else self.nats

    @property
    def range_nats(self) -> tuple[float, float]:
        """What obeying is worth at least and at most, whatever a text begins with."""
        found = [self.nats, *map(self.nats_of, self.by_first)]
        return min(found), max(found)

    def _worth(self, share: float) -> float:
        """Return by how much labels of which a share obeys do so more often than misspelt ones, at least 0."""
        return min(max(_log_odds(share) - _log_odds(self.chance), 0.0), MOST_NATS)

    @cached_property
    def holds(self) -> Holds:
        """Whether a text obeys; pattern and sums take it as its picture shows it from left to right."""
        if self.check is None:
            return partial(_listed, frozenset(self.lexicon), parsed(*self.patterns))
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


def _share(obeying: float, labels: int) -> float:
    """Return a share that is never 0 or 1 (Krichevsky and Trofimov, 1981)."""
    return (obeying + 0.5) / (labels + 1)


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def _listed(lexicon: frozenset[str], patterns: Patterns, text: str) -> bool:
    return text in lexicon or patterns.accepts(in_picture_order(text))


def _in_picture(holds: Holds, text: str) -> bool:
    return holds(in_picture_order(text))


def weigh(rules: Sequence[Rule], texts: Sequence[str], seed: int) -> tuple[Rule, ...]:
    """Return the rules with counts of the training labels: how many obey, and how many would by chance."""
    if not texts:
        raise DataError("rules must be weighed by labels", "none", "name training data")
    wrong = list(_misspelt(texts, np.random.default_rng(seed)))
    found = []
    for rule in rules:
        kept, other = ([text for text in some if rule.holds(text)] for some in (texts, wrong))
        by_first = {} if rule.hard else _by_first(texts, kept)
        counts = {"obeying": len(kept), "labels": len(texts), "chance": _share(len(other), len(wrong))}
        found.append(rule.model_copy(update={**counts, "by_first": by_first}))
        texts, wrong = kept, other
    return tuple(found)


def _by_first(texts: Sequence[str], obeying: Sequence[str]) -> dict[str, float]:
    """Return the share of texts that obey by their first character; none where the share of all tells as much.

    Each is drawn to the share of all, as strongly as foretells every text best from the others.
    """
    firsts, own = ([in_picture_order(text)[:1] for text in some] for some in (texts, obeying))
    kinds, number = np.unique(np.array(firsts), return_inverse=True)
    labels = np.bincount(number)
    obey = np.bincount(np.searchsorted(kinds, np.array(own, kinds.dtype)), minlength=len(kinds))
    whole = _share(len(obeying), len(texts))

    def told(strength: float) -> float:
        others = labels - 1 + strength
        yes = np.log(np.maximum(obey - 1 + strength * whole, strength * whole) / others)
        no = np.log(1 - (obey + strength * whole) / others, where=labels > obey, out=np.zeros(len(kinds)))
        return float(obey @ yes + (labels - obey) @ no)

    best = max(STRENGTHS, key=told)
    alike = len(obeying) * math.log(whole) + (len(texts) - len(obeying)) * math.log(1 - whole)
    if told(best) < alike + 1:  # a nat more: chance gives nearly as much
        return {}
    shares = (obey + best * whole) / (labels + best)
    return dict(zip(kinds.tolist(), shares.round(4).tolist(), strict=True))


def _misspelt(texts: Sequence[str], rng: np.random.Generator) -> Iterable[str]:
    """Yield labels with one character replaced, left out or doubled, as a reader errs."""
    characters = sorted(set().union(*texts))
    for text in texts:
        for _ in range(max(1, MISSPELT * 100 // max(len(texts), 100)) if text else 0):
            place, kind = int(rng.integers(len(text))), int(rng.integers(4))
            other = characters[int(rng.integers(len(characters)))]
            middle = {0: "", 1: text[place] * 2}.get(kind, other)
            wrong = text[:place] + middle + text[place + 1 :]
            if wrong != text:
                yield wrong

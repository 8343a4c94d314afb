"""Rules as grammars: the first of them, the first two, and so on, each with what obeying is worth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK, Charset
from train.errors import UsageError
from train.reading.automata.automaton import Automaton, make_automaton, with_own_starts
from train.reading.automata.lexicon import lexicon_automaton, union
from train.reading.automata.patterns import patterns_automaton
from train.reading.formats.checks import Check
from train.reading.formats.product import TooManyStatesError, restrict
from train.reading.formats.rules import Rule

Costs = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """Texts that obey the first few rules.

    Attributes:
        automaton: of them, but for what `others` say; None for all texts.
        others: rules without a small automaton: several of the likeliest texts are tried.
        nats: what obeying is worth at most.
        entry: (C,) how much less by the class that a text begins with, the blank for an empty one; None: nothing.
    """

    automaton: Automaton | None
    others: tuple[Rule, ...]
    nats: float
    entry: Costs | None = None

    @property
    def worth_by_first(self) -> Costs | float:
        """What a text is worth by the class that it begins with, (C,); a number where that tells nothing."""
        return self.nats if self.entry is None else self.nats - self.entry

    def worth(self, classes: Sequence[int]) -> float:
        """Return what a text of the level is worth for obeying."""
        return self.nats - self.dearer(classes)

    def dearer(self, classes: Sequence[int]) -> float:
        """Return how much less it is worth than the best beginning."""
        return 0.0 if self.entry is None else float(self.entry[classes[0] if classes else BLANK])

    def holds(self, text: str, classes: Sequence[int]) -> bool:
        """Whether a text, whose classes these are, is one of them."""
        fits = self.automaton is None or self.automaton.accepts(classes)
        return fits and all(rule.holds(text) for rule in self.others)


def make_levels(rules: Sequence[Rule], charset: Charset) -> tuple[Level, ...]:
    """Return the level of no rule, of the first, of the first two, and so on.

    Raises:
        UsageError: if the charset can write no text that obeys.
    """
    return tuple(_level(rules[:count], charset) for count in range(len(rules) + 1))


def _level(rules: Sequence[Rule], charset: Charset) -> Level:
    nats, entry = _worth([rule for rule in rules if not rule.hard], charset)
    if not rules:
        return Level(None, (), nats)
    parts: list[Automaton] = []
    others: list[Rule] = []
    listed = next((rule for rule in rules if rule.lexicon and not rule.patterns), None)
    spelt = next((rule for rule in rules if rule.check is None), None)
    if listed is None and (spelt is None or spelt.patterns):
        whole = patterns_automaton(spelt.patterns, charset) if spelt else free_automaton(charset)
        for rule in rules:
            if rule.check is not None:
                narrower = _narrowed(whole, rule.sums, charset)
                whole, others = (narrower, others) if narrower else (whole, [*others, rule])
        parts += [whole] if len(whole.starts) else []
    if (source := listed or spelt) is not None:
        words = tuple(word for word in source.lexicon if all(rule.holds(word) for rule in rules))
        parts += (
            [lexicon_automaton(words, charset)] if any(not charset.unknown(word) for word in words) else []
        )
    if not parts:
        raise UsageError(
            "the charset must be able to write a text that obeys all rules",
            f"{', '.join(rule.name for rule in rules)} and a charset of {''.join(charset.characters)[:80]!r}",
            "mend the pattern, lexicon or checks, or train with labels that hold the characters",
        )
    automaton = union(parts)
    return Level(automaton if entry is None else with_own_starts(automaton), tuple(others), nats, entry)


def _worth(rules: Sequence[Rule], charset: Charset) -> tuple[float, Costs | None]:
    """Return what obeying is worth at most, and how much less by the class of the first character."""
    if not any(rule.by_first for rule in rules):
        return sum(rule.nats for rule in rules), None
    nats = np.array([sum(rule.nats_of(first) for rule in rules) for first in ("", *charset.characters)])
    return float(nats.max()), nats.max() - nats


def _narrowed(automaton: Automaton, sums: Iterable[Check] | None, charset: Charset) -> Automaton | None:
    """Return the automaton of the texts with these sums; None where there is no small one."""
    if sums is None:
        return None
    try:
        for one in sums:
            automaton = restrict(automaton, one, charset)
    except TooManyStatesError:
        return None
    return automaton


def free_automaton(charset: Charset) -> Automaton:
    """Return the automaton of all texts."""
    numbers = np.arange(1, charset.classes)
    edges = np.stack([np.zeros_like(numbers), numbers, np.zeros_like(numbers)], axis=1)
    return make_automaton(edges, np.zeros(1, np.int64), np.zeros(1, np.int64), charset.classes)

"""The best text that obeys some rules: near the likeliest first, everywhere where it must be or may be worth it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from train.reading.decoding.choices import Lines
from train.reading.decoding.grammar import Grammar
from train.reading.decoding.narrow import TooWideError, best_path
from train.reading.decoding.paths import Path, best_paths
from train.reading.decoding.spelling import Costs, Spelling
from train.reading.decoding.viterbi import Trellis
from train.reading.formats.levels import Level

BEAM = 24
MOST_BEAM, LEAST_BEAM, BEAM_WEIGHT = 8.0, 2.0, 15.0
"""Nats within which a language model chooses: what it can make up for grows with its weight."""
NEAR, MOST_TOKENS = 4.0, 4000
"""Nats within which most answers lie, and tokens of a line up to which they are looked for there."""
MOST_IN_LEXICON = 300
"""Tokens of a line where all go on to a text of a lexicon."""
DEPTH = 64
"""How many of the likeliest texts are tried for a check without an automaton."""
Flags = npt.NDArray[np.bool_]
WIDER = (12.0, 96.0, math.inf)


class TextFinder:
    """Finds the best text of a level in lines.

    Args:
        level: which texts may be written.
        spelling: what texts cost by a language model; None where that does not count.
        spell: classes -> text.
    """

    def __init__(
        self,
        level: Level,
        spelling: Spelling | None,
        spell: Callable[[Sequence[int]], str],
    ) -> None:
        self._level, self._others, self._spell = level, level.others, spell
        self._plain = Grammar(level.automaton, entry=level.entry)
        self._spelt = Grammar(level.automaton, spelling, level.entry) if spelling else None
        wide = BEAM_WEIGHT * spelling.weight + spelling.bonus if spelling else 0.0
        self._beam = min(MOST_BEAM, LEAST_BEAM + wide)

    def within_reach(self, lines: Lines, gains: Costs) -> Flags:
        """Return which classes a text may begin with, (N, C), that costs less than it gains, (N,)."""
        own = 0.0 if self._level.entry is None else self._level.entry
        room = gains[:, None] - own if self._spelt is None else np.full((len(lines), 1), self._beam)
        return np.asarray(lines.begun() <= room)

    def best(self, lines: Lines, gains: Costs) -> list[Path | None]:
        """Return the best text of each line, if it costs less than it gains, (N,).

        Its cost is without what its beginning is worth.
        """
        found = self._best(lines, gains)
        if self._level.entry is None:
            return found
        return [path and replace(path, cost=path.cost - self._level.dearer(path.classes)) for path in found]

    def _best(self, lines: Lines, gains: Costs) -> list[Path | None]:
        if self._spelt is None:
            return self._exact(lines, gains)
        found = self._first(lines, self._spelt, np.full(len(lines), self._beam), BEAM)
        # A beam may end where no text that obeys a hard rule does.
        missed = [i for i, path in enumerate(found) if path is None and math.isinf(gains[i])]
        if not missed:
            return found
        return _filled(found, missed, self._exact(lines.only(missed), gains[missed]))

    def _exact(self, lines: Lines, gains: Costs) -> list[Path | None]:
        """Return the best text of each line without the language model."""
        settled = self._room(lines, gains) <= NEAR
        found = self._first(lines, self._plain, np.where(settled, gains, NEAR), MOST_TOKENS)
        gains = np.where(settled, 0.0, gains)
        if not self._others and not self._plain.listed and self._trellis is not None:
            left = [i for i, path in enumerate(found) if path is None and gains[i] > NEAR]
            paths = self._trellis.best_paths(lines.nats[left]) if left else []
            near = [
                path if path and path.cost <= gains[i] else None for i, path in zip(left, paths, strict=True)
            ]
            return _filled(found, left, near)
        narrower, most = NEAR, MOST_IN_LEXICON if self._plain.listed else MOST_TOKENS
        for bound in WIDER:
            left = [i for i, path in enumerate(found) if path is None and gains[i] > narrower]
            paths = self._first(lines.only(left), self._plain, np.minimum(gains[left], bound), most)
            found, narrower = _filled(found, left, paths), bound
        return found

    def _room(self, lines: Lines, gains: Costs) -> Costs:
        """Return the nats that are left of what each line gains, (N,), once its text has begun in the best way."""
        if self._level.entry is None:
            return gains
        return np.asarray((gains[:, None] - lines.begun() - self._level.entry)[:, 1:].max(axis=1))

    @cached_property
    def _trellis(self) -> Trellis | None:
        return Trellis(self._plain.automaton, self._plain.entry) if self._plain.automaton else None

    def _first(self, lines: Lines, grammar: Grammar, within: Costs, most: int) -> list[Path | None]:
        """Return the best text of each line that also obeys the rules which the automaton cannot express."""
        if not len(lines):
            return []
        if not self._others:
            return _best_paths(lines, grammar, within, most)
        texts = best_paths(lines, grammar, within, 2 * DEPTH, DEPTH)
        return [next((path for path in own if self._holds(path)), None) for own in texts]

    def _holds(self, path: Path) -> bool:
        return all(rule.holds(self._spell(path.classes)) for rule in self._others)


def _best_paths(lines: Lines, grammar: Grammar, within: Costs, most: int) -> list[Path | None]:
    """Return the best text of each line: one by one, and those that leave many choices all at once."""
    found, wide = list[Path | None](), list[int]()
    for line, (steps, nats) in enumerate(zip(lines.reach(within).steps, within.tolist(), strict=True)):
        try:
            found.append(best_path(steps, grammar, nats, most))
        except TooWideError:
            found.append(None)
            wide.append(line)
    if wide:
        paths = best_paths(lines.only(wide), grammar, within[wide], most)
        found = _filled(found, wide, [next(iter(own), None) for own in paths])
    if not grammar.exact_within:
        return found
    # A dearer one than looked for, by its beginning, need not be the best.
    return [
        path if path and path.cost <= nats else None
        for path, nats in zip(found, within.tolist(), strict=True)
    ]


def _filled(
    found: Sequence[Path | None], places: Sequence[int], paths: Sequence[Path | None]
) -> list[Path | None]:
    """Return what was found, with paths put in some places."""
    whole = list(found)
    for place, path in zip(places, paths, strict=True):
        whole[place] = path
    return whole

"""The best text that obeys some rules: near the likeliest first, everywhere where it must be or may be worth it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.reading.decoding.grammar import Costs, Grammar
from train.reading.decoding.paths import Path, best_paths
from train.reading.decoding.viterbi import Trellis
from train.reading.formats.levels import Level
from train.reading.ngram import Ngram

BEAM = 24
MOST_BEAM, LEAST_BEAM, BEAM_WEIGHT = 8.0, 2.0, 15.0
"""Nats within which a language model chooses: what it can make up for grows with its weight."""
NEAR, MOST_TOKENS = 4.0, 4000
"""Nats within which most answers lie, and tokens of a line up to which they are looked for there."""
MOST_IN_LEXICON = 300
"""Tokens of a line where all go on to a text of a lexicon."""
DEPTH = 64
"""How many of the likeliest texts are tried for a check without an automaton."""
WIDER = (12.0, 96.0, math.inf)
Logs = npt.NDArray[np.float32]


class TextFinder:
    """Finds the best text of a level in lines.

    Args:
        level: which texts may be written.
        ngram: how likely texts are; None where that does not count.
        weight: of its log-probabilities.
        bonus: in nats for every character.
        spell: classes -> text.
    """

    def __init__(
        self,
        level: Level,
        ngram: Ngram | None,
        weight: float,
        bonus: float,
        spell: Callable[[Sequence[int]], str],
    ) -> None:
        self._level, self._others, self._spell = level, level.others, spell
        self._plain = Grammar(level.automaton, entry=level.entry)
        self._spelt = Grammar(level.automaton, ngram, weight, bonus, level.entry) if ngram else None
        self._beam = min(MOST_BEAM, LEAST_BEAM + BEAM_WEIGHT * weight + bonus)

    def best(self, logs: Logs, gains: Costs) -> list[Path | None]:
        """Return the best text of each line, (N, T, C) log-probabilities, if it costs less than it gains, (N,).

        Its cost is without what its beginning is worth.
        """
        found = self._best(logs, gains)
        if self._level.entry is None:
            return found
        return [path and replace(path, cost=path.cost - self._level.dearer(path.classes)) for path in found]

    def _best(self, logs: Logs, gains: Costs) -> list[Path | None]:
        if self._spelt is None:
            return self._exact(logs, gains)
        found = self._first(logs, self._spelt, np.full(len(logs), self._beam), BEAM)
        # A beam may end where no text that obeys a hard rule does.
        missed = [i for i, path in enumerate(found) if path is None and math.isinf(gains[i])]
        return _filled(found, missed, self._exact(logs[missed], gains[missed]))

    def _exact(self, logs: Logs, gains: Costs) -> list[Path | None]:
        """Return the best text of each line without the language model."""
        settled = self._room(logs, gains) <= NEAR
        found = self._first(logs, self._plain, np.where(settled, gains, NEAR), MOST_TOKENS)
        gains = np.where(settled, 0.0, gains)
        if not self._others and not self._plain.listed and self._trellis is not None:
            left = [i for i, path in enumerate(found) if path is None and gains[i] > NEAR]
            paths = self._trellis.best_paths(logs[left]) if left else []
            near = [
                path if path and path.cost <= gains[i] else None for i, path in zip(left, paths, strict=True)
            ]
            return _filled(found, left, near)
        narrower, most = NEAR, MOST_IN_LEXICON if self._plain.listed else MOST_TOKENS
        for bound in WIDER:
            left = [i for i, path in enumerate(found) if path is None and gains[i] > narrower]
            paths = self._first(logs[left], self._plain, np.minimum(gains[left], bound), most)
            found, narrower = _filled(found, left, paths), bound
        return found

    def _room(self, logs: Logs, gains: Costs) -> Costs:
        """Return the nats that are left of what each line gains, (N,), once its text has begun in the best way."""
        if self._level.entry is None:
            return gains
        slack = logs.max(axis=2, keepdims=True) - logs
        blank = slack[:, :, BLANK]
        begun = ((blank.cumsum(axis=1) - blank)[:, :, None] + slack).min(axis=1)
        return np.asarray((gains[:, None] - begun - self._level.entry)[:, 1:].max(axis=1))

    @cached_property
    def _trellis(self) -> Trellis | None:
        return Trellis(self._plain.automaton, self._plain.entry) if self._plain.automaton else None

    def _first(self, logs: Logs, grammar: Grammar, within: Costs, most: int) -> list[Path | None]:
        """Return the best text of each line that also obeys the rules which the automaton cannot express."""
        if not len(logs):
            return []
        if not self._others:
            return [next(iter(own), None) for own in best_paths(logs, grammar, within, most)]
        texts = best_paths(logs, grammar, within, 2 * DEPTH, DEPTH)
        return [next((path for path in own if self._holds(path)), None) for own in texts]

    def _holds(self, path: Path) -> bool:
        return all(rule.holds(self._spell(path.classes)) for rule in self._others)


def _filled(
    found: Sequence[Path | None], places: Sequence[int], paths: Sequence[Path | None]
) -> list[Path | None]:
    """Return what was found, with paths put in some places."""
    whole = list(found)
    for place, path in zip(places, paths, strict=True):
        whole[place] = path
    return whole

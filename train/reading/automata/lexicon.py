"""Lists of texts as automata: a trie, which knows how many steps of a line the rest of a text needs."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from train.data.charset import Charset
from train.reading.automata.automaton import Automaton, Indices

NEVER = 1 << 40
LEXICONS = 4
"""That are kept: a text model is made several times while it is chosen, and a million words take ten seconds."""


@lru_cache(LEXICONS)
def lexicon_automaton(words: tuple[str, ...], charset: Charset) -> Automaton:
    """Return the automaton of those words that the charset can write; there must be some."""
    writable = {tuple(charset.encode(word)) for word in words if not charset.unknown(word)}
    return _trie(sorted(writable - {()}), charset.classes)


def _trie(words: Sequence[Sequence[int]], classes: int) -> Automaton:
    """Build the trie of different words, level by level."""
    lengths = np.array([len(word) for word in words])
    flat = np.array([number for word in words for number in word], np.int64)
    begins = np.cumsum(lengths) - lengths
    state, edges, size = np.zeros(len(words), np.int64), [np.zeros((0, 3), np.int64)], 1
    for place in range(int(lengths.max())):
        long = np.flatnonzero(lengths > place)
        keys, numbers = np.unique(state[long] * classes + flat[begins[long] + place], return_inverse=True)
        new = size + np.arange(len(keys))
        edges.append(np.stack([*np.divmod(keys, classes), new], axis=1))
        state[long] = new[numbers]
        size += len(keys)
    ends = np.zeros(size, bool)
    ends[state] = True
    return Automaton(np.concatenate(edges), np.zeros(1, np.int64), ends, classes, _steps_needed(edges, ends))


def _steps_needed(levels: Sequence[Indices], ends: npt.NDArray[np.bool_]) -> Indices:
    """Return (S, 2) steps from each state, or after a blank there, to the nearest end.

    A character that comes twice takes a blank between.
    """
    own = np.zeros(len(ends), np.int64)
    for edges in levels:
        own[edges[:, 2]] = edges[:, 1]
    needed = np.where(ends, 0, NEVER)[:, None].repeat(2, axis=1)
    for edges in reversed(levels):
        before, number, after = edges.T
        np.minimum.at(needed[:, 0], before, needed[after, 0] + 1 + (own[before] == number))
        np.minimum.at(needed[:, 1], before, needed[after, 0] + 1)
    return needed


def union(automata: Sequence[Automaton]) -> Automaton:
    """Return the automaton of the texts of any of some automata of one charset."""
    if len(automata) == 1:
        return automata[0]
    sizes = [len(one.ends) for one in automata]
    shifts = np.cumsum([0, *sizes[:-1]])
    edges = [one.edges + np.array([shift, 0, shift]) for one, shift in zip(automata, shifts, strict=True)]
    needed = [
        np.zeros((size, 2), np.int64) if one.needed is None else one.needed
        for one, size in zip(automata, sizes, strict=True)
    ]
    return Automaton(
        np.concatenate(edges),
        np.concatenate([one.starts + shift for one, shift in zip(automata, shifts, strict=True)]),
        np.concatenate([one.ends for one in automata]),
        automata[0].classes,
        np.concatenate(needed) if any(one.needed is not None for one in automata) else None,
    )

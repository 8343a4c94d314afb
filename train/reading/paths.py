"""The best texts of CTC probabilities under a grammar: dynamic programming over steps, the states of all lines at once.

A token is a way to read a line so far: the grammar's state, whether it stands in a character or a blank, and what it
costs against the likeliest class of every step. Tokens of a line with the same future are merged: the cheapest stays.
Libraries were looked at: fast-ctc-decode, flashlight-text and pyctcdecode have beams and lexicons of words, but no
automata, and drop what an exact search needs; pynini composes a graph for every line.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.reading.formats.automaton import Indices
from train.reading.grammar import Costs, Grammar

MIXER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Path:
    """A text in CTC probabilities.

    Attributes:
        classes: of its characters.
        columns: the step of each where it begins.
        cost: nats that its best alignment, and the grammar, cost more than the likeliest class of every step.
    """

    classes: tuple[int, ...]
    columns: tuple[int, ...]
    cost: float


class _Choices(NamedTuple):
    """The classes within reach at the steps that matter, line by line and step by step.

    Attributes:
        classes: (K,) of all of them.
        slack: (K,) nats below the likeliest class of the step.
        first: (N, S + 1) where a line's step begins in these.
        columns: (N, S) the step in the probabilities.
    """

    classes: Indices
    slack: Costs
    first: Indices
    columns: Indices


class _Tokens(NamedTuple):
    """Ways to read lines, each (M,).

    Attributes:
        line: which.
        state: of the grammar.
        last: the class that it stands in.
        cost: in nats.
        text: hash of the line and its text so far.
        parent: the token of the step before.
        added: the class that the text has more; 0 for none.
    """

    line: Indices
    state: Indices
    last: Indices
    cost: Costs
    text: npt.NDArray[np.uint64]
    parent: Indices
    added: Indices

    def only(self, chosen: Indices | npt.NDArray[np.bool_]) -> "_Tokens":
        """Return some of them."""
        return _Tokens(
            self.line[chosen],
            self.state[chosen],
            self.last[chosen],
            self.cost[chosen],
            self.text[chosen],
            self.parent[chosen],
            self.added[chosen],
        )


def best_paths(
    log_probabilities: npt.NDArray[np.floating], grammar: Grammar, within: Costs, most: int, texts: int = 1
) -> list[list[Path]]:
    """Return the cheapest texts of each line, the best first; none where all cost more than `within`.

    With `texts` 1 and no language model the result is exact as long as a line has no more than `most` tokens.

    Args:
        log_probabilities: (N, T, C), of a softmax over C.
        grammar: which texts may be written and what they cost.
        within: (N,) nats that a text, its best alignment, may cost more than the likeliest class of every step; with a
            language model, than the cheapest token of the line.
        most: tokens of a line that are kept.
        texts: different ones of a line that are asked for.
    """
    choices = _choices(log_probabilities, within)
    history = [_begin(len(log_probabilities), grammar)]
    for step in range(choices.columns.shape[1]):
        tokens = _extended(history[-1], choices, step, grammar, within)
        history.append(_kept(tokens, grammar, within, most, texts > 1))
    return _traced(history, choices, grammar, texts)


def _begin(lines: int, grammar: Grammar) -> _Tokens:
    states = grammar.begin()
    count = lines * len(states)
    zeros = np.zeros(count, np.int64)
    line = np.repeat(np.arange(lines), len(states))
    text = line.astype(np.uint64) * MIXER
    return _Tokens(line, np.tile(states, lines), zeros, np.zeros(count), text, zeros, zeros)


def _choices(log_probabilities: npt.NDArray[np.floating], within: Costs) -> _Choices:
    """Find the classes within reach; a step that allows but the one class of the step before it changes nothing."""
    slack = log_probabilities.max(axis=2, keepdims=True) - log_probabilities
    reachable = slack <= within[:, None, None]
    counts = reachable.sum(axis=2)
    best = log_probabilities.argmax(axis=2)
    matters = np.ones(best.shape, bool)
    matters[:, 1:] = (counts[:, 1:] > 1) | (counts[:, :-1] > 1) | (best[:, 1:] != best[:, :-1])
    line, step, number = np.nonzero(reachable & matters[:, :, None])
    lines, steps = best.shape[0], int(matters.sum(axis=1).max(initial=0))
    order = np.argsort(~matters, axis=1, kind="stable")[:, :steps]  # what matters first, in its order
    kept = np.take_along_axis(np.where(matters, counts, 0), order, axis=1)
    ends = np.cumsum(kept.ravel()).reshape(lines, steps)
    first = np.concatenate([ends[:, :1] - kept[:, :1], ends], axis=1)
    return _Choices(number, slack[line, step, number].astype(np.float64), first, order)


def _extended(tokens: _Tokens, choices: _Choices, step: int, grammar: Grammar, within: Costs) -> _Tokens:
    """Return the ways to go on by a step that are within reach; the tokens of a line that has no more steps stay."""
    first = choices.first[tokens.line, step]
    counts = choices.first[tokens.line, step + 1] - first
    parent = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts) + first[parent]
    cost = tokens.cost[parent] + choices.slack[place]
    near = cost <= (within + _least(tokens, grammar, len(within)))[tokens.line[parent]]
    parent, number, cost = parent[near], choices.classes[place[near]], cost[near]
    stays = (number == BLANK) | (number == tokens.last[parent])
    kept, goes = parent[stays], ~stays
    moves = grammar.moves(tokens.state[parent[goes]], number[goes])
    origin, added = parent[goes][moves.origin], number[goes][moves.origin]
    done = np.flatnonzero(counts == 0)
    older = np.concatenate([done, kept, origin])
    nothing = np.zeros(len(done) + len(kept), np.int64)
    text = (tokens.text[origin] ^ (added.astype(np.uint64) + np.uint64(1))) * MIXER
    return _Tokens(
        tokens.line[older],
        np.concatenate([tokens.state[done], tokens.state[kept], moves.states]),
        np.concatenate([tokens.last[done], number[stays], added]),
        np.concatenate([tokens.cost[done], cost[stays], cost[goes][moves.origin] + moves.costs]),
        np.concatenate([tokens.text[done], tokens.text[kept], text ^ (text >> np.uint64(29))]),
        older,
        np.concatenate([nothing, added]),
    )


def _least(tokens: _Tokens, grammar: Grammar, lines: int) -> Costs:
    """Return what each line's bound counts from: 0, or with a language model its cheapest token."""
    if grammar.exact_within:
        return np.zeros(lines)
    least = np.full(lines, np.inf)
    np.minimum.at(least, tokens.line, tokens.cost)
    return least


def _kept(tokens: _Tokens, grammar: Grammar, within: Costs, most: int, distinct: bool) -> _Tokens:
    """Merge tokens with the same future, or with `distinct` of the same text, and leave out what costs too much."""
    bound = within + _least(tokens, grammar, len(within))
    tokens = tokens.only(tokens.cost <= bound[tokens.line])
    tokens = tokens.only(_by_future(tokens, grammar, distinct))
    if len(tokens.line) <= most:
        return tokens
    counts = np.bincount(tokens.line)
    if counts.max() <= most:
        return tokens
    tokens = tokens.only(np.lexsort((tokens.cost, tokens.line)))
    rank = np.arange(len(tokens.line)) - (np.cumsum(counts) - counts)[tokens.line]
    return tokens.only(rank < most)


def _by_future(tokens: _Tokens, grammar: Grammar, distinct: bool) -> Indices:
    """Return the indices of the cheapest token of each future."""
    if distinct:
        keys = [tokens.last == BLANK, tokens.state, tokens.text]
    else:
        classes = int(tokens.last.max(initial=0)) + 1
        keys = [(tokens.line * grammar.size + tokens.state) * classes + tokens.last]
    order: Indices = np.lexsort((tokens.cost, *keys))
    new = np.ones(len(order), bool)
    new[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    return np.asarray(order[new], np.int64)


def _traced(history: list[_Tokens], choices: _Choices, grammar: Grammar, texts: int) -> list[list[Path]]:
    """Return the cheapest whole texts, each line's best first."""
    tokens = history[-1]
    cost = tokens.cost + grammar.ending(tokens.state)
    lines = len(choices.columns)
    order = np.lexsort((cost, tokens.line))
    order = order[np.isfinite(cost[order])]
    found: list[list[int]] = [[] for _ in range(lines)]
    seen: set[int] = set()
    for token in order.tolist():
        own, text = found[int(tokens.line[token])], int(tokens.text[token])
        if len(own) < texts and text not in seen:
            seen.add(text)
            own.append(token)
    chosen = np.array([token for own in found for token in own], np.int64)
    paths = iter(_paths(history, choices, chosen, cost[chosen]))
    return [[next(paths) for _ in own] for own in found]


def _paths(history: list[_Tokens], choices: _Choices, chosen: Indices, cost: Costs) -> list[Path]:
    line, added = history[-1].line[chosen], np.zeros((len(chosen), len(history) - 1), np.int64)
    for step in range(len(history) - 1, 0, -1):
        added[:, step - 1] = history[step].added[chosen]
        chosen = history[step].parent[chosen]
    columns = choices.columns[line]
    return [
        Path(tuple(own[own > 0].tolist()), tuple(places[own > 0].tolist()), float(nats))
        for own, places, nats in zip(added, columns, cost, strict=True)
    ]

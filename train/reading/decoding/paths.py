"""The best texts of CTC probabilities under a grammar: dynamic programming over steps, the states of all lines at once.

A token is a way to read a line so far: the grammar's state, whether it stands in a character or a blank, and what it
costs against the likeliest class of every step. Tokens of a line with the same future are merged: the cheapest stays.
What is left out of a line depends on that line alone: at a step without a choice of its own, nothing is.
Libraries were looked at: fast-ctc-decode, flashlight-text and pyctcdecode have beams and lexicons of words, but no
automata, and drop what an exact search needs; pynini composes a graph for every line.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.reading.automata.automaton import Indices
from train.reading.decoding.choices import Choices, Lines, make_choices
from train.reading.decoding.grammar import Grammar
from train.reading.decoding.spelling import Costs

MIXER = np.uint64(0x9E3779B97F4A7C15)
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Path:
    """A text in CTC probabilities.

    Attributes:
        classes: of its characters.
        columns: the step of each where it begins.
        cost: nats that its best alignment, and the grammar, cost more than the likeliest class of every step.
        slack: those of the alignment alone.
    """

    classes: tuple[int, ...]
    columns: tuple[int, ...]
    cost: float
    slack: float


class _Tokens(NamedTuple):
    """Ways to read lines, each (M,).

    Attributes:
        line: which.
        state: of the grammar.
        last: the class that it stands in.
        cost: in nats.
        parent: the token of the step before.
        text: hash of the line and its text so far; None where tokens are told apart by their future alone.
    """

    line: Indices
    state: Indices
    last: Indices
    cost: Costs
    parent: Indices
    text: Hashes | None


def best_paths(lines: Lines, grammar: Grammar, within: Costs, most: int, texts: int = 1) -> list[list[Path]]:
    """Return the cheapest texts of each line, the best first; none where all cost more than `within`.

    With `texts` 1 and no language model the result is exact, or none for a line that needs more than `most` tokens;
    under a lexicon the cheapest `most` are followed then.

    Args:
        grammar: which texts may be written and what they cost.
        within: (N,) nats that a text, its best alignment, may cost more than the likeliest class of every step; with a
            language model, than the cheapest token of the line.
        most: tokens of a line that are kept.
        texts: different ones of a line that are asked for.
    """
    choices = make_choices(lines, within)
    history = [_begin(len(lines), grammar, texts > 1)]
    for step, certain in enumerate(choices.certain):
        if certain:
            history.append(_followed(history[-1], choices, step, grammar))
        else:
            tokens = _extended(history[-1], choices, step, grammar, within)
            history.append(_kept(tokens, grammar, choices, step, within, most))
    return _traced(history, choices, grammar, texts)


def _begin(lines: int, grammar: Grammar, distinct: bool) -> _Tokens:
    states = grammar.begin()
    line = np.repeat(np.arange(lines), len(states))
    zeros = np.zeros(len(line), np.int64)
    text = line.astype(np.uint64) * MIXER if distinct else None
    return _Tokens(line, np.tile(states, lines), zeros, np.zeros(len(line)), zeros, text)


def _followed(tokens: _Tokens, choices: Choices, step: int, grammar: Grammar) -> _Tokens:
    """Return the tokens after a step without a choice."""
    number = choices.classes[choices.first[tokens.line, step]]
    written = np.where(number == tokens.last, BLANK, number)
    origin, states, costs = grammar.moves(tokens.state, written)
    text = None if tokens.text is None else _hashed(tokens.text[origin], written[origin])
    parent = np.arange(len(number))[origin]
    return _Tokens(tokens.line[origin], states, number[origin], tokens.cost[origin] + costs, parent, text)


def _extended(tokens: _Tokens, choices: Choices, step: int, grammar: Grammar, within: Costs) -> _Tokens:
    """Return the ways to go on by a step that are within reach."""
    parent, number, cost = _continued(tokens, choices, step, grammar)
    cost += tokens.cost[parent]
    if grammar.exact_within:
        line = tokens.line[parent]
        near = ((cost <= within[line]) | ~choices.open_at(step)[line]).nonzero()[0]
        parent, number, cost = parent[near], number[near], cost[near]
    written = np.where(number == tokens.last[parent], BLANK, number)
    origin, states, costs = grammar.moves(tokens.state[parent], written)
    parent, number, cost = parent[origin], number[origin], cost[origin] + costs
    text = None if tokens.text is None else _hashed(tokens.text[parent], written[origin])
    return _Tokens(tokens.line[parent], states, number, cost, parent, text)


def _continued(
    tokens: _Tokens, choices: Choices, step: int, grammar: Grammar
) -> tuple[Indices, Indices, Costs]:
    """Return the classes that may come next: token, class and nats, (M,) each.

    They are those within reach; of a lexicon, where these are more in a line, those that go on with a text.
    """
    counts, own, allowed = choices.counts[tokens.line, step], tokens.line, grammar.count_allowed(tokens.state)
    if allowed is None:
        return _within_reach(tokens, np.arange(len(own)), choices, step)
    lines = len(choices.counts)
    fewer = np.bincount(own, allowed, lines) < np.bincount(own, counts, lines)
    listed = (fewer & choices.open_at(step))[own]
    parent, number, cost = _within_reach(tokens, np.flatnonzero(~listed), choices, step)
    others = _going_on(tokens, np.flatnonzero(listed), choices, step, grammar)
    return np.append(parent, others[0]), np.append(number, others[1]), np.append(cost, others[2])


def _within_reach(
    tokens: _Tokens, chosen: Indices, choices: Choices, step: int
) -> tuple[Indices, Indices, Costs]:
    """Return the classes within reach of some tokens."""
    line = tokens.line[chosen]
    counts = choices.counts[line, step]
    begins = choices.first[line, step] - counts.cumsum() + counts
    place = np.arange(int(counts.sum())) + begins.repeat(counts)
    return chosen.repeat(counts), choices.classes[place], choices.slack[place]


def _going_on(
    tokens: _Tokens, chosen: Indices, choices: Choices, step: int, grammar: Grammar
) -> tuple[Indices, Indices, Costs]:
    """Return the classes with which some tokens go on with a text of a lexicon, stay as they are, or end."""
    listed, last = grammar.allowed(tokens.state[chosen]), tokens.last[chosen]
    standing = np.flatnonzero(last != BLANK)
    new = listed.states != last[listed.origin]  # what a token stands in is there already
    parent = chosen[np.concatenate([np.arange(len(chosen)), standing, listed.origin[new]])]
    number = np.concatenate([np.zeros(len(chosen), np.int64), last[standing], listed.states[new]])
    line = tokens.line[parent]
    return parent, number, choices.nats[line, choices.columns[line, step], number].astype(np.float64)


def _hashed(texts: Hashes, written: Indices) -> Hashes:
    """Return the hashes of texts and one more class each; the blank adds nothing."""
    mixed = (texts ^ (written.astype(np.uint64) + np.uint64(1))) * MIXER
    return np.where(written == BLANK, texts, mixed ^ (mixed >> np.uint64(29)))


def _only(tokens: _Tokens, chosen: Indices) -> _Tokens:
    line, state, last, cost, parent, text = tokens
    kept = None if text is None else text[chosen]
    return _Tokens(line[chosen], state[chosen], last[chosen], cost[chosen], parent[chosen], kept)


def _kept(
    tokens: _Tokens, grammar: Grammar, choices: Choices, step: int, within: Costs, most: int
) -> _Tokens:
    """Return the tokens of lines without a choice, and of the others those that are not too late, dear or many.

    These are merged where they have the same future, or text.
    """
    own = choices.open_at(step)[tokens.line]
    certain, chosen = np.flatnonzero(~own), np.flatnonzero(own)
    line, state, last = tokens.line[chosen], tokens.state[chosen], tokens.last[chosen]
    in_time = grammar.in_time(state, last == BLANK, choices.left[line, step])
    chosen = chosen if in_time is None else chosen[in_time]
    if not grammar.exact_within:
        chosen = chosen[_near_the_cheapest(_only(tokens, chosen), within)]
    chosen = chosen[_by_future(_only(tokens, chosen), grammar.size, choices.nats.shape[2])]
    chosen = _fewest(tokens, chosen, grammar, most, len(within))
    return _only(tokens, np.append(certain, chosen))


def _fewest(tokens: _Tokens, chosen: Indices, grammar: Grammar, most: int, lines: int) -> Indices:
    """Return the cheapest `most` of each line's chosen tokens; none of a line with more that is to be exact."""
    if len(chosen) <= most:
        return chosen
    line = tokens.line[chosen]
    counts = np.bincount(line, minlength=lines)
    crowded = counts > most
    if crowded.any() and grammar.exact_within and not grammar.listed and tokens.text is None:
        chosen = chosen[~crowded[line]]
    elif crowded.any():
        chosen = chosen[np.lexsort((tokens.cost[chosen], line))]
        line = tokens.line[chosen]
        place = np.arange(len(line)) - (np.cumsum(counts) - counts)[line]
        chosen = chosen[(place < most) | ~crowded[line]]
    return chosen


def _near_the_cheapest(tokens: _Tokens, within: Costs) -> Indices:
    least = np.full(len(within), np.inf)
    np.minimum.at(least, tokens.line, tokens.cost)
    return (tokens.cost <= (least + within)[tokens.line]).nonzero()[0]


def _by_future(tokens: _Tokens, states: int, classes: int) -> Indices:
    """Return the indices of the cheapest token of each future."""
    if tokens.text is None:
        key = (tokens.line * states + tokens.state) * classes + tokens.last
    else:
        future = 2 * tokens.state + (tokens.last == BLANK)
        key = _hashed(tokens.text, future + 1).astype(np.int64)
    order = np.lexsort((tokens.cost, key))
    ordered = key[order]
    new = np.ones(len(order), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    chosen: Indices = order[new]
    return chosen


def _traced(history: list[_Tokens], choices: Choices, grammar: Grammar, texts: int) -> list[list[Path]]:
    """Return the cheapest whole texts, each line's best first."""
    tokens = history[-1]
    cost = tokens.cost + grammar.ending(tokens.state)
    order = np.lexsort((cost, tokens.line))
    order = order[np.isfinite(cost[order])]
    found: list[list[int]] = [[] for _ in choices.columns]
    seen: set[int] = set()
    line = tokens.line.tolist()
    text = None if tokens.text is None else tokens.text.tolist()
    for token in order.tolist():
        own = found[line[token]]
        if len(own) < texts and (text is None or text[token] not in seen):
            own.append(token)
            seen.add(text[token] if text else token)
    chosen = np.array([token for own in found for token in own], np.int64)
    paths = iter(_paths(history, choices, chosen, cost[chosen]))
    return [[next(paths) for _ in own] for own in found]


def _paths(history: list[_Tokens], choices: Choices, chosen: Indices, cost: Costs) -> list[Path]:
    line, last = history[-1].line[chosen], np.zeros((len(chosen), len(history)), np.int64)
    for step in range(len(history) - 1, 0, -1):
        last[:, step] = history[step].last[chosen]
        chosen = history[step].parent[chosen]
    starts = (last[:, 1:] != BLANK) & (last[:, 1:] != last[:, :-1])
    slack = choices.slack_of(line, last[:, 1:])
    return [
        Path(tuple(own[begins].tolist()), tuple(places[begins].tolist()), *nats)
        for own, begins, places, *nats in zip(
            last[:, 1:], starts, choices.columns[line], cost.tolist(), slack.tolist(), strict=True
        )
    ]

"""The best text of one line that leaves few choices: tokens one by one, in Python's own numbers.

A fine-tuned network is sure of most characters, and numpy takes longer to begin than such a step takes here. Lines that
leave more choices are read by `paths.py`, all at once.
"""

import math
from collections.abc import Sequence

from train.data.charset import BLANK
from train.reading.decoding.choices import Step, Steps
from train.reading.decoding.grammar import Grammar, Machine
from train.reading.decoding.paths import Path

MOST_WAYS = 2500
"""Ways to go on that are looked at in a line, half a millisecond; as many whatever lines it is read with."""


class TooWideError(Exception):
    """A line leaves more choices than are looked at one by one."""


Written = tuple["Written", int, int] | None
"""The text so far, from its end on: what comes before, class and column."""
Token = tuple[float, float, int, int, int, Written]
"""Cost, the grammar's part in it, state of the automaton, context, the class that it stands in, and its text."""


def best_path(steps: Steps, grammar: Grammar, within: float, most: int) -> Path | None:
    """Return the cheapest text of a line as `best_paths` does; raise TooWideError where that takes more than MOST_WAYS.

    It is raised for a lexicon with a language model, too: only `best_paths` leaves out what cannot end in time.
    """
    machine = grammar.machine
    counts, ways = [step.ways for step in steps], MOST_WAYS
    crowded = (
        grammar.listed and not grammar.exact_within
    )  # a beam needs room for the words that can still end
    if machine is None or crowded or sum(count * min(count, most) for count in counts) > ways:
        raise TooWideError
    tokens: list[Token] = [(0.0, 0.0, *start, BLANK, None) for start in grammar.starts]
    bound, beam = (within, math.inf) if grammar.exact_within else (math.inf, within)
    for step, count in zip(steps, counts, strict=True):
        ways -= len(tokens) * count
        if ways < 0:
            raise TooWideError
        tokens = _followed(tokens, step, machine, bound, beam, most)
        if step.certain:
            tokens = _continued(tokens, step.certain, machine)
        if len(tokens) > most:
            if grammar.listed:
                raise TooWideError
            return None
    return _cheapest(tokens, grammar)


def _followed(
    tokens: Sequence[Token], step: Step, machine: Machine, bound: float, beam: float, most: int
) -> list[Token]:
    """Return the cheapest token of each future after a step.

    None above `bound`; with a finite `beam` none above the cheapest by that much, and the `most` cheapest alone.
    """
    following, contexts, costs, size, classes, entry, gain = machine
    column, _, options, _ = step
    found: dict[int, Token] = {}
    crowd = 2 * most if beam < math.inf else math.inf
    for cost, priced, state, context, last, text in sorted(tokens) if len(tokens) > most // 4 else tokens:
        same, moves, prices = state * size + context, state * classes, context * classes
        for nats, number in options:
            total = cost + nats
            if total - gain > bound:
                break
            if number == last or number == BLANK:  # noqa: PLR1714, SIM109 (a tuple takes a tenth longer)
                future, token = same * classes + number, (total, priced, state, context, number, text)
            else:
                after = following[moves + number]
                if after < 0:
                    continue
                price = costs[prices + number]
                if text is None and entry is not None:
                    price += entry[number]
                total += price
                if total > bound:
                    continue
                spelt = contexts[prices + number]
                future = (after * size + spelt) * classes + number
                token = total, priced + price, after, spelt, number, (text, number, column)
            known = found.get(future)
            if total <= bound and (known is None or total < known[0]):
                found[future] = token
                if total + beam < bound:  # noqa: PLR1730 (so does a call)
                    bound = total + beam
        if len(found) > crowd:  # those that are too many already leave less room for others
            bound = min(bound, sorted(token[0] for token in found.values())[most - 1])
            found = {future: token for future, token in found.items() if token[0] <= bound}
    left = [token for token in found.values() if token[0] <= bound]
    return sorted(left)[:most] if len(left) > most and beam < math.inf else left


def _continued(tokens: Sequence[Token], certain: Sequence[tuple[int, int]], machine: Machine) -> list[Token]:
    """Return the cheapest token of each future after steps without a choice."""
    following, contexts, costs, size, classes, entry, _ = machine
    found: dict[int, Token] = {}
    for cost, priced, state, context, last, text in tokens:
        more, after, spelt, before, written = 0.0, state, context, last, text
        for column, number in certain:
            if number not in (before, BLANK):
                after = following[after * classes + number]
                if after < 0:
                    break
                place = spelt * classes + number
                spelt, more = contexts[place], more + costs[place]
                if written is None and entry is not None:
                    more += entry[number]
                written = (written, number, column)
            before = number
        future = after * size + spelt
        if after >= 0 and (future not in found or cost + more < found[future][0]):
            found[future] = (cost + more, priced + more, after, spelt, before, written)
    return list(found.values())


def _cheapest(tokens: Sequence[Token], grammar: Grammar) -> Path | None:
    """Return the path of the cheapest token with which a text may end."""
    best, slack, text = math.inf, math.inf, None
    for cost, priced, state, context, _, written in tokens:
        whole = cost + grammar.ending_one(state, context)
        if whole < best:
            best, slack, text = whole, cost - priced, written
    if best == math.inf:
        return None
    classes, columns = list[int](), list[int]()
    while text is not None:
        text, number, column = text
        classes.append(number)
        columns.append(column)
    return Path(tuple(classes[::-1]), tuple(columns[::-1]), best, slack)

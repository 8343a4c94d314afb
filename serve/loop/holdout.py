"""Which corrections a retraining learns from, and which it is only judged by: a pure decision.

A line that was once held back stays so, and one that was once learnt from is never held back: a later retraining
starts from what an earlier one made, and the two are compared on lines that neither has seen.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from serve.errors import ConflictError
from serve.loop.corrections import Correction

HELD_BACK, VALIDATION = 0.2, 0.15
LEAST = 2
MAX_GROUP = 1 / 3


@dataclass(frozen=True)
class UsedLines:
    """Ids and texts of the lines that earlier retrainings learnt from, or held back."""

    ids: frozenset[str] = field(default_factory=frozenset)
    texts: frozenset[str] = field(default_factory=frozenset)

    def has(self, group: Iterable[Correction]) -> bool:
        """Return whether any line of a group is among them, by its picture or its text."""
        return any(line.id in self.ids or line.text in self.texts for line in group)


NOTHING = UsedLines()


def hold_out(
    lines: Sequence[Correction], learnt: UsedLines = NOTHING, held: UsedLines = NOTHING
) -> dict[str, list[Correction]]:
    """Return the lines of `train`, `val` and `test`; all lines of a text go to one of them.

    Args:
        lines: all corrections.
        learnt: what earlier retrainings trained or chose their best epoch on.
        held: what earlier retrainings held back.

    Raises:
        ConflictError: if too few lines can be held back, or are left to learn from.
    """
    groups: dict[str, list[Correction]] = defaultdict(list)
    for line in lines:
        groups[line.text].append(line)
    old = {text for text, group in groups.items() if learnt.has(group)}
    test = {text for text, group in groups.items() if text not in old and held.has(group)}
    fresh = groups.keys() - old - test
    test |= _draw(groups, fresh, round(HELD_BACK * len(lines)) - _size(groups, test))
    rest = groups.keys() - test
    val = _draw(groups, rest, round(VALIDATION * len(lines)))
    chosen = {"train": rest - val, "val": val, "test": test}
    splits = {name: [line for line in lines if line.text in texts] for name, texts in chosen.items()}
    _require(splits)
    return splits


def _draw(groups: Mapping[str, Sequence[Correction]], texts: Iterable[str], count: int) -> set[str]:
    """Return texts with about `count` lines, at least LEAST; no text that makes up most of the lines."""
    largest = MAX_GROUP * _size(groups, groups)
    drawn: set[str] = set()
    if count <= 0:
        return drawn
    for text in sorted((t for t in texts if len(groups[t]) <= largest), key=_rank):
        if _size(groups, drawn) >= max(LEAST, count):
            break
        drawn.add(text)
    return drawn


def _size(groups: Mapping[str, Sequence[Correction]], texts: Iterable[str]) -> int:
    return sum(len(groups[text]) for text in texts)


def _rank(text: str) -> bytes:
    """Order texts by chance, but always the same."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _require(splits: Mapping[str, Sequence[Correction]]) -> None:
    if len(splits["test"]) < LEAST or not splits["val"] or not splits["train"]:
        raise ConflictError(
            "a retraining needs lines to learn from, and others that no earlier one has learnt from",
            ", ".join(f"{len(lines)} for {name}" for name, lines in splits.items()),
            "correct some more lines with other texts",
        )

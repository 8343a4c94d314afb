"""Batches of several sets: the training lines, each once an epoch, and a share of every batch from further sets."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain

import numpy as np

from train.data.batching.batches import (
    Indices,
    Widths,
    cut_batches,
    lower_sizes,
    roughly_by_width,
    take_sizes,
)
from train.data.charset import Charset
from train.data.dataset import Dataset
from train.data.images import Image
from train.errors import UsageError

MAX_SHARE = 0.9
OPTIONS = {"synthetic": "--synthetic-labels", "replay": "--general-labels"}
"""How the command line names the sets."""
EXTRAS = 1  # the part of the seed that is for drawing from further sets alone


@dataclass(frozen=True)
class Extra:
    """A further set of lines to train on.

    Attributes:
        name: the setting that says its share, for messages.
        share: of the lines of every batch, in [0, MAX_SHARE].
        data: None where there is no such set.
        teaches: whether the network is to learn the characters that only these lines hold; else those that hold
            such a character are left out.
    """

    name: str
    share: float
    data: Dataset | None
    teaches: bool = False

    @property
    def lines(self) -> Dataset:
        """The set; raise UsageError if there is none to draw from."""
        if self.data is None or not len(self.data):
            raise UsageError(
                f"{self.name} needs lines to draw from",
                f"{self.name}={self.share:g} and none",
                f"name their labels ({OPTIONS[self.name]} FILE), or set {self.name}: 0",
            )
        return self.data

    def writable(self, charset: Charset) -> "Extra":
        """Return it with the lines that `charset` can write: another would be taught with a character missing.

        Raises UsageError if there are none.
        """
        chosen = [i for i, text in enumerate(self.lines.texts) if not charset.unknown(text)]
        if not chosen:
            raise UsageError(
                f"{self.name} needs lines that the charset can write",
                f"none of {len(self.lines)} with {charset.classes - 1} characters",
                f"use charset: keep, or set {self.name}: 0",
            )
        return self if len(chosen) == len(self.lines) else replace(self, data=Subset(self.lines, chosen))


class Subset(Dataset):
    """Some lines of a set."""

    def __init__(self, lines: Dataset, chosen: Sequence[int]) -> None:
        self._lines, self._chosen = lines, chosen
        places = np.asarray(chosen)
        self.heights, self.widths, self.sizes = (
            lines.heights[places],
            lines.widths[places],
            lines.sizes[places],
        )
        self.texts = tuple(lines.texts[i] for i in chosen)
        self.sources = tuple(lines.sources[i] for i in chosen)

    def image(self, index: int) -> Image:
        """Return the line chosen as number `index`."""
        return self._lines.image(self._chosen[index])

    def at(self, epoch: int) -> Dataset:
        """Return the same lines of the set as that epoch has it."""
        lines = self._lines.at(epoch)
        return self if lines is self._lines else Subset(lines, self._chosen)


def require_extras(extras: Sequence[Extra]) -> list[Extra]:
    """Return the sets with a share; raise UsageError if one is missing or little is left of the training lines."""
    some = [extra for extra in extras if extra.share > 0]
    if sum(extra.share for extra in some) > MAX_SHARE:
        shares = ", ".join(f"{extra.name}={extra.share:g}" for extra in some)
        raise UsageError(
            f"replay and synthetic together may be at most {MAX_SHARE} of every batch", shares, "lower them"
        )
    for extra in some:
        _ = extra.lines
    return some


class Mixture(Dataset):
    """Several sets one behind the other: what is counted over all of them is the first one's where it is alone."""

    def __init__(self, parts: Sequence[Dataset]) -> None:
        self._parts = parts
        self._starts = [0, *accumulate(len(part) for part in parts)]
        self.heights = np.concatenate([part.heights for part in parts])
        self.widths = np.concatenate([part.widths for part in parts])
        self.sizes = np.concatenate([part.sizes for part in parts])
        self.texts = tuple(chain.from_iterable(part.texts for part in parts))
        self.sources = tuple(chain.from_iterable(part.sources for part in parts))

    def _part(self, index: int) -> int:
        return bisect_right(self._starts, index) - 1

    def image(self, index: int) -> Image:
        """Return line `index`, counted over all sets."""
        part = self._part(index)
        return self._parts[part].image(index - self._starts[part])

    def at(self, epoch: int) -> Dataset:
        """Return the sets as that epoch has them."""
        parts = [part.at(epoch) for part in self._parts]
        same = all(new is old for new, old in zip(parts, self._parts, strict=True))
        return self if same else Mixture(parts)

    def peers(self, index: int) -> range:
        """Return the lines of the set that line `index` is from."""
        part = self._part(index)
        start, peers = self._starts[part], self._parts[part].peers(index - self._starts[part])
        return range(start + peers.start, start + peers.stop)


def mixed_batches(
    widths: Sequence[Widths], shares: Sequence[float], sizes: Iterator[int], seed: int, epoch: int
) -> tuple[list[Indices], list[int]]:
    """Return one epoch's batches, and how often each further set stands in the `Mixture` that they are indices into.

    The first set's lines come once each; without further sets these are `training_batches`. Of a further set, as many
    lines are drawn anew in every epoch as its share demands, without repeating one before all have come; one that comes
    again is a line of the set's next copy, so that it is augmented anew. Each goes to a batch of about its own rank by
    width. Every batch keeps a line of the first set, however small it is.

    Args:
        widths: of each set, (N,) int32 pixels.
        shares: of every set but the first, of all lines of a batch.
        sizes: the most lines of one batch after the other, over all workers.
        seed: of the run.
        epoch: counted from 1.
    """
    rng = np.random.default_rng((seed, epoch))
    first, counts = _sizes(sizes, shares, len(widths[0]))
    batches = cut_batches(widths[0], first, rng)
    ranked = sorted(range(len(batches)), key=lambda number: int(widths[0][batches[number]].max()))
    start, copies = len(widths[0]), []
    for number, (extra, wanted_of) in enumerate(zip(widths[1:], counts, strict=True)):
        drawn = _draw(extra, sum(wanted_of), (seed, epoch, number, EXTRAS)) + start
        for batch, end in zip(ranked, accumulate(wanted_of[b] for b in ranked), strict=True):
            batches[batch] = np.concatenate([batches[batch], drawn[end - wanted_of[batch] : end]])
        copies.append(-(-sum(wanted_of) // len(extra)))
        start += copies[-1] * len(extra)
    return [batches[i] for i in rng.permutation(len(batches))], copies


def _sizes(sizes: Iterator[int], shares: Sequence[float], lines: int) -> tuple[list[int], list[list[int]]]:
    """Return how many lines of the first set each batch has, `lines` in all, and how many of each further set."""
    rows: list[list[int]] = []
    first = take_sizes(_first_sizes(sizes, shares, rows), lines)
    kept = lines / sum(first)
    ends = np.floor(np.cumsum(rows[: len(first)], axis=0) * kept + 0.5).astype(np.int64)
    return lower_sizes(first, lines), np.diff(ends, axis=0, prepend=0).T.tolist()


def _first_sizes(sizes: Iterator[int], shares: Sequence[float], counts: list[list[int]]) -> Iterator[int]:
    """Yield the first set's lines of each batch, and append the further sets' to `counts`.

    Shares are kept over the batches: what rounding takes from one is given to a later one.
    """
    owed = [0.0] * len(shares)
    for size in sizes:
        row, left = [], size - 1
        for number, share in enumerate(shares):
            owed[number] += share * size
            row.append(min(round(owed[number]), left))
            owed[number] = min(owed[number] - row[-1], 1.0)
            left -= row[-1]
        counts.append(row)
        yield size - sum(row)


def _draw(widths: Widths, count: int, seed: tuple[int, ...]) -> Indices:
    """Return `count` random lines, narrow ones first: all of them before any comes again, as of the next copy."""
    rng = np.random.default_rng(seed)
    rounds = -(-count // len(widths))
    drawn = np.concatenate(
        [rng.permutation(len(widths)) + copy * len(widths) for copy in range(rounds)]
        or [np.zeros(0, np.int64)]
    )[:count]
    return drawn[roughly_by_width(widths[drawn % len(widths)], rng)]

"""Training lines of the user's own and shares of further sets, seen as one dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from train.data import images
from train.data.batches import POOL_BATCHES, Indices
from train.data.charset import Charset
from train.data.dataset import Dataset
from train.errors import UsageError


@dataclass(frozen=True)
class Extra:
    """A further set to train on.

    Attributes:
        data: all its lines.
        usable: which of them may be drawn.
        share: of every batch, above 0; over all further sets at most 0.9.
    """

    data: Dataset
    usable: Indices
    share: float


def writable_extra(
    data: Dataset | None, share: float, charset: Charset, setting: str, option: str
) -> tuple[Extra, ...]:
    """Return the lines of a further set that `charset` can write, as one Extra; nothing for a share of 0.

    A text with a character that the head lacks would be taught with that character missing.

    Args:
        data: the set; None where the user gave none.
        share: of every batch that is to come from it.
        charset: what the head writes.
        setting: the share's name in the configuration, for messages.
        option: how the command line names the set, for messages.

    Raises:
        UsageError: if a share is asked of a set that is missing or has no line that can be written.
    """
    if share == 0:
        return ()
    if data is None or len(data) == 0:
        raise UsageError(
            f"{setting} needs lines to draw from", f"{share:g} of none", f"add {option}, or set 0"
        )
    usable = np.array([i for i, text in enumerate(data.texts) if not charset.unknown(text)], np.int64)
    if not len(usable):
        raise UsageError(
            f"{setting} needs lines that the charset can write",
            f"none of {len(data)} with {charset.classes - 1} characters",
            "use charset: keep, or set 0",
        )
    return (Extra(data, usable, share),)


@dataclass(frozen=True)
class Mixture:
    """The user's lines, and behind them those of the further sets: `Lines` for a task."""

    own: Dataset
    extras: tuple[Extra, ...] = ()

    @cached_property
    def _parts(self) -> tuple[Dataset, ...]:
        return (self.own, *(extra.data for extra in self.extras))

    @cached_property
    def _starts(self) -> list[int]:
        """Where each part begins, and the end of the last."""
        return [0, *np.cumsum([len(part) for part in self._parts]).tolist()]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """N labels."""
        return tuple(text for part in self._parts for text in part.texts)

    @cached_property
    def widths(self) -> npt.NDArray[np.int32]:
        """(N,) int32, pixels."""
        return np.concatenate([part.widths for part in self._parts])

    def image(self, index: int) -> images.Image:
        """Return line `index`, (HEIGHT_PX, width, 3) uint8 BGR: a view, not to be written to."""
        part = self._part(index)
        return self._parts[part].image(index - self._starts[part])

    def peers(self, index: int) -> range:
        """Return the lines of the set that line `index` belongs to."""
        part = self._part(index)
        return range(self._starts[part], self._starts[part + 1])

    def _part(self, index: int) -> int:
        return int(np.searchsorted(self._starts, index, side="right")) - 1

    def batches(self, batch_size: int, seed: int, epoch: int) -> list[Indices]:
        """Return one epoch's batches: every own line once, with each further set's share in every batch."""
        pools = [(start + e.usable, e.share) for start, e in zip(self._starts[1:], self.extras, strict=False)]
        return mixed_batches(self.widths, len(self.own), pools, batch_size, seed, epoch)


def mixed_batches(
    widths: npt.NDArray[np.int32],
    own: int,
    pools: Sequence[tuple[Indices, float]],
    batch_size: int,
    seed: int,
    epoch: int,
) -> list[Indices]:
    """Return one epoch's batches of `own` lines and shares of further ones; without any, `training_batches`.

    A batch has its share of each pool to within a line, and over the epoch exactly. As in `training_batches`,
    similar widths come together: within POOL_BATCHES batches each kind of line is sorted by width and dealt out,
    so that a batch holds the narrow, or the wide, of every kind. A pool is drawn in a new seeded order each epoch,
    and begun again where it is exhausted.

    Args:
        widths: (N,) int32, pixels, of all lines.
        own: the lines 0 to own - 1 come once each.
        pools: (indices, share in (0, 0.9]) of each further set.
        batch_size: lines in a batch, over all workers; the last batch may be smaller.
        seed: of the run.
        epoch: counted from 1.
    """
    rng = np.random.default_rng((seed, epoch))
    kinds = [rng.permutation(own)]
    counts = _counts(own, [share for _, share in pools], batch_size)
    for number, (indices, _) in enumerate(pools, 1):
        kinds.append(_drawn(indices, counts[:, number].sum(), np.random.default_rng((seed, epoch, number))))
    batches: list[Indices] = []
    taken = [0] * len(kinds)
    for start in range(0, len(counts), POOL_BATCHES):
        here = counts[start : start + POOL_BATCHES]
        parts: list[list[Indices]] = [[] for _ in here]
        for kind, order in enumerate(kinds):
            pool = order[taken[kind] : taken[kind] + here[:, kind].sum()]
            pool = pool[np.argsort(widths[pool], kind="stable")]
            taken[kind] += len(pool)
            for part, dealt in zip(parts, np.split(pool, np.cumsum(here[:, kind])[:-1]), strict=True):
                part.append(dealt)
        batches += [np.concatenate(part) for part in parts]
    return [batches[i] for i in rng.permutation(len(batches))]


def _counts(own: int, shares: Sequence[float], batch_size: int) -> npt.NDArray[np.int64]:
    """Return (batches, 1 + pools) int64: the own lines and those of each pool in every batch.

    What a batch's share leaves over is carried to the next one, so that small shares of small batches count.
    """
    rows: list[list[int]] = []
    left, dealt, done = own, 0, [0] * len(shares)
    while left > 0:
        size = min(batch_size, max(1, round(left / (1 - sum(shares)))))
        due = [int(share * (dealt + size) + 1e-9) for share in shares]
        further = [now - before for now, before in zip(due, done, strict=True)]
        # The last batch, which may be smaller, takes what is left.
        mine = min(left, max(0, size - sum(further))) if size == batch_size else left
        rows.append([mine, *further])
        left, dealt, done = left - mine, dealt + mine + sum(further), due
    return np.array(rows, np.int64).reshape(-1, 1 + len(shares))


def _drawn(indices: Indices, count: int, rng: np.random.Generator) -> Indices:
    """Return `count` of the indices, shuffled: each once before any comes again."""
    rounds = -(-count // len(indices))
    drawn: Indices = np.concatenate(
        [np.zeros(0, np.int64), *(rng.permutation(indices) for _ in range(rounds))]
    )
    return drawn[:count]

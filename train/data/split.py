"""Train, validation and test: what the files give stays, what they lack is carved from the train pool."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median

from train.data.formats import SPLITS
from train.data.sample import Sample
from train.errors import DataError, UsageError

MIN_SAMPLES = 12
MAX_GROUP_SHARE = 1 / 3
FEW_TEXTS = 60
"""Of fewer texts, a test of the default share holds under `evidence.MIN_UNITS` unseen ones."""
REMEDY = "add samples, or name label files for the splits (--val-labels, --test-labels)"
MADE = "made: "
"""How the origin of a split that no file gives begins."""


@dataclass(frozen=True)
class Splits:
    """The samples of each split; `test` is empty where there is none.

    Attributes:
        origin: where each split comes from: its label file, or `made: 10 % of train, grouped by text`.
        repaired: number of samples whose labels were put right (`train.data.checks.rules.Checks`).
    """

    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    test: tuple[Sample, ...]
    origin: Mapping[str, str]
    repaired: int = 0

    def items(self) -> Iterator[tuple[str, tuple[Sample, ...]]]:
        """Yield the name and the samples of each split that holds any, train first."""
        for name, samples in zip(SPLITS, (self.train, self.val, self.test), strict=True):
            if samples:
                yield name, samples


def make_splits(
    given: Mapping[str, Sequence[Sample]],
    seed: int,
    val_fraction: float = 0.15,
    test_fraction: float = 0.1,
    classes: Collection[str] = (),
    text_of: Callable[[str], str] = str,
) -> Splits:
    """Return the three splits; no text of a carved one stands in another.

    The exceptions are sets whose texts are spread over the splits (`is_spread`). A text that alone holds some
    character stays in train, so train knows every character that a carved split asks for.

    Args:
        given: samples by split; `all` is a pool to carve from, as `train` is.
        seed: decides what is carved together with the labels; their order does not matter.
        val_fraction: share in (0, 1) of the pool that becomes `val` where none is given.
        test_fraction: share in [0, 1) of the pool that becomes `test` where none is given; 0 for none.
        classes: labels that are no texts (`Task.classes`).
        text_of: what of a label must not stand in two splits (`Task.text_of`).
    """
    _require_fractions(val_fraction, test_fraction)
    wanted = {"test": test_fraction, "val": val_fraction}
    shares = {name: share for name, share in wanted.items() if share and name not in given}
    start = given_splits(given)
    pool = start.train
    _require_samples(given, pool, list(shares))
    parts: dict[str, Sequence[Sample]] = {"train": start.train, "val": start.val, "test": start.test}
    origin = dict(start.origin)
    texts = {sample.text: text_of(sample.text) for part in parts.values() for sample in part}
    spread = is_spread([sample.text for sample in pool], classes, text_of)
    _require_texts(pool, texts, list(shares), spread)
    for name, share in shares.items():
        held = {texts[sample.text] for split in ("val", "test") for sample in parts[split]}
        count = max(1, round(share * len(pool)))
        rest = parts["train"]
        taken = _spread(rest, count, seed, texts) if spread else _carve(rest, count, held, seed, texts)
        _require_carved(taken, name, len({texts[sample.text] for sample in pool}))
        parts[name] = [sample for sample in rest if sample in taken]
        parts["train"] = [sample for sample in rest if sample not in taken]
        how = "each text spread" if spread else "grouped by text"
        origin[name] = f"{MADE}{100 * len(taken) / len(pool):.0f} % of {origin['train']}, {how}"
    return Splits(tuple(parts["train"]), tuple(parts["val"]), tuple(parts["test"]), origin)


def is_spread(
    labels: Sequence[str], classes: Collection[str] = (), text_of: Callable[[str], str] = str
) -> bool:
    """Tell whether samples of each text go to every split: in a set of characters, of classes, or of few texts.

    Few texts are under FEW_TEXTS, most of them with a sample for each split: months, or OK and NG. Whole texts held
    back would be so few that a score on them chooses nothing.
    """
    texts = [text_of(label) for label in labels]
    if all(len(text) <= 1 or label in classes for text, label in zip(texts, labels, strict=True)):
        return True
    sizes = Counter(text for text in texts if text)
    return 1 < len(sizes) < FEW_TEXTS and median(sizes.values()) >= len(SPLITS)


def given_splits(given: Mapping[str, Sequence[Sample]]) -> Splits:
    """Return the splits as the files give them, nothing carved; `all` counts as train."""
    if unknown := given.keys() - {*SPLITS, "all"}:
        raise UsageError("a split must be train, val, test or all", ", ".join(sorted(unknown)), "rename it")
    parts = {"val": (), "test": (), **given, "train": [*given.get("train", ()), *given.get("all", ())]}
    origin = {name: _origin(parts[name]) for name in SPLITS if parts[name]}
    return Splits(tuple(parts["train"]), tuple(parts["val"]), tuple(parts["test"]), origin)


def _carve(
    pool: Sequence[Sample], count: int, held: Collection[str], seed: int, text_of: Mapping[str, str]
) -> set[Sample]:
    """Return about `count` samples: all those of some texts, none of them in `held`."""
    sizes = Counter(text_of[sample.text] for sample in pool)
    texts = sorted((text for text in sizes if text and text not in held), key=lambda t: seeded_rank(seed, t))
    chosen = _fill(texts, sizes, count)
    if not chosen:
        texts.sort(key=lambda text: sizes[text])
        chosen = _fill(texts[:1], sizes, int(MAX_GROUP_SHARE * len(pool)))
    return {sample for sample in pool if text_of[sample.text] in chosen}


def _fill(texts: Sequence[str], sizes: Mapping[str, int], count: int) -> set[str]:
    """Return texts, in their order, that together fit into `count` and leave each character to another."""
    holders = Counter(character for text in sizes for character in set(text))
    chosen, left = set(), count
    for text in texts:
        if sizes[text] <= left and all(holders[character] > 1 for character in text):
            chosen.add(text)
            left -= sizes[text]
            holders.subtract(set(text))
    return chosen


def _spread(pool: Sequence[Sample], count: int, seed: int, text_of: Mapping[str, str]) -> set[Sample]:
    """Return about `count` samples, of each text its share and never all."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in pool:
        groups[text_of[sample.text]].append(sample)
    taken: set[Sample] = set()
    share, seen = count / len(pool), 0
    for text in sorted(groups, key=lambda text: seeded_rank(seed, text)):
        group = sorted(groups[text], key=lambda s: (seeded_rank(seed, s.path.name), s.path))
        seen += len(group)
        quota = min(round(share * seen) - len(taken), ceil(share * len(group)), len(group) - 1)
        taken.update(group[:quota])
    return taken


def seeded_rank(seed: int, key: str) -> bytes:
    """Return a sort key of `key` that the seed shuffles, whatever stands around it."""
    return hashlib.blake2b(f"{seed}:{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _origin(samples: Sequence[Sample]) -> str:
    files = {sample.source.rpartition(":")[0] for sample in samples}
    if len(files) <= 2:
        return " and ".join(sorted(Path(file).name for file in files))
    return " and ".join(sorted({Path(file).parent.name + "/" for file in files}))


def _require_fractions(val: float, test: float) -> None:
    if not (0 < val < 1 and 0 <= test < 1 and val + test < 1):
        raise UsageError(
            "the fractions of val and test must lie in (0, 1) and leave some for train",
            f"val {val}, test {test}",
            "use e.g. 0.15 and 0.1",
        )


def _require_samples(
    given: Mapping[str, Sequence[Sample]], pool: Sequence[Sample], carved: Sequence[str]
) -> None:
    empty = [name for name, samples in given.items() if not samples]
    if empty or not pool:
        raise DataError(
            "each split must hold samples", f"none in {', '.join(empty) or 'train'}", "check its label file"
        )
    usable = sum(bool(sample.text) for sample in pool)
    if carved and usable < MIN_SAMPLES:
        raise DataError(
            f"making {' and '.join(carved)} needs at least {MIN_SAMPLES} labelled samples",
            f"{usable} in {_origin(pool)}",
            REMEDY,
        )


def _require_texts(
    pool: Sequence[Sample], text_of: Mapping[str, str], carved: Sequence[str], spread: bool
) -> None:
    texts = {text_of[sample.text] for sample in pool}
    if carved and not spread and len(texts) < 2:
        raise DataError(
            f"making {' and '.join(carved)} needs at least two texts",
            f"{len(pool)} samples of one text in {_origin(pool)}",
            "add samples of other texts: a model that always says the same would be right",
        )


def _require_carved(taken: Collection[Sample], name: str, texts: int) -> None:
    if not taken:
        raise DataError(
            f"{name} must be made of texts that stand in no other split",
            f"{texts} texts of which none fits: each is too frequent, in another split, or alone holds a character",
            "add samples of other texts, or three of most texts, which are then spread over the splits; or name "
            "label files for the splits (--val-labels, --test-labels)",
        )

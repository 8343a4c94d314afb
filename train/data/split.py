"""Train, validation and test: what the files give stays, what they lack is carved from the train pool."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from statistics import median

from train.data.folders.documents import FEWEST, Documents, can_carve, find_documents, group_samples
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
        documents: what each image is of; empty where no documents are known.
        repaired: number of samples whose labels were put right (`train.data.checks.rules.Checks`).
    """

    train: tuple[Sample, ...]
    val: tuple[Sample, ...]
    test: tuple[Sample, ...]
    origin: Mapping[str, str]
    repaired: int = 0
    documents: Documents = field(default_factory=dict)

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
    *,
    group_by: str | None = None,
) -> Splits:
    """Return the three splits; no document of a carved one stands in another, or no text where no documents are known.

    The exceptions are sets whose texts are spread over the splits (`is_spread`). A carved split may hold characters
    that train lacks, as the lines will that are read later.

    Args:
        given: samples by split; `all` is a pool to carve from, as `train` is.
        seed: decides what is carved together with the labels; their order does not matter.
        val_fraction: share in (0, 1) of the pool that becomes `val` where none is given.
        test_fraction: share in [0, 1) of the pool that becomes `test` where none is given; 0 for none.
        classes: labels that are no texts (`Task.classes`).
        text_of: what of a label must not stand in two splits (`Task.text_of`).
        group_by: regular expression that finds an image's document in its path; None for what labels and names tell.
    """
    _require_fractions(val_fraction, test_fraction)
    wanted = {"test": test_fraction, "val": val_fraction}
    shares = {name: share for name, share in wanted.items() if share and name not in given}
    start = given_splits(given if group_by is None else group_samples(given, group_by))
    pool = start.train
    _require_samples(given, pool, list(shares))
    every = [sample for _, samples in start.items() for sample in samples]
    texts = {sample.text: text_of(sample.text) for sample in every}
    documents, spread = find_documents(every, text_of), is_spread([s.text for s in pool], classes, text_of)
    by = _Units(texts, documents if _can_group(start, documents, spread) else {})
    _require_grouped(pool, by, shares and group_by)
    spread = spread and by.kind == "text"
    _require_texts(pool, texts, list(shares), spread)
    return replace(_carve_splits(start, shares, by, spread, seed), documents=documents)


def _carve_splits(
    start: Splits, shares: Mapping[str, float], by: "_Units", spread: bool, seed: int
) -> Splits:
    """Return the splits, those of `shares` carved from train: whole units, or with `spread` some of each text."""
    parts: dict[str, Sequence[Sample]] = {"train": start.train, "val": start.val, "test": start.test}
    origin, pool = dict(start.origin), start.train
    for name, share in shares.items():
        held = {by.of(sample) for split in ("val", "test") for sample in parts[split]}
        count = max(1, round(share * len(pool)))
        rest = parts["train"]
        taken = _spread(rest, count, seed, by) if spread else _carve(rest, count, held, seed, by)
        _require_carved(taken, name, len({by.of(sample) for sample in pool}), by.kind)
        parts[name] = [sample for sample in rest if sample in taken]
        parts["train"] = [sample for sample in rest if sample not in taken]
        how = "each text spread" if spread else f"grouped by {by.kind}"
        origin[name] = f"{MADE}{100 * len(taken) / len(pool):.0f} % of {origin['train']}, {how}"
    return Splits(tuple(parts["train"]), tuple(parts["val"]), tuple(parts["test"]), origin)


def _can_group(given: Splits, documents: Documents, spread: bool) -> bool:
    """Tell whether enough documents stand in train alone; what names tell counts for nothing where texts are spread."""
    if not documents or (spread and not any(sample.document for sample in given.train)):
        return False
    held = {documents[sample.path] for sample in (*given.val, *given.test)}
    return can_carve([sample for sample in given.train if documents[sample.path] not in held], documents)


@dataclass(frozen=True)
class _Units:
    """What is carved whole.

    Attributes:
        texts: of each label what must not stand in two splits.
        documents: of each image; empty to carve by text.
    """

    texts: Mapping[str, str]
    documents: Documents

    @property
    def kind(self) -> str:
        """What the units are."""
        return "document" if self.documents else "text"

    def of(self, sample: Sample) -> str:
        """Return a sample's document or text; empty for one without a label, which stays in train.

        A label that says nothing, of a photo without regions, stands for itself.
        """
        text = self.texts[sample.text] or (own_unit(sample.path) if sample.text else "")
        return self.documents[sample.path] if text and self.documents else text


def own_unit(path: Path) -> str:
    """Return what a photo that says nothing is dealt as: its folder counts, as many photos may have one name."""
    return f"{path.parent.name}/{path.name}"


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


def _carve(pool: Sequence[Sample], count: int, held: Collection[str], seed: int, by: _Units) -> set[Sample]:
    """Return about `count` samples: all those of some units, none of them in `held`."""
    sizes = Counter(by.of(sample) for sample in pool)
    units = sorted((unit for unit in sizes if unit and unit not in held), key=lambda u: seeded_rank(seed, u))
    chosen = _fill(units, sizes, count)
    if not chosen:
        units.sort(key=lambda unit: sizes[unit])
        chosen = _fill(units[:1], sizes, int(MAX_GROUP_SHARE * len(pool)))
    return {sample for sample in pool if by.of(sample) in chosen}


def _fill(units: Sequence[str], sizes: Mapping[str, int], count: int) -> set[str]:
    """Return units, in their order, that together fit into `count`."""
    chosen, left = set(), count
    for unit in units:
        if sizes[unit] <= left:
            chosen.add(unit)
            left -= sizes[unit]
    return chosen


def _spread(pool: Sequence[Sample], count: int, seed: int, by: _Units) -> set[Sample]:
    """Return about `count` samples, of each text its share and never all."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in pool:
        groups[by.of(sample)].append(sample)
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
    folders = sorted({Path(file).parent.name + "/" for file in files})
    return " and ".join(folders) if len(folders) <= 3 else f"{len(folders)} folders"


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
    if given and given.keys() <= {"val", "test"}:
        raise DataError(
            "there must be samples to train on",
            f"those of {' and '.join(given)} alone",
            "call a list or folder train, or name one list alone as the data, which is then divided",
        )
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


def _require_grouped(pool: Sequence[Sample], by: _Units, group_by: object) -> None:
    if group_by and by.kind != "document":
        documents = len({sample.document for sample in pool})
        raise DataError(
            f"--group-by must find at least {FEWEST} documents in train alone, none with more than a third of it",
            f"{documents} in {_origin(pool)}",
            "write one that finds smaller documents, or leave it out",
        )


def _require_carved(taken: Collection[Sample], name: str, units: int, kind: str) -> None:
    if not taken:
        raise DataError(
            f"{name} must be made of {kind}s that stand in no other split",
            f"{units} {kind}s of which none fits: each is too frequent, or in another split",
            f"add samples of other {kind}s"
            + (", or three of most texts, which are then spread over the splits" if kind == "text" else "")
            + "; or name label files for the splits (--val-labels, --test-labels)",
        )

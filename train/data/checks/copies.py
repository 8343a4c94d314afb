"""What stands in two splits: files that were copied or linked, texts, documents."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress

from train.data.folders.documents import name_documents
from train.data.sample import Sample
from train.data.split import MADE, Splits, is_spread

BEGINNING = 4096
"""Bytes by which most files of one size and label differ."""
SHARED = 0.1
"""From this share of a split on, it is told what of it stands in train, too."""


def tell_copies(splits: Splits) -> Iterator[str]:
    """Yield a line on the images of val and test that are copies of an earlier split's, if there are any."""
    copies = list(_copies(splits))
    if copies:
        first, other = copies[0]
        yield (
            f"images that are copies of another split's, with the same label: {len(copies)}, the first: {first.path} "
            f"of {other.path}; a score on what was trained on is too good: remove them from one of the two"
        )


def _copies(splits: Splits) -> Iterator[tuple[Sample, Sample]]:
    """Yield samples of val and test, each with one of an earlier split whose file has the same bytes.

    Files of one size and label alone are read, whole only where their beginnings are the same.
    """
    groups: dict[tuple[str, int], list[tuple[str, Sample]]] = defaultdict(list)
    for name, samples in splits.items():
        for sample in samples:
            with suppress(OSError):  # it is missing, which the check tells
                groups[sample.text, sample.path.stat().st_size].append((name, sample))
    for group in groups.values():
        for alike in _alike(group, BEGINNING) if _is_of_several(group) else ():
            for equal in _alike(alike) if _is_of_several(alike) else ():
                split, other = equal[0]
                yield from ((sample, other) for name, sample in equal if name != split)


def _is_of_several(group: Sequence[tuple[str, Sample]]) -> bool:
    return len({name for name, _ in group}) > 1


def _alike(group: Sequence[tuple[str, Sample]], size: int = -1) -> list[list[tuple[str, Sample]]]:
    """Return the samples whose files are the same in their first bytes, in all of them by default."""
    found: dict[bytes, list[tuple[str, Sample]]] = defaultdict(list)
    for name, sample in group:
        with suppress(OSError), sample.path.open("rb", buffering=0) as file:
            held = file.readall() if size < 0 else file.read(size)
            found[hashlib.blake2b(held, digest_size=16).digest()].append((name, sample))
    return list(found.values())


def tell_shared_texts(splits: Splits) -> Iterator[str]:
    """Yield a line on each split that files give and whose texts stand in train, too; none for few texts."""
    texts = [sample.text for sample in splits.train]
    taught = set[str]() if is_spread(texts) else {text for text in texts if len(text) > 1}
    for name, samples in _given(splits):
        shared = sum(sample.text in taught for sample in samples)
        if taught and shared >= SHARED * len(samples):
            yield (
                f"labels of {name} whose text stands in train, too: {shared} of {len(samples)}; expected of frequent "
                "words; of codes it makes the score too good"
            )


def tell_shared_documents(splits: Splits) -> Iterator[str]:
    """Yield a line on each split that files give and whose documents are those of train, too.

    As they are named: `splits.documents` takes those of the same texts for one, as two receipts of one word are.
    """
    if not splits.documents:
        return
    documents = name_documents([sample for _, samples in splits.items() for sample in samples])
    taught = {documents.get(sample.path) for sample in splits.train} - {None}
    for name, samples in _given(splits):
        shared = [sample for sample in samples if documents.get(sample.path) in taught]
        if shared and len(shared) >= SHARED * len(samples):
            yield (
                f"images of {name} whose document is in train, too: {len(shared)} of {len(samples)} "
                f"({shared[0].path.name} is of {documents[shared[0].path]}); the next document may be read worse"
            )


def _given(splits: Splits) -> Iterator[tuple[str, Sequence[Sample]]]:
    """Yield val and test where files give them: those that are made hold what no other split has."""
    for name, samples in splits.items():
        if name != "train" and not splits.origin.get(name, MADE).startswith(MADE):
            yield name, samples

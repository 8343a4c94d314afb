"""The splits that the samples of one file tell themselves, as the column `split` of a table does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from train.data.folders.notes import note
from train.data.sample import BY_FOLDER, UNTOLD, Sample
from train.errors import DataError


def deal(given: Mapping[str, Sequence[Sample]], one_split: bool = False) -> dict[str, list[Sample]]:
    """Return samples by the split that they tell themselves, else by that of their file.

    Args:
        given: by the split of their file.
        one_split: whether all of them are of one split, which the caller knows.

    Raises:
        DataError: a file tells the split of some images alone: all would be divided anew, those held back, too.
    """
    dealt: dict[str, list[Sample]] = {}
    for split, samples in given.items():
        if split != "all" and not samples:
            note(f"the list of {split} is empty; a {split} split may be made of the training samples")
        is_known = split != "all" or one_split
        untold = next((sample.source for sample in samples if sample.split == UNTOLD), "")
        if untold:
            _say_untold(untold, (sample.split for sample in samples), refused=not is_known)
        if is_known:
            _say_by_folder(samples, split)
        for sample in samples:
            plain = _settled(sample, not untold, is_known)
            dealt.setdefault(plain.split or split, []).append(plain)
    return {split: dealt.get(split, []) for split in (*given, *dealt) if split in dealt or not given[split]}


def _settled(sample: Sample, is_told: bool, is_known: bool) -> Sample:
    """Return a sample with the split that counts: what gives way does so to that of its file."""
    split = "" if is_known and sample.split.endswith(BY_FOLDER) else sample.split.removesuffix(BY_FOLDER)
    split = split if is_told else ""
    return sample if split == sample.split else replace(sample, split=split)


def _say_by_folder(samples: Sequence[Sample], split: str) -> None:
    told = {sample.split.removesuffix(BY_FOLDER) for sample in samples if sample.split.endswith(BY_FOLDER)}
    if others := ", ".join(sorted(told - {split})):
        file = samples[0].source.rpartition(":")[0]
        taken = split if split != "all" else "the one that the file is given for"
        note(
            f"{file}: images that folders or a column tell of other splits ({others}), too, are taken for {taken}"
        )


def _say_untold(source: str, splits: Iterable[str], refused: bool) -> None:
    told = ", ".join(sorted({*splits} - {UNTOLD}))
    if refused:
        raise DataError(
            "a file that tells splits must tell that of every image",
            f"{source} without one, others with {told}",
            "write train, val or test there, or leave out the rows or the column",
        )
    note(f"{source}: no split is told there, so those that its file tells of others ({told}) are passed over")

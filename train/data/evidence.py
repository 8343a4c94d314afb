"""How much a split can tell: what every made one holds, and what is too little to choose a model by."""

from collections.abc import Callable, Collection, Mapping, Sequence
from math import ceil

from train.data.sample import Sample
from train.data.split import MADE, Splits, is_spread, make_splits
from train.errors import DataError

MIN_UNITS = 6
"""Fewer never tell two models apart: where all six are right in one and wrong in the other, a sign test says
p = 2 / 2**6 = 0.03; of five, 0.06."""


def tell_made(
    splits: Splits, classes: Collection[str] = (), text_of: Callable[[str], str] = str
) -> dict[str, str]:
    """Return of each split that was made how many samples and texts it has, and whether they are too few.

    What counts are texts that no other split holds; samples, where each text is spread over the splits.
    """
    made = [name for name, _ in splits.items() if splits.origin[name].startswith(MADE)]
    pool = [sample.text for name, part in splits.items() if name in ("train", *made) for sample in part]
    spread = is_spread(pool, classes, text_of)
    every = len(pool) if spread else len(set(map(text_of, pool)))
    told = {}
    for name, part in splits.items():
        if name in made:
            texts = len({text_of(sample.text) for sample in part})
            told[name] = (
                f"{_count(len(part), 'sample')} of {_count(texts, 'text')}"
                f"{_doubt(len(part), texts, every, spread)}"
            )
    return told


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _doubt(samples: int, texts: int, every: int, spread: bool) -> str:
    unit, units = ("samples", samples) if spread else ("texts", texts)
    if units >= MIN_UNITS:
        return ""
    wanted = ceil(MIN_UNITS * every / units)
    return f", too few to tell two models apart: that takes {MIN_UNITS}, so about {wanted} {unit} in all"


def tell_missing(
    given: Mapping[str, Sequence[Sample]],
    seed: int,
    classes: Collection[str] = (),
    text_of: Callable[[str], str] = str,
) -> list[str]:
    """Return a line on each split that a search or run would make of these samples, or why it could not."""
    if not {"train", "all"} & given.keys():
        return []
    try:
        splits = make_splits(given, seed, classes=classes, text_of=text_of)
    except DataError as error:
        return [f"a search or run would refuse this: {error}"]
    told = tell_made(splits, classes, text_of)
    return [f"{name}, which a search or run makes of it: {line}" for name, line in told.items()]

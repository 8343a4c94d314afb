"""How much a split can tell: what every made one holds, and what is too little to choose a model by."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from math import ceil

from train.data.checks.copies import tell_shared_documents
from train.data.sample import Sample
from train.data.split import MADE, Splits, is_spread, make_splits
from train.data.texts.kinds import kind_of
from train.errors import DataError

MIN_UNITS = 6
"""Fewer never tell two models apart: where all six are right in one and wrong in the other, a sign test says
p = 2 / 2**6 = 0.03; of five, 0.06."""
MANY_UNSEEN = 0.02
"""Share of the samples whose unseen characters are worth the whole dictionary's time."""


def tell_made(
    splits: Splits, classes: Collection[str] = (), text_of: Callable[[str], str] = str
) -> dict[str, str]:
    """Return of each split that was made how many samples and texts it has, and whether they are too few.

    What counts are documents or, where none are known, texts that no other split holds; samples, where each text is
    spread over the splits.
    """
    made = [name for name, _ in splits.items() if splits.origin[name].startswith(MADE)]
    pool = [sample for name, part in splits.items() if name in ("train", *made) for sample in part]
    spread = is_spread([sample.text for sample in pool], classes, text_of)
    grouped = any(splits.origin[name].endswith("by document") for name in made)
    unit = "document" if grouped else "sample" if spread else "text"
    every = _numbers(pool, splits, text_of)[unit]
    lines = {}
    for name, part in splits.items():
        if name in made:
            numbers = _numbers(part, splits, text_of)
            words = " of ".join(_count(number, what) for what, number in numbers.items())
            lines[name] = words + _doubt(numbers[unit], every, unit)
    return lines


def _numbers(samples: Sequence[Sample], splits: Splits, text_of: Callable[[str], str]) -> dict[str, int]:
    """Return how many samples, texts and, where they are known, documents there are."""
    numbers = {"sample": len(samples), "text": len({text_of(sample.text) for sample in samples})}
    if splits.documents:
        numbers["document"] = len({splits.documents[sample.path] for sample in samples})
    return numbers


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _doubt(units: int, every: int, unit: str) -> str:
    if units >= MIN_UNITS:
        return ""
    wanted = ceil(MIN_UNITS * every / units)
    return f", too few to tell two models apart: that takes {MIN_UNITS}, so about {wanted} {unit}s in all"


def share_with_unseen(splits: Splits) -> float:
    """Return about which share of further samples will hold a character that the training labels do not teach.

    Each document of the training samples, or text where no documents are known, is left out once, and looked at. A
    character that the others let expect (`train.data.texts.kinds.expected`) is taught.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for sample in splits.train:
        groups[splits.documents.get(sample.path, sample.text)].append(sample.text)
    holders = Counter(character for texts in groups.values() for character in set("".join(texts)))
    rare = _rare_kinds(groups)
    unseen = 0
    for name, texts in groups.items():
        unique = {
            c for c in set("".join(texts)) if holders[c] == 1 and not rare.get(kind_of(c), set()) - {name}
        }
        unseen += sum(not unique.isdisjoint(text) for text in texts)
    return unseen / max(1, len(splits.train))


def _rare_kinds(groups: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Return the groups in which a character of each kind stands in a single text of all; none of one alone."""
    counts = Counter(character for texts in groups.values() for text in texts for character in set(text))
    found: dict[str, set[str]] = defaultdict(set)
    for name, texts in groups.items():
        for character in set("".join(texts)):
            if counts[character] == 1 and len(kind_of(character)) > 1:
                found[kind_of(character)].add(name)
    return found


def tell_documents(splits: Splits) -> list[str]:
    """Return a line on the documents that the samples are of; none where no documents are known."""
    if not splits.documents:
        return []
    some, number = min(splits.documents), len(set(splits.documents.values()))
    by_text = any("by text" in splits.origin[name] for name, _ in splits.items())
    how = "too few to hold whole ones back" if by_text else "none of them in two splits that are made"
    return [f"documents: {number}, {how} ({some.name} is of {splits.documents[some]})"]


def tell_unseen(share: float, samples: str) -> list[str]:
    """Return a line on what unseen characters will cost; none where it is too little to matter."""
    if share < MANY_UNSEEN:
        return []
    return [
        f"unseen characters: about {100 * share:.1f} % of further {samples} hold one that neither training labels nor "
        "others of its kind let expect; charset keep can write them, as can a --dictionary"
    ]


def tell_missing(
    given: Mapping[str, Sequence[Sample]],
    seed: int,
    classes: Collection[str] = (),
    text_of: Callable[[str], str] = str,
    group_by: str | None = None,
) -> list[str]:
    """Return a line on each split that a search or run would make of these samples, or why it could not.

    Another one on those that files give and whose documents train has, too.
    """
    if not {"train", "all"} & given.keys():
        return []
    try:
        splits = make_splits(given, seed, classes=classes, text_of=text_of, group_by=group_by)
    except DataError as error:
        return [f"a search or run would refuse this: {error}"]
    lines = tell_made(splits, classes, text_of)
    made = [f"{name}, which a search or run makes of it: {line}" for name, line in lines.items()]
    return [*made, *tell_documents(splits), *tell_shared_documents(splits)]

"""Which characters are read as which others: pure counting."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from search.records.result import Misreading
from train.data.texts.forms import escaped

NAMES = {" ": "a space", "": "nothing"}


@dataclass(frozen=True)
class Confusion:
    """A character that is read as another one, missed, or made up.

    Attributes:
        label: one character; empty for one that is not there.
        reading: one character; empty for one that is missed.
        samples: places in the list of misreadings, once for each time.
    """

    label: str
    reading: str
    samples: tuple[int, ...]

    @property
    def count(self) -> int:
        """How often it happens."""
        return len(self.samples)

    def __str__(self) -> str:
        before, after = (NAMES.get(one, escaped(one)) for one in (self.label, self.reading))
        if not self.reading:
            return f"{before} missed"
        return f"{before} read as {after}" if self.label else f"{after} where there is none"


def count_confusions(misreadings: Sequence[Misreading]) -> list[Confusion]:
    """Return what is confused, the most frequent first; of equals in order of the characters.

    A line of which nothing is read says nothing of its characters.
    """
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, line in enumerate(misreadings):
        if not line.reading:
            continue
        for step in Levenshtein.editops(line.text, line.reading):
            label = "" if step.tag == "insert" else line.text[step.src_pos]
            reading = "" if step.tag == "delete" else line.reading[step.dest_pos]
            places[label, reading].append(place)
    pairs = [Confusion(*pair, tuple(samples)) for pair, samples in places.items()]
    return sorted(pairs, key=lambda pair: (-pair.count, pair.label, pair.reading))

"""The likeliest texts of a line: CTC prefix beam search (Graves, 2006; Hannun, 2014)."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.data.texts.forms import text_of

BEAM = 16
CLASSES_PER_STEP = 6

Prefix = tuple[int, ...]


def find_alternatives(
    probabilities: npt.NDArray[np.float32], characters: Sequence[str], count: int
) -> list[tuple[str, float]]:
    """Return up to `count` (text, probability) of different texts, the likeliest first.

    A text's probability is the sum over all alignments that give it, among the CLASSES_PER_STEP best classes
    of every step and the BEAM best beginnings; it is not the mean that is a reading's confidence.

    Args:
        probabilities: (T, C) float32, softmax over C.
        characters: C - 1 characters in class order.
        count: at least 1.
    """
    beams: dict[Prefix, tuple[float, float]] = {(): (1.0, 0.0)}
    most = min(CLASSES_PER_STEP, probabilities.shape[1])
    for step in probabilities:
        top = np.argpartition(step, -most)[-most:]
        classes = [(int(c), float(step[c])) for c in top if step[c] > 0]
        beams = _extend(beams, classes)
    texts = sorted(((sum(ends), prefix) for prefix, ends in beams.items()), reverse=True)[:count]
    return [
        (text_of("".join(characters[c - 1] for c in prefix)), probability) for probability, prefix in texts
    ]


def _extend(
    beams: dict[Prefix, tuple[float, float]], classes: list[tuple[int, float]]
) -> dict[Prefix, tuple[float, float]]:
    """Add one step: of each prefix, the probability that it ends in a blank and that it does not."""
    blank: dict[Prefix, float] = defaultdict(float)
    character: dict[Prefix, float] = defaultdict(float)
    for prefix, (in_blank, in_character) in beams.items():
        for number, p in classes:
            if number == BLANK:
                blank[prefix] += (in_blank + in_character) * p
            elif prefix and prefix[-1] == number:
                character[prefix] += in_character * p
                character[*prefix, number] += in_blank * p
            else:
                character[*prefix, number] += (in_blank + in_character) * p
    merged = {prefix: (blank[prefix], character[prefix]) for prefix in {*blank, *character}}
    best = sorted(merged, key=lambda prefix: sum(merged[prefix]), reverse=True)[:BEAM]
    return {prefix: merged[prefix] for prefix in best}

"""The general lines, which show what a model forgets: a part that is only scored, a part to train on again."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from train.data.sample import Sample
from train.data.split import MIN_SAMPLES, Splits, seeded_rank
from train.errors import DataError

SCORED_SHARE, MOST_SCORED = 0.5, 500
REMEDY = "add general lines, with texts that the other labels lack"


def split_general(
    samples: Sequence[Sample], domain: Splits, seed: int, classes: Collection[str] = ()
) -> tuple[list[Sample], list[Sample]]:
    """Return the lines to score, SCORED_SHARE of them and at most MOST_SCORED, and those to train on.

    Lines of one text stay together. A text that the user's training lines hold is never scored, as it is learnt
    anyway; one that their validation or test lines hold is never trained on, however many these are. The rest is
    decided by seed and text alone. Labels that are `classes` are no texts: both parts have each of them, and their
    files stand in the place of texts.
    """
    told = all(sample.text in classes for sample in samples)
    trained = {_unit(sample, told) for sample in domain.train}
    held = {_unit(sample, told) for sample in (*domain.val, *domain.test)} - trained
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[_unit(sample, told)].append(sample)
    target = min(MOST_SCORED, round(SCORED_SHARE * len(samples)))
    scored: list[Sample] = []
    replay: list[Sample] = []
    for text in sorted(groups, key=lambda text: (text not in held, seeded_rank(seed, text))):
        fits = text not in trained and len(scored) + len(groups[text]) <= target
        (scored if text in held or fits else replay).extend(groups[text])
    if len(samples) < MIN_SAMPLES or not scored or not replay:
        raise DataError(
            f"general labels must be at least {MIN_SAMPLES} lines that make two parts of different texts",
            f"{len(samples)} lines: {len(scored)} to score, {len(replay)} to train on",
            REMEDY,
        )
    return scored, replay


def _unit(sample: Sample, told: bool) -> str:
    return str(sample.path) if told else sample.text

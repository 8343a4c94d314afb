"""The general lines, which show what a model forgets: a part that is only scored, a part to train on again."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from train.data.checking import cheap_check, usable
from train.data.formats import NO_OPTIONS, load_file
from train.data.sample import Sample
from train.data.split import MIN_SAMPLES, Splits, seeded_rank
from train.errors import DataError
from train.tasks import Task

SCORED_SHARE, MOST_SCORED = 0.5, 500
REMEDY = "add general lines, with texts that the other labels lack"


@dataclass(frozen=True)
class General:
    """The two parts of a general set; no text stands in both.

    Attributes:
        scored: read with every report, never trained on.
        replay: for training.
        left_out: source -> why, of the lines that cannot be used.
        origin: the label file.
    """

    scored: tuple[Sample, ...]
    replay: tuple[Sample, ...]
    left_out: Mapping[str, str]
    origin: str


def load_general(
    path: Path,
    domain: Splits,
    seed: int,
    task: type[Task],
    options: Mapping[str, str] = NO_OPTIONS,
    allow_bad: int = 0,
) -> General:
    """Read, split and check a general set.

    Args:
        path: a label file, or folder without splits, of any registered format.
        domain: the splits of the user's own lines, from whose texts the general ones are kept apart.
        seed: of the split.
        task: of the model that reads them.
        options: what the format's reader takes.
        allow_bad: bad samples to go on without.

    Raises:
        DataError: if it cannot be read, holds too many bad samples, or too few texts for two parts.
    """
    samples = load_file(path, options, tasks=task.formats)
    scored, replay = split_general(samples, domain, seed)
    parts = Splits(tuple(replay), tuple(scored), (), {})
    checks = task.checks()
    report = cheap_check(parts, checks)
    kept = usable(parts, report, allow_bad, checks.repaired)
    left_out = {finding.sample.source: f"{finding.rule}: {finding.value}" for finding in report.errors}
    return General(kept.val, kept.train, left_out, path.name)


def split_general(samples: Sequence[Sample], domain: Splits, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Return the lines to score, SCORED_SHARE of them and at most MOST_SCORED, and those to train on.

    Lines of one text stay together. A text that the user's training lines hold is never scored, as it is learnt
    anyway; one that their validation or test lines hold is never trained on, however many these are. The rest is
    decided by seed and text alone.
    """
    trained = {sample.text for sample in domain.train}
    held = {sample.text for sample in (*domain.val, *domain.test)} - trained
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.text].append(sample)
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

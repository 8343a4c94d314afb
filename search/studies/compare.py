"""Two studies side by side: the settings in which their winners differ, and the gain where it can be said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.records.sample_rows import SplitRows
from search.studies.read import Study, read_result
from train.config import Frozen, TrialConfig
from train.scoring.intervals import Gain, paired_gain_interval
from train.scoring.scores import Scores
from train.system.dotted import flatten
from train.tasks import primary_of

CHARSET_RULE = "charset_rule"


class SplitGain(Frozen):
    """What the second winner gains over the first on the same samples, or why that cannot be said.

    Attributes:
        first: first score of the first winner, as the next one; None if it was not measured.
        first_interval: the ends of its interval at 95 %, as the next one; None where that is not known.
        gain: None where the scores cannot be compared.
        why_not: empty where they can.
    """

    split: str
    first: float | None
    second: float | None
    first_interval: tuple[float, float] | None = None
    second_interval: tuple[float, float] | None = None
    gain: Gain | None = None
    why_not: str = ""


class StudyComparison(Frozen):
    """Two finished studies side by side.

    Attributes:
        settings: setting of the winner -> its values in both, where they differ.
        search: setting of the study -> its values in both, where they differ.
    """

    splits: tuple[SplitGain, ...]
    settings: dict[str, tuple[Any, Any]]
    search: dict[str, tuple[Any, Any]]


def find_differences(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the dotted keys whose values differ, with both; None for one that is missing."""
    one, two = flatten(first), flatten(second)
    keys = dict.fromkeys([*one, *two])
    return {key: (one.get(key), two.get(key)) for key in keys if one.get(key) != two.get(key)}


def compare_studies(
    studies: tuple[Study, Study], rows: tuple[dict[str, SplitRows], dict[str, SplitRows]]
) -> StudyComparison:
    """Compare two finished studies; `rows` are how their winners do on every sample."""
    one, two = (_judged(study, kept) for study, kept in zip(studies, rows, strict=True))
    obstacle = find_obstacle(one, two)
    first, second = (study.settings.model_dump(mode="json", exclude={"name", "storage"}) for study in studies)
    return StudyComparison(
        splits=tuple(_split(split, one, two, obstacle) for split in ("validation", "test")),
        settings=find_differences(one.config, two.config),
        search=find_differences(first, second),
    )


@dataclass(frozen=True)
class Judged:
    """A study's winner as it was judged.

    Attributes:
        scores: by split; none where it was not measured.
        config: the winner's; empty without one.
    """

    task: str
    scores: Mapping[str, Scores]
    config: dict[str, Any]
    rows: Mapping[str, SplitRows]
    seed: int


def _judged(study: Study, rows: Mapping[str, SplitRows]) -> Judged:
    result = read_result(study)
    scores: dict[str, Scores] = {comparison.split: comparison.winner for comparison in result.comparisons}
    if result.winner and result.winner.best:
        scores.setdefault("validation", result.winner.best.scores)
    config = result.winner.config.model_dump(mode="json") if result.winner else {}
    return Judged(study.settings.task_name, scores, config, rows, study.settings.seed)


def find_obstacle(first: Judged, second: Judged) -> str:
    """Return why no score of two studies can be compared; empty if some may."""
    if first.task != second.task:
        return f"different tasks, so different scores: {first.task} and {second.task}"
    if not first.config or not second.config:
        return "one of them has no winner"
    rules = [one.scores["validation"].as_dict().get(CHARSET_RULE) for one in (first, second)]
    if rules[0] != rules[1]:
        return f"different rules for comparing texts: {rules[0]} and {rules[1]}"
    return ""


def _split(split: str, first: Judged, second: Judged, obstacle: str) -> SplitGain:
    one, two = (judged.scores.get(split) for judged in (first, second))
    found = SplitGain(
        split=split,
        first=one.primary if one else None,
        second=two.primary if two else None,
        first_interval=_ends(one),
        second_interval=_ends(two),
    )
    why = obstacle or _other_samples(split, first.rows, second.rows)
    if why:
        return found.model_copy(update={"why_not": why})
    primary = primary_of(TrialConfig.model_validate(second.config))
    before, after = (one.rows[split].array for one in (first, second))
    gain = paired_gain_interval(before, after, primary, second.seed)
    return found.model_copy(update={"gain": gain})


def _ends(scores: Scores | None) -> tuple[float, float] | None:
    return (scores.interval.low, scores.interval.high) if scores and scores.interval else None


def _other_samples(split: str, *rows: Mapping[str, SplitRows]) -> str:
    """Return why the scores on a split are not of the same samples; empty if they are."""
    if any(split not in part for part in rows):
        return "of one of them it is not kept how each sample was read (no such split, or an earlier version)"
    if rows[0][split].digest != rows[1][split].digest:
        return "other samples, or other labels, in the two studies"
    return ""

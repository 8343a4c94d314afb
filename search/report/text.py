"""How figures and names are written, in the terminal and on the page."""

from collections.abc import Sequence
from typing import Any

from search.records.evidence import Latency
from search.records.facts import DiskUse
from search.records.result import PRETRAINED, Comparison, StudyResult
from search.records.trial import Measure, TrialRecord
from train.scoring.intervals import Gain, Interval
from train.scoring.scores import Scores
from train.tasks import Terms

INTERVAL = "95 %"
GENERAL = ("general", "forgot, pts")


def is_number(value: object) -> bool:
    """Tell whether `value` lies on a scale (a truth value does not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def percent(share: float) -> str:
    """Format a share, 0.6224 -> '62.2 %'."""
    return f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """Format seconds, 3725 -> '1 h 02 min', 95 -> '1 min 35 s'."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def format_count(n: int, what: str) -> str:
    """Format a number of things, '1 trial', '2 trials'."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def name_report(result: StudyResult) -> str:
    """Name what a trial is scored after, an epoch or a fold."""
    return "epoch" if result.evidence.folds == 1 else "fold"


def format_value(value: object) -> str:
    """Format a setting's value, 0.00021234 -> '0.000212'."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return "+".join(map(str, value)) or "all"
    return str(value)


def format_gain(gain: Gain) -> str:
    """Format a gain, '+29.6 points (95 %: +21.9 to +37.2)'."""
    low, high = 100 * gain.interval.low, 100 * gain.interval.high
    return f"{100 * gain.difference:+.1f} points (95 %: {low:+.1f} to {high:+.1f})"


def count_samples(fair: Comparison, samples: str) -> str:
    """Say what a comparison was made on, '263 lines of 5 documents'."""
    documents = fair.gain.documents
    return f"{fair.winner.n} {samples}" + (f" of {format_count(documents, 'document')}" if documents else "")


def format_settings(settings: dict[str, Any]) -> str:
    """Format settings on one line by the last part of their keys, `name` by the part before it."""
    return ", ".join(f"{shorten_key(key)}={format_value(value)}" for key, value in settings.items())


def shorten_key(key: str) -> str:
    """Shorten a dotted key, `optimiser.learning_rate` -> `learning_rate`, `technique.name` -> `technique`."""
    *parents, leaf = key.split(".")
    if parents[:1] == ["augmentation"]:
        return key
    return parents[-1] if leaf == "name" else leaf


def format_disk_use(disk: DiskUse) -> str:
    """Say what a study takes, '45.2 MB, 31.9 MB of it checkpoints'."""
    return f"{disk.total_bytes / 1e6:.1f} MB, {disk.checkpoint_bytes / 1e6:.1f} MB of it checkpoints"


def format_latency(latency: Latency) -> str:
    """Format a latency with the fastest and slowest repetition, '18.2 ms (17.9-19.0)'; and that it is of 8 bits."""
    precision = ", int8" if latency.precision == "int8" else ""
    return f"{latency.ms:.1f} ms ({latency.low:.1f}-{latency.high:.1f}{precision})"


def format_interval(interval: Interval) -> str:
    """Format an interval in percent, '61-73'."""
    return f"{100 * interval.low:.0f}-{100 * interval.high:.0f}"


def format_state(trial: TrialRecord) -> str:
    """Return a trial's state, and whether it has forgotten too much."""
    return trial.state if trial.eligible or trial.score is None else f"{trial.state}, forgot"


def join_names(names: Sequence[str]) -> str:
    """Join names: 'a, b and c'."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def format_averaged(averaged: Sequence[str]) -> str:
    """Name whose weights are averaged: '4c1a, 4c1b (seed 8) and the pretrained weights'."""
    return join_names(["the pretrained weights" if name == PRETRAINED else name for name in averaged])


def list_general_cells(best: Measure, result: StudyResult) -> Sequence[str]:
    """Return a trial's cells of the columns GENERAL; none without general samples."""
    if result.general is None:
        return ()
    if best.general is None or best.forgetting is None:
        return ("", "")
    return format_scores(best.general), f"{100 * best.forgetting:.1f}"


def list_score_heads(terms: Terms) -> Sequence[str]:
    """Return the heads of the columns that `list_score_cells` fills."""
    first, *others = terms.scores
    return (first, INTERVAL, *others)


def list_score_cells(scores: Scores) -> Sequence[str]:
    """Return the scores in percent, the first one's interval behind it."""
    first, *others = map(percent, scores.values().values())
    return (first, format_scores_interval(scores), *others)


def format_scores_interval(scores: Scores) -> str:
    """Format the first score's 95 % interval, in points; empty where it is not known."""
    return format_interval(scores.interval) if scores.interval else ""


def format_scores(scores: Scores) -> str:
    """Format the first score with its interval where that is known, '62.2 % (55-69)'."""
    return format_score(scores.primary, scores.interval)


def format_score(score: float, interval: Interval | None) -> str:
    """Format a score in [0, 1] with its interval where that is known, '62.2 % (55-69)'."""
    return f"{percent(score)} ({format_interval(interval)})" if interval else percent(score)


def align(rows: Sequence[Sequence[str]], numbers: range) -> list[str]:
    """Return the rows with their columns below each other; the columns `numbers` to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]

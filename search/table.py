"""The end of a search in the terminal: the ranked trials, the gain, the next command."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from search.facts import DiskUse
from search.latency import Latency
from search.provenance import Confirmation, FrontTrial
from search.results import Baseline, Comparison, Measure, StudyResult, TrialRecord, rank, varied_settings
from train.intervals import Gain, Interval
from train.scores import Scores
from train.tasks import Words

SHOWN_TRIALS = 15
KINDS = {"validation": "validation", "test": "held-back test", "general": "general"}
SETTINGS_WIDTH = 70
INTERVAL = "95 %"
GENERAL = ("general", "forgot, pts")


def percent(share: float) -> str:
    """Format a share, 0.6224 -> '62.2 %'."""
    return f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """Format seconds, 3725 -> '1 h 02 min', 95 -> '1 min 35 s'."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def counted(n: int, what: str) -> str:
    """Format a number of things, '1 trial', '2 trials'."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def value_text(value: object) -> str:
    """Format a setting's value, 0.00021234 -> '0.000212'."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list | tuple):
        return "+".join(map(str, value)) or "all"
    return str(value)


def gain_text(gain: Gain) -> str:
    """Format a gain, '+29.6 points (95 %: +21.9 to +37.2)'."""
    low, high = 100 * gain.interval.low, 100 * gain.interval.high
    return f"{100 * gain.difference:+.1f} points (95 %: {low:+.1f} to {high:+.1f})"


def settings_text(settings: dict[str, Any]) -> str:
    """Format settings on one line by the last part of their keys, `name` by the part before it."""
    return ", ".join(f"{short_key(key)}={value_text(value)}" for key, value in settings.items())


def short_key(key: str) -> str:
    """Shorten a dotted key, `optimiser.learning_rate` -> `learning_rate`, `technique.name` -> `technique`."""
    *parents, leaf = key.split(".")
    if parents[:1] == ["augmentation"]:
        return key
    return parents[-1] if leaf == "name" else leaf


def terminal_table(result: StudyResult) -> str:
    """Return the ranked table with the untouched models, the gain over the best of them and what to type next."""
    settings, lines = varied_settings(result.trials), ranked_lines(result)
    lines += ["", *(_gain_line(comparison, result.words) for comparison in result.comparisons)]
    lines += fold_lines(result)
    lines += [front_text(one, result) for one in result.evidence.front]
    lines += confirmation_lines(result)
    lines += forgetting_lines(result)
    if not result.ranked:
        lines.append("No trial has a score: the untouched model is the best there is.")
    elif result.winner is None:
        lines.append("No trial can win, nothing is exported: the untouched model is the best there is.")
    else:
        lines.append(f"Winner {result.winner.id}: {settings_text(settings[result.winner.id])}")
        lines += _weights(result)
        if len(result.winner.stages) > 1:
            lines += ["It was trained in stages:", *map(str, result.winner.stages)]
    lines += [disk_text(result.disk)] if result.disk else []
    lines += [f"{purpose}: {command}" for purpose, command in list(result.commands.items())[:1]]
    return "\n".join(lines)


def disk_text(disk: DiskUse) -> str:
    """Say what a study takes, 'Disk: 45.2 MB, 31.9 MB of it checkpoints.'."""
    return f"Disk: {disk.total_bytes / 1e6:.1f} MB, {disk.checkpoint_bytes / 1e6:.1f} MB of it checkpoints."


def ranked_lines(result: StudyResult) -> list[str]:
    """Return the best SHOWN_TRIALS trials, the untouched models, and the trials without a score."""
    ranked = result.ranked
    settings = varied_settings(result.trials)
    rows = [_trial_row(place, t, settings[t.id], result) for place, t in enumerate(ranked[:SHOWN_TRIALS], 1)]
    rows += [_baseline_row(baseline, result) for baseline in result.baselines]
    general = GENERAL if result.general else ()
    head = ("", "trial", "state", *score_heads(result.words), *general, "epoch", "time", "settings")
    lines = aligned([head, *rows], range(3, len(head) - 1))
    if len(ranked) > SHOWN_TRIALS:
        lines.append(f"... and {len(ranked) - SHOWN_TRIALS} more trials, all in report.html")
    lines += [f"trial {t.id} {t.state}: {t.reason or 'no reason given'}" for t in _unscored(result.trials)]
    lines += [f"trial {t.id}: {note}" for t in result.trials for note in t.notes]
    return lines


def fold_lines(result: StudyResult) -> list[str]:
    """Say what the scores are of, and how sure it is that the winner is better than the next; nothing without folds."""
    if result.evidence.folds == 1:
        return []
    lines = [
        f"The trials' scores, and those of the untouched models, are over {result.evidence.folds} folds: each sample "
        "of training and validation read once, by a network that has not seen its text."
    ]
    for name, gain in result.evidence.differences.items():
        unsure = gain.interval.high >= 0
        lines.append(
            f"Trial {name} against the winner: {gain_text(gain)}{', which may be chance' if unsure else ''}"
        )
    return lines


def front_text(one: FrontTrial, result: StudyResult) -> str:
    """Say how fast and how good a trial of the Pareto front is, and whether it was chosen."""
    trial = next(trial for trial in result.trials if trial.id == one.trial)
    best = (
        "the best" if one is result.evidence.front[-1] else f"{gain_text(one.against_best)} against the best"
    )
    mark = ": the fastest that is not surely worse, chosen" if one.chosen else ""
    score = with_interval(trial.best.scores) if trial.best else ""
    return f"{latency_text(one.latency)}  trial {one.trial}  {score}, {best}{mark}"


def latency_text(latency: Latency) -> str:
    """Format a latency with the fastest and slowest repetition, '18.2 ms (17.9-19.0)'."""
    return f"{latency.ms:.1f} ms ({latency.low:.1f}-{latency.high:.1f})"


def confirmation_lines(result: StudyResult) -> list[str]:
    """Say what the best trials read when they were trained again, the winner first; nothing if none was."""
    return [confirmation_text(one, result.words) for one in result.evidence.confirmations]


def confirmation_text(one: Confirmation, words: Words) -> str:
    """Say what a candidate read when it was trained again, beside the score that it was chosen for."""
    start = (
        f"Trial {one.trial}, chosen for {score_text(one.selected, one.selected_interval)} {words.scores[0]}"
    )
    if one.mean is None or one.interval is None:
        return f"{start}, could not be trained again: {'; '.join(one.failed)}"
    found = ", ".join(map(percent, one.scores))
    return (
        f"{start}, trained again to epoch {one.epoch} with {len(one.seeds)} other seeds: {percent(one.mean)} in the "
        f"mean ({INTERVAL}: {span(one.interval)}; {found})"
    )


def span(interval: Interval) -> str:
    """Format an interval in percent, '61-73'."""
    return f"{100 * interval.low:.0f}-{100 * interval.high:.0f}"


def forgetting_lines(result: StudyResult) -> list[str]:
    """Say which of the ranked trials cannot win, and why."""
    lost = [trial.id for trial in rank(result.trials) if not trial.eligible]
    if result.limit is None or not lost:
        return []
    return [
        f"Forgot more than {100 * result.limit:g} points of the general {result.words.samples} in every epoch, so "
        f"ranked last and never the winner: {len(lost)} of {len(rank(result.trials))} trials ({', '.join(lost)})"
    ]


def forgot_text(forgetting: float) -> str:
    """Format forgetting in points of the first score, 0.021 -> '2.1', a gain with its minus."""
    return f"{100 * forgetting:.1f}"


def state_text(trial: TrialRecord) -> str:
    """Return a trial's state, and whether it has forgotten too much."""
    return trial.state if trial.eligible or trial.score is None else f"{trial.state}, forgot"


def _weights(result: StudyResult) -> list[str]:
    """Say what the bundle's weights are where they are not simply the winner's."""
    if result.averaged == ("untouched",):
        return ["No trial reads better than its start: the bundle has the untouched weights."]
    if len(result.averaged) > 1:
        return [f"Its weights are the average of {listed(result.averaged)}."]
    return []


def listed(names: Sequence[str]) -> str:
    """Join names: 'a, b and c'."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _unscored(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    return [trial for trial in trials if trial.score is None]


def _trial_row(
    place: int, trial: TrialRecord, settings: dict[str, Any], result: StudyResult
) -> Sequence[str]:
    best = trial.best
    assert best is not None, "only scored trials are ranked"
    return (
        str(place),
        trial.id,
        state_text(trial),
        *score_cells(best.scores),
        *kept_cells(best, result),
        f"{best.epoch}/{trial.epochs}",
        duration(trial.seconds),
        textwrap.shorten(settings_text(settings), SETTINGS_WIDTH, placeholder=" ..."),
    )


def kept_cells(best: Measure, result: StudyResult) -> Sequence[str]:
    """Return a trial's cells of the columns GENERAL; none without general samples."""
    if result.general is None:
        return ()
    if best.general is None or best.forgetting is None:
        return ("", "")
    return with_interval(best.general), forgot_text(best.forgetting)


def _baseline_row(baseline: Baseline, result: StudyResult) -> Sequence[str]:
    known = (with_interval(baseline.general) if baseline.general else "", "")
    return (
        "-",
        "",
        "untouched",
        *score_cells(baseline.scores),
        *(known if result.general else ()),
        "",
        "",
        str(baseline),
    )


def score_heads(words: Words) -> Sequence[str]:
    """Return the heads of the columns that `score_cells` fills."""
    first, *others = words.scores
    return (first, INTERVAL, *others)


def score_cells(scores: Scores) -> Sequence[str]:
    """Return the scores in percent, the first one's interval behind it."""
    first, *others = map(percent, scores.values().values())
    return (first, interval_text(scores), *others)


def interval_text(scores: Scores) -> str:
    """Format the first score's 95 % interval, in points; empty where it is not known."""
    return span(scores.interval) if scores.interval else ""


def with_interval(scores: Scores) -> str:
    """Format the first score with its interval where that is known, '62.2 % (55-69)'."""
    return score_text(scores.primary, scores.interval)


def score_text(score: float, interval: Interval | None) -> str:
    """Format a score in [0, 1] with its interval where that is known, '62.2 % (55-69)'."""
    return f"{percent(score)} ({span(interval)})" if interval else percent(score)


def _gain_line(comparison: Comparison, words: Words) -> str:
    before, after = comparison.baseline.scores, comparison.winner
    first = words.scores[0]
    where = f"{KINDS[comparison.split]} {words.samples}"
    return (
        f"{first[0].upper()}{first[1:]} on {after.n} {where}: {with_interval(before)} ({comparison.baseline}) -> "
        f"{with_interval(after)}, {gain_text(comparison.gain)}"
    )


def aligned(rows: Sequence[Sequence[str]], numbers: range) -> list[str]:
    """Return the rows with their columns below each other; the columns `numbers` to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]

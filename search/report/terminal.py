"""The end of a search in the terminal: the ranked trials, the gain, the next command."""

import textwrap
from collections.abc import Sequence
from typing import Any

from search.records.evidence import Confirmation, FrontTrial
from search.records.result import PRETRAINED, Baseline, Comparison, StudyResult
from search.records.trial import TrialRecord, find_varied_settings
from search.report.sentences import (
    caution_lines,
    decoded_lines,
    eight_bits_lines,
    fold_lines,
    forgetting_lines,
    refit_lines,
)
from search.report.text import (
    GENERAL,
    INTERVAL,
    align,
    count_samples,
    duration,
    format_averaged,
    format_disk_use,
    format_gain,
    format_interval,
    format_latency,
    format_score,
    format_scores,
    format_settings,
    format_state,
    list_general_cells,
    list_score_cells,
    list_score_heads,
    name_report,
    percent,
)
from train.tasks import Terms

SHOWN_TRIALS = 15
KINDS = {"validation": "validation", "test": "held-back test", "general": "general"}
SETTINGS_WIDTH = 70


def terminal_table(result: StudyResult) -> str:
    """Return the ranked table with the pretrained baselines, the gain over the best of them and what to type next."""
    settings, lines = find_varied_settings(result.trials), ranked_lines(result)
    lines += ["", *(_gain_line(comparison, result.terms) for comparison in result.comparisons)]
    lines += decoded_lines(result)
    lines += fold_lines(result)
    lines += [front_text(one, result) for one in result.evidence.front]
    lines += [confirmation_text(one, result.terms) for one in result.evidence.confirmations]
    lines += forgetting_lines(result)
    if not result.ranked:
        what = (
            "the bundle is the pretrained baseline"
            if result.averaged
            else "the pretrained baseline is the best there is"
        )
        lines.append(f"No trial has a score: {what}.")
    elif result.winner is None:
        lines.append("No trial can win, nothing is exported: the pretrained baseline is the best there is.")
    else:
        lines.append(f"Winner {result.winner.id}: {format_settings(settings[result.winner.id])}")
        lines += [*_weights(result), *refit_lines(result)]
        if len(result.winner.stages) > 1:
            lines += ["It was trained in stages:", *map(str, result.winner.stages)]
    lines += eight_bits_lines(result)
    lines += [f"Disk: {format_disk_use(result.disk)}."] if result.disk else []
    lines += [
        f"{purpose}: {command}"
        for place, (purpose, command) in enumerate(result.commands.items())
        if place == 0 or "serve/run.py" in command
    ]
    return "\n".join(lines)


def ranked_lines(result: StudyResult) -> list[str]:
    """Return the best SHOWN_TRIALS trials, the pretrained baselines, and the trials without a score."""
    ranked = result.ranked
    settings = find_varied_settings(result.trials)
    rows = [_trial_row(place, t, settings[t.id], result) for place, t in enumerate(ranked[:SHOWN_TRIALS], 1)]
    rows += [_baseline_row(baseline, result) for baseline in result.baselines]
    general = GENERAL if result.general else ()
    scores, report = list_score_heads(result.terms), name_report(result)
    head = ("", "trial", "state", *scores, *general, report, "time", "settings")
    lines = align([head, *rows], range(3, len(head) - 1))
    if len(ranked) > SHOWN_TRIALS:
        lines.append(f"... and {len(ranked) - SHOWN_TRIALS} more trials, all in report.html")
    unscored = (trial for trial in result.trials if trial.score is None)
    lines += [f"trial {trial.id} {trial.state}: {trial.reason or 'no reason given'}" for trial in unscored]
    lines += [f"trial {t.id}: {note}" for t in result.trials for note in t.notes]
    return lines


def front_text(one: FrontTrial, result: StudyResult) -> str:
    """Say how fast and how good a trial of the Pareto front is, and whether it was chosen."""
    trial = next(trial for trial in result.trials if trial.id == one.trial)
    best = (
        "the best"
        if one is result.evidence.front[-1]
        else f"{format_gain(one.against_best)} against the best"
    )
    mark = ": the fastest that is not significantly worse, chosen" if one.chosen else ""
    score = format_scores(trial.best.scores) if trial.best else ""
    return f"{format_latency(one.latency)}  trial {one.trial}  {score}, {best}{mark}"


def confirmation_text(one: Confirmation, terms: Terms) -> str:
    """Say what a finalist read when it was trained again, beside the score that it was chosen for."""
    start = (
        f"Trial {one.trial}, chosen for {format_score(one.selected, one.selected_interval)} {terms.scores[0]}"
    )
    if one.mean is None or one.interval is None:
        return f"{start}, could not be trained again: {'; '.join(one.failed)}"
    scores = ", ".join(map(percent, one.scores))
    return (
        f"{start}, trained again to epoch {one.epoch} with {len(one.seeds)} other seeds: {percent(one.mean)} in the "
        f"mean ({INTERVAL}: {format_interval(one.interval)}; {scores})"
    )


def _weights(result: StudyResult) -> list[str]:
    """Say what the bundle's weights are where they are not simply the winner's."""
    if caution := caution_lines(result):
        return caution
    if result.averaged == (PRETRAINED,):
        return ["No trial reads better than its start: the bundle has the pretrained weights."]
    if len(result.averaged) > 1:
        return [f"Its weights are the average of {format_averaged(result.averaged)}."]
    return []


def _trial_row(
    place: int, trial: TrialRecord, settings: dict[str, Any], result: StudyResult
) -> Sequence[str]:
    best = trial.best
    assert best is not None, "only scored trials are ranked"
    return (
        str(place),
        trial.id,
        format_state(trial),
        *list_score_cells(best.scores),
        *list_general_cells(best, result),
        f"{best.epoch}/{trial.epochs}",
        duration(trial.seconds),
        textwrap.shorten(format_settings(settings), SETTINGS_WIDTH, placeholder=" ..."),
    )


def _baseline_row(baseline: Baseline, result: StudyResult) -> Sequence[str]:
    general = (format_scores(baseline.general) if baseline.general else "", "")
    return (
        "-",
        "",
        "baseline",
        *list_score_cells(baseline.scores),
        *(general if result.general else ()),
        "",
        "",
        str(baseline),
    )


def _gain_line(comparison: Comparison, terms: Terms) -> str:
    before, after = comparison.baseline.scores, comparison.winner
    first = terms.scores[0]
    where = count_samples(comparison, f"{KINDS[comparison.split]} {terms.samples}")
    return (
        f"{first[0].upper()}{first[1:]} on {where}: {format_scores(before)} ({comparison.baseline}) -> "
        f"{format_scores(after)}, {format_gain(comparison.gain)}"
    )

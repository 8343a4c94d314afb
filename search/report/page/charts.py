"""The page's charts, as inline SVG, each in its section."""

from collections.abc import Sequence
from html import escape
from itertools import accumulate

from search.records.result import StudyResult
from search.records.trial import TrialRecord, rank
from search.report.importance import MIN_TRIALS, Importance
from search.report.page import svg
from search.report.page.parts import nothing, section, table
from search.report.page.svg import Axis, Point
from search.report.text import (
    INTERVAL,
    duration,
    format_count,
    format_interval,
    format_scores,
    name_report,
    percent,
    shorten_key,
)
from train.reading.calibration import Reliability
from train.scoring.scores import Scores

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 60, 470, 30, 252
MODEL_COLOURS = 4
MOST_BARS = 10
ENOUGH_TRIALS = 50
END_MARKS = {"finished": "dot", "stopped": "ring", "failed": "cross", "diverged": "cross"}


def draw_scores_over_time(result: StudyResult) -> str:
    """Draw every report of a scored trial, the best so far as a stair, and the pretrained baseline as a line.

    What has forgotten too much is a dot like any other, but never the best so far.
    """
    reports = sorted(
        (
            (trial.started + measure.seconds, trial.id, measure)
            for trial in rank(result.trials)
            for measure in trial.history
        ),
        key=lambda report: (report[0], report[2].scores.primary),
    )
    if not reports:
        return ""
    end = max(result.wall_seconds, reports[-1][0])
    unit, name = (3600, "hours") if end > 2 * 3600 else (60, "minutes") if end > 120 else (1, "seconds")
    x, y, parts = _score_axes(
        result, (0.0, end / unit), f"{name} since the start", [one.scores.primary for *_, one in reports]
    )
    for at, trial, one in reports:
        title = f"trial {trial}, {name_report(result)} {one.epoch}: {format_scores(one.scores)} after {duration(at)}"
        dot = svg.mark((x.at(at / unit), y.at(one.scores.primary)), "dot", "faint")
        parts.append(svg.group([dot], title))
    eligible = [(at, one.scores.primary) for at, _, one in reports if not one.excess]
    if not eligible:
        return svg.drawing(WIDTH, HEIGHT, parts, "Score over time; every trial forgot too much")
    best = list(accumulate((score for _, score in eligible), max))
    stair = _stair([(x.at(at / unit), y.at(s)) for (at, _), s in zip(eligible, best, strict=True)], x.end)
    parts.append(svg.group([svg.path(stair, "best")], f"best so far, {percent(best[-1])} in the end"))
    return svg.drawing(WIDTH, HEIGHT, parts, f"Best score over time, {percent(best[-1])} in the end")


def _stair(points: Sequence[Point], end: float) -> list[Point]:
    stair = [points[0]]
    for here in points[1:]:
        stair += [(here[0], stair[-1][1]), here]
    return [*stair, (end, stair[-1][1])]


def _score_axes(
    result: StudyResult, extent: tuple[float, float], label: str, scores: Sequence[float], whole: bool = False
) -> tuple[Axis, Axis, list[str]]:
    """Return both axes and their drawing: `extent` below, the first score in percent at the side."""
    baseline = result.baseline.scores if result.baseline else None
    lines = [baseline.primary] if baseline else []
    ticks_x = [t for t in svg.nice_ticks(*extent, 6, whole) if extent[0] <= t <= extent[1] + 1e-9]
    ticks_y = svg.nice_ticks(min(*scores, *lines, 1), max(*scores, *lines, 0))
    x, y = Axis(*extent, LEFT, RIGHT), Axis(ticks_y[0], ticks_y[-1], BOTTOM, TOP)
    parts = svg.axes(
        x,
        y,
        (ticks_x, ticks_y),
        (label, f"{result.terms.scores[0]} on the validation {result.terms.samples}"),
        (lambda v: f"{v:g}", lambda v: f"{100 * v:g} %"),
    )
    return x, y, parts + (_baseline(x, y, baseline) if baseline else [])


def _baseline(x: Axis, y: Axis, scores: Scores) -> list[str]:
    place, words = y.at(scores.primary), f"best pretrained baseline {format_scores(scores)}"
    return [
        svg.group([svg.rule((x.start, place), (x.end, place), "baseline")], words),
        svg.text(x.end - 2, place - 5, words, "note", "end"),
    ]


def draw_learning_curves(result: StudyResult) -> str:
    """Draw each trial's score by epoch: how far it was let go (the rungs) and how it ended."""
    trials = [trial for trial in result.trials if trial.history]
    if not trials:
        return ""
    last = max(2, *(trial.epochs for trial in trials))
    scores = [measure.scores.primary for trial in trials for measure in trial.history]
    x, y, parts = _score_axes(result, (0, last), name_report(result), scores, whole=True)
    winner = result.winner
    # The winner is drawn last, on top of the others.
    for trial in sorted(trials, key=lambda t: t is winner):
        classes = "winner" if trial is winner else _colour(result, trial)
        parts.append(_curve(trial, x, y, classes, name_report(result)))
    return svg.drawing(WIDTH, HEIGHT, parts, f"Score by epoch for {len(trials)} trials")


def _greedily(result: StudyResult) -> str:
    return " Without the text model, as all trials are compared." if result.decoded else ""


def _curve(trial: TrialRecord, x: Axis, y: Axis, classes: str, unit: str) -> str:
    points = [(x.at(measure.epoch), y.at(measure.scores.primary)) for measure in trial.history]
    best = max((measure.scores for measure in trial.history), key=lambda scores: scores.primary)
    title = (
        f"trial {trial.id}, {trial.config.model}, {trial.config.technique.name}, {trial.state} after {unit} "
        f"{trial.epochs}, best {format_scores(best)}"
    )
    parts = [svg.path(points, "hit"), svg.path(points, "curve")]
    return svg.group([*parts, svg.mark(points[-1], END_MARKS[trial.state], "end")], title, classes)


def trained_models(result: StudyResult) -> list[str]:
    """List the trained models in the order of their colours."""
    return sorted({trial.config.model for trial in result.trials})


def _colour(result: StudyResult, trial: TrialRecord) -> str:
    if trial.score is None:
        return "unscored"
    return f"series{trained_models(result).index(trial.config.model) % MODEL_COLOURS}"


def draw_importance(shares: dict[str, Importance]) -> str:
    """Draw the importance of the settings as bars with their intervals, the MOST_BARS largest of them."""
    bars = list(shares.items())[:MOST_BARS]
    left, row, width = 184, 26, WIDTH - 184 - 56
    longest = max(share.high for _, share in bars)
    parts: list[str] = []
    for place, (key, share) in enumerate(bars):
        top = 8 + place * row
        low, long, high = (left + value / longest * width for value in (share.low, share.share, share.high))
        bar = (
            f'<rect x="{left}" y="{top}" width="{max(1.0, long - left):.1f}" height="16" rx="2" class="bar"/>'
        )
        reach = svg.rule((low, top + 8), (high, top + 8), "reach")
        name = svg.text(left - 8, top + 13, shorten_key(key), "value", "end")
        value = svg.text(high + 6, top + 13, f"{100 * share.share:.0f} %", "value", "start")
        words = f"{key}: {percent(share.share)} of the importance (95 %: {percent(share.low)} to {percent(share.high)})"
        parts.append(svg.group([name, bar, reach, value], words))
    return svg.drawing(WIDTH, 16 + row * len(bars), parts, "Importance of the settings")


def draw_accuracy_over_latency(result: StudyResult) -> str:
    """Draw score over latency of every scored trial; the winner is marked."""
    points = [(t.latency.ms, t.best, t) for t in result.ranked if t.latency and t.best]
    if not points:
        return ""
    ticks_x = svg.nice_ticks(0, max(ms for ms, *_ in points), 6)
    scores = [best.scores.primary for _, best, _ in points]
    ticks_y = svg.nice_ticks(min(scores), max(scores))
    x, y = Axis(ticks_x[0], ticks_x[-1], LEFT, RIGHT), Axis(ticks_y[0], ticks_y[-1], BOTTOM, TOP)
    label = f"{result.terms.scores[0]} on the validation {result.terms.samples}"
    formats = (lambda v: f"{v:g}", lambda v: f"{100 * v:g} %")
    parts = svg.axes(x, y, (ticks_x, ticks_y), ("ms for an image", label), formats)
    for ms, best, trial in points:
        title = f"trial {trial.id}, {trial.config.model}: {format_scores(best.scores)} in {ms:.1f} ms"
        kind = "winner" if trial is result.winner else "series0"
        parts.append(svg.group([svg.mark((x.at(ms), y.at(best.scores.primary)), "dot", "end")], title, kind))
    return svg.drawing(WIDTH, HEIGHT, parts, f"Score and latency of {len(points)} trials")


def draw_reliability(groups: Sequence[Reliability]) -> str:
    """Draw how many lines were right over how sure the text model was: discs as large as the lines are many."""
    least = min(min(group.said, group.interval.low) for group in groups)
    ticks = svg.nice_ticks(least, 1)
    x, y = Axis(ticks[0], 1, LEFT, RIGHT - 14), Axis(ticks[0], 1, BOTTOM, TOP)
    form = "{:.0%}".format
    parts = svg.axes(x, y, (ticks, ticks), ("sure to be right", "were right"), (form, form))
    parts.append(svg.rule((x.start, y.start), (x.end, y.end), "baseline"))
    most = max(group.lines for group in groups)
    for group in groups:
        share, at = group.right / group.lines, x.at(group.said)
        within = format_interval(group.interval)
        words = f"{percent(group.said)} sure: {group.right} of {group.lines} right, 95 %: {within}"
        reach = svg.rule((at, y.at(group.interval.low)), (at, y.at(group.interval.high)), "reach")
        disc = svg.disc((at, y.at(share)), 2 + 8 * (group.lines / most) ** 0.5, "mark-dot end")
        parts.append(svg.group([reach, disc], words, "series0"))
    return svg.drawing(
        WIDTH, HEIGHT, parts, f"How sure the text model was, and how right, of {len(groups)} groups"
    )


def show_reliability(result: StudyResult) -> str:
    """Return the section on what the text model's probabilities are worth; nothing without one that has any."""
    splits = [(name, one.reliability) for name, one in result.decoded.items() if one.reliability]
    if not splits:
        return ""
    name, groups = splits[-1]  # the test, where there is one
    flatters = "" if name == "test" else ", which chose them, so that they flatter"
    caption = (
        f"How sure the text model was of {name} {result.terms.samples}{flatters}, and how many were right. "
        "Thin lines are 95 % intervals, the dashed one is where all would lie; the larger a disc, the more lines."
    )
    rows = [
        [
            percent(one.said),
            f"{one.right} of {one.lines}",
            percent(one.right / one.lines),
            format_interval(one.interval),
        ]
        for one in groups
    ]
    listed = table(["sure", "right", "share", INTERVAL], rows, 0)
    return section("How sure, and how right", draw_reliability(groups) + listed, caption)


def show_scores_over_time(result: StudyResult) -> str:
    """Return the section with every report of every scored trial."""
    chart = draw_scores_over_time(result) or nothing("No trial reported a score.")
    return section(
        "Score over time",
        chart,
        f"The stair is the best so far; each dot is one {name_report(result)} of one trial.{_greedily(result)}",
    )


def show_learning_curves(result: StudyResult) -> str:
    """Return the section with a line a trial, and what colours and marks mean."""
    chart = draw_learning_curves(result) or nothing("No trial reported a score.")
    entries = [
        f'<li class="series{i % MODEL_COLOURS}"><i></i>{escape(model)}</li>'
        for i, model in enumerate(trained_models(result))
    ]
    entries.append('<li class="winner"><i></i>winner</li><li>● finished</li><li>○ stopped early</li>')
    if any(trial.score is None for trial in result.trials):
        entries.append("<li>× failed or diverged, not scored</li>")
    return section(
        "Learning curves",
        f'{chart}<ul class="legend">{"".join(entries)}</ul>',
        f"How many of at most {format_count(result.max_epochs, name_report(result))} each trial was let run, and how "
        f"well it did.{_greedily(result)}",
    )


def show_importance(result: StudyResult, shares: dict[str, Importance]) -> str:
    """Return the section on which settings mattered; few trials tell little of that."""
    scored = len(rank(result.trials))
    if not shares:
        why = f"That takes at least {MIN_TRIALS} trials with differing scores; this search has {scored}."
        return section("What mattered", nothing(why))
    few = f"With only {scored} trials this is a hint, not a finding: " if scored < ENOUGH_TRIALS else ""
    words = f"{few}shares say what the best trials have in common, not what causes what. Settings that only "
    words += "some trials have are left out, and early-stopped trials count with the score they had. The thin lines "
    words += "are 95 % intervals over resampled trials. " + _significant(shares)
    return section("What mattered", draw_importance(shares), words[0].upper() + words[1:])


def _significant(shares: dict[str, Importance]) -> str:
    """Name the settings that matter significantly more than an even share."""
    more = [shorten_key(key) for key, share in shares.items() if share.low > 1 / len(shares)]
    return (
        f"Significantly more than an even share: {', '.join(more)}."
        if more
        else "None matters significantly more than an even share."
    )

"""The page's tables, each in its section: what to do, comparisons, techniques, every trial, cost."""

from collections.abc import Sequence
from html import escape

from search.records.facts import Reservation
from search.records.result import Comparison, StudyResult
from search.records.trial import TrialRecord, find_varied_settings
from search.report.advice import advise
from search.report.page.charts import draw_accuracy_over_latency
from search.report.page.parts import nothing, section, table, warning
from search.report.techniques import TechniqueRecord, compare_techniques
from search.report.text import (
    GENERAL,
    INTERVAL,
    duration,
    format_gain,
    format_interval,
    format_latency,
    format_score,
    format_scores,
    format_state,
    format_value,
    list_general_cells,
    list_score_cells,
    list_score_heads,
    name_report,
    percent,
    shorten_key,
)
from train.scoring.intervals import Gain, Interval


def show_comparisons(result: StudyResult) -> str:
    """Return the winner beside pretrained baselines, on each split that it was judged on."""
    if not result.comparisons:
        return section("Against the pretrained baseline", nothing("The winner was not compared."))
    samples = result.terms.samples
    caption = f"The same {samples}, read by both. The validation gain flatters: the winner was chosen on it."
    if result.comparison("general"):
        caption += f" On the general {samples} the baseline is the winner's own model as published."
    head = (samples, "baseline", "winner", "gain, points (95\u00a0%)")
    rows = table(head, [_comparison(c) for c in result.comparisons], 1)
    return section("Against the pretrained baseline", f'<div class="narrow">{rows}</div>', caption)


def _comparison(comparison: Comparison) -> Sequence[str]:
    return (
        f"{comparison.split} ({comparison.winner.n})",
        format_scores(comparison.baseline.scores),
        format_scores(comparison.winner),
        _gain_cell(comparison.gain),
    )


def _gain_cell(gain: Gain) -> str:
    """Format a gain for its column, whose line may break before the interval, not inside."""
    return format_gain(gain).replace("points (95 %: ", "(").replace(" to ", "\u00a0to\u00a0")


def show_confirmations(result: StudyResult) -> str:
    """Return the finalists that were trained again with other seeds; nothing if none was."""
    if not result.evidence.confirmations:
        return ""
    rows = [
        [
            one.trial,
            str(one.epoch),
            format_score(one.selected, one.selected_interval),
            "" if one.mean is None else percent(one.mean),
            "" if one.interval is None else format_interval(one.interval),
            ", ".join([*map(percent, one.scores), *one.failed]),
        ]
        for one in result.evidence.confirmations
    ]
    head = ("trial", "epochs", "chosen for", "mean of other seeds", INTERVAL, "each of them")
    caption = (
        "The best of many trials is the best partly by luck, so the score that it was chosen for flatters. Each of "
        "these was trained again with other seeds, for as many epochs; the best mean wins. The interval is over "
        f"{result.terms.samples}; the single runs show how much seeds differ."
    )
    return section(
        "Trained again", table(head, rows, 1, first=result.evidence.confirmed is not None), caption
    )


def show_trials(result: StudyResult) -> str:
    """Return every trial with its scores and the settings in which they differ."""
    settings = find_varied_settings(result.trials)
    steps = f"{name_report(result)}s"
    keys = list(dict.fromkeys(key for values in settings.values() for key in values if key != steps))
    ranked = result.ranked
    rest = [trial for trial in result.trials if trial.score is None]
    general = GENERAL if result.general else ()
    head = (
        "#",
        "trial",
        "state",
        *list_score_heads(result.terms),
        *general,
        steps,
        "time",
        *_cost_heads(result),
    )
    rows = []
    for place, trial in enumerate([*ranked, *rest], 1):
        values = [format_value(settings[trial.id][key]) if key in settings[trial.id] else "" for key in keys]
        number = str(place) if trial.score is not None else ""
        rows.append([number, *_trial_cells(trial, result), *values, trial.remarks])
    cells = table([*head, *map(shorten_key, keys), "remarks"], rows, 3, first=result.winner is not None)
    unscored = "".join(warning(f"Trial {t.id} {t.state}: {t.reason or 'no reason given'}") for t in rest)
    title = f"All {len(result.trials)} trials" if len(result.trials) != 1 else "The trial"
    return section(title, unscored + cells)


def _trial_cells(trial: TrialRecord, result: StudyResult) -> list[str]:
    general = GENERAL if result.general else ()
    scores = [""] * (len(list_score_heads(result.terms)) + len(general))
    if best := trial.best:
        scores = [*list_score_cells(best.scores), *list_general_cells(best, result)]
    cost = result.reservation.seconds(trial.seconds) if _cost_heads(result) else ()
    return [
        trial.id,
        format_state(trial),
        *scores,
        _format_steps(trial, result),
        duration(trial.seconds),
        *map(duration, cost),
    ]


def _format_steps(trial: TrialRecord, result: StudyResult) -> str:
    """Format the epochs (or folds) that a trial was let run, '8 of 24' where there are more."""
    folds = result.evidence.folds
    planned = folds if folds > 1 else trial.config.epochs
    return f"{trial.epochs} of {planned}" if trial.epochs < planned else str(trial.epochs)


def _cost_heads(result: StudyResult) -> Sequence[str]:
    """Return the columns of cost; none where a trial's CPU time is simply its time."""
    return () if result.reservation == Reservation() else result.reservation.heads


def show_baselines(result: StudyResult) -> str:
    """Return what every model reads before any training."""
    if not result.baselines:
        return ""
    general = ("general",) if result.general else ()
    rows = [
        [
            str(baseline),
            *list_score_cells(baseline.scores),
            *([format_scores(baseline.general) if baseline.general else ""] if general else []),
        ]
        for baseline in result.baselines
    ]
    cells = table(("model", *list_score_heads(result.terms), *general), rows, 1)
    return section(
        "Pretrained baselines", cells, "What every model reads before any training: the scores to beat."
    )


def show_techniques(result: StudyResult) -> str:
    """Return the techniques side by side, for each engine: trials, scores and cost."""
    if not result.trials:
        return ""
    general = ("general",) if result.general else ()
    head = ("technique", "engine", "trials", "best", "median", *general, "time in all", "time of a trial")
    rows = [
        [
            one.technique,
            one.engine,
            _counted(one),
            _score(one.best, one.best_interval),
            _score(one.median, one.median_interval),
            *([_score(one.general, one.general_interval)] if general else []),
            duration(one.seconds),
            duration(one.median_seconds),
        ]
        for one in compare_techniques(result.trials)
    ]
    first, samples = result.terms.scores[0], result.terms.samples
    caption = (
        f"{first[0].upper()}{first[1:]} on the validation {samples}, with 95 % intervals: of the best trial, "
    )
    caption += "and of the middle one. The search spends more trials on what does well, over whatever models "
    caption += "and rates, so the middle ones are no fair comparison. The time of a trial is the median."
    if general:
        caption += f" General: {first} of the best trial on the general {samples}."
    return section("Techniques", table(head, rows, 2), caption)


def _counted(one: TechniqueRecord) -> str:
    notes = [f"{one.scored} scored"] if one.scored < one.trials else []
    notes += [f"{one.scored - one.eligible} forgot"] if one.eligible < one.scored else []
    return f"{one.trials} ({', '.join(notes)})" if notes else str(one.trials)


def _score(score: float | None, interval: Interval | None) -> str:
    return "" if score is None else format_score(score, interval)


def show_advice(result: StudyResult) -> str:
    """Return what to use, what to try next, and whether the data suffice."""
    parts = [
        f"<h3>{escape(heading)}</h3>{''.join(f'<p>{escape(sentence)}</p>' for sentence in sentences)}"
        for heading, sentences in advise(result).items()
    ]
    return section("What to do", "".join(parts))


def show_cost(result: StudyResult) -> str:
    """Return what the trials cost in all, by how they ended."""
    if not result.trials:
        return ""
    states = list(dict.fromkeys(trial.state for trial in result.trials))
    rows = []
    for state in [*states, "all"]:
        trials = [trial for trial in result.trials if state in (trial.state, "all")]
        seconds = sum(trial.seconds for trial in trials)
        epochs = sum(trial.epochs for trial in trials)
        rows.append(
            (
                state,
                str(len(trials)),
                str(epochs),
                *(duration(s) for s in result.reservation.seconds(seconds)),
            )
        )
    heads = result.reservation.heads
    caption = f"A trial has {result.reservation}. Counted is what it has reserved while it ran, used or not. "
    caption += f"The whole search took {duration(result.wall_seconds)}."
    body = table(("trials that", "trials", f"{name_report(result)}s", *heads), rows, 1)
    return section("Cost", f'<div class="narrow">{body}</div>', caption)


def show_front(result: StudyResult) -> str:
    """Return the scatter and the front; nothing with one objective."""
    if not result.evidence.front:
        return ""
    caption = (
        "Milliseconds for an image: the exported network in onnxruntime on one thread, the median over real images, "
        "one at a time; in brackets the fastest and the slowest repetition. Measured once for each architecture, "
        "before the first trial. Chosen is the fastest trial that is not significantly worse than the most accurate."
    )
    by_id = {trial.id: trial for trial in result.trials}
    rows = []
    for one in result.evidence.front:
        best, mark = by_id[one.trial].best, "chosen" if one.chosen else ""
        score = format_scores(best.scores) if best else ""
        rows.append([one.trial, mark, format_latency(one.latency), score, format_gain(one.against_best)])
    head = ("trial", "", "latency", result.terms.scores[0], "against the best")
    return section("Accurate and fast", draw_accuracy_over_latency(result) + table(head, rows, 2), caption)

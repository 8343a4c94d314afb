"""The report's tables: the winner against untouched models, these themselves, the techniques, every trial."""

from collections.abc import Sequence

from search.report_parts import nothing, section, table
from search.results import Comparison, StudyResult, TrialRecord, rank, varied_settings
from search.table import (
    GENERAL,
    SCORES,
    duration,
    gain_text,
    interval_text,
    kept_cells,
    percent,
    short_key,
    state_text,
    value_text,
)
from search.techniques import TechniqueRecord, compare_techniques


def comparisons(result: StudyResult) -> str:
    """Return the winner beside untouched models, on each split that it was judged on."""
    if not result.comparisons:
        return section("Against the untouched model", nothing("The winner was not compared."))
    caption = "The same lines, read by both. The validation gain flatters: the winner was chosen on it."
    if result.comparison("general"):
        caption += " On the general lines the untouched model is the winner's own as published."
    head = ("lines", "untouched", "winner", "gain, points (95 %)")
    rows = table(head, [_comparison(c) for c in result.comparisons], 1)
    return section("Against the untouched model", f'<div class="narrow">{rows}</div>', caption)


def _comparison(comparison: Comparison) -> Sequence[str]:
    return (
        f"{comparison.split} ({comparison.winner.n})",
        percent(comparison.baseline.scores.exact_match),
        percent(comparison.winner.exact_match),
        gain_text(comparison.gain).replace("points (95 %: ", "(").replace("+-", "-"),
    )


def trials(result: StudyResult) -> str:
    """Return every trial with its scores and the settings in which they differ."""
    settings = varied_settings(result.trials)
    keys = list(dict.fromkeys(key for values in settings.values() for key in values))
    ranked = rank(result.trials)
    rest = [trial for trial in result.trials if trial.score is None]
    general = GENERAL if result.general else ()
    head = ("#", "trial", "state", *SCORES, *general, "epochs", "time")
    rows = []
    for place, trial in enumerate([*ranked, *rest], 1):
        values = [value_text(settings[trial.id][key]) if key in settings[trial.id] else "" for key in keys]
        number = str(place) if trial.score is not None else ""
        rows.append([number, *_trial_cells(trial, result), *values, trial.reason])
    cells = table([*head, *map(short_key, keys), "reason"], rows, 3, first=result.winner is not None)
    unscored = "".join(nothing(f"Trial {t.id} {t.state}: {t.reason or 'no reason given'}") for t in rest)
    return section(f"All {len(result.trials)} trials", unscored + cells)


def _trial_cells(trial: TrialRecord, result: StudyResult) -> list[str]:
    general = GENERAL if result.general else ()
    scores = [""] * (len(SCORES) + len(general))
    if best := trial.best:
        scores = [
            *_score_cells(best.exact_match, best.edit_similarity, result.validation_lines),
            percent(best.cer),
        ]
        scores += kept_cells(best, result)
    return [trial.id, state_text(trial), *scores, str(trial.epochs), duration(trial.seconds)]


def _score_cells(exact_match: float, edit_similarity: float, n: int) -> list[str]:
    return [percent(exact_match), interval_text(exact_match, n), percent(edit_similarity)]


def untouched(result: StudyResult) -> str:
    """Return what every candidate model reads before any training."""
    if not result.baselines:
        return ""
    general = ("general",) if result.general else ()
    rows = [
        [
            str(baseline),
            *_score_cells(baseline.scores.exact_match, baseline.scores.edit_similarity, baseline.scores.n),
            *([percent(baseline.general.exact_match) if baseline.general else ""] if general else []),
        ]
        for baseline in result.baselines
    ]
    cells = table(("model", "exact match", "95 %", "similarity", *general), rows, 1)
    return section("Before any training", cells, "The scores to beat.")


def techniques(result: StudyResult) -> str:
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
            _share(one.best),
            _share(one.median),
            *([_share(one.general)] if general else []),
            duration(one.seconds),
            duration(one.median_seconds),
        ]
        for one in compare_techniques(result.trials)
    ]
    caption = "Exact match on the validation lines: of the best trial, and of the median one. The search spends more "
    caption += "trials on what does well, over whatever models and rates, so the medians are no fair race. "
    caption += "The time of a trial is the median one's."
    if general:
        caption += " General: exact match of the best trial on the general lines."
    return section("Techniques", table(head, rows, 2), caption)


def _counted(one: TechniqueRecord) -> str:
    notes = [f"{one.scored} scored"] if one.scored < one.trials else []
    notes += [f"{one.scored - one.eligible} forgot"] if one.eligible < one.scored else []
    return f"{one.trials} ({', '.join(notes)})" if notes else str(one.trials)


def _share(score: float | None) -> str:
    return "" if score is None else percent(score)

"""report.html: what was tried, what mattered, where the winner still errs; one file that needs no network."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from search.records.result import Comparison, StudyResult
from search.records.trial import rank
from search.report.importance import MIN_TRIALS, Importance, importances
from search.report.page.charts import importance_bars, learning_curves, models, score_over_time
from search.report.page.parallel import MOST_AXES, parallel_coordinates
from search.report.page.parts import CSS, nothing, section
from search.report.page.pictures import SHOWN, ImageOf, characters, gallery, label_mistakes
from search.report.page.tables import (
    baselines,
    comparisons,
    confirmations,
    cost,
    front,
    techniques,
    trials,
    what_to_do,
)
from search.report.terminal import fold_lines, forgetting_lines
from search.report.text import (
    INTERVAL,
    averaged_text,
    counted,
    disk_text,
    duration,
    gain_text,
    interval_text,
    percent,
    short_key,
    span,
)
from train.files import write_whole
from train.scoring.scores import Scores

FEW_TRIALS = 50


def write_report(
    result: StudyResult, image_of: ImageOf, path: Path, as_labelled: Mapping[str, ImageOf] | None = None
) -> None:
    """Write the report.

    Args:
        result: what it tells.
        image_of: index -> validation sample, (h, w, 3) uint8 BGR, with what the winner found in it.
        path: of the page.
        as_labelled: split -> (index -> its sample), for possible label errors.
    """
    write_whole(path, report_html(result, image_of, as_labelled))


def report_html(
    result: StudyResult, image_of: ImageOf, as_labelled: Mapping[str, ImageOf] | None = None
) -> str:
    """Return the whole page."""
    shares = importances(result)
    body = [
        _head(result),
        _tiles(result),
        what_to_do(result),
        '<div class="grid">',
        _over_time(result),
        _curves(result),
        _importance(result, shares),
        comparisons(result),
        "</div>",
        front(result),
        confirmations(result),
        techniques(result),
        baselines(result),
        _parallel(result, list(shares)),
        _misreadings(result, image_of),
        characters(result, image_of),
        label_mistakes(result, as_labelled or {}),
        trials(result),
        cost(result),
        _commands(result),
        _facts(result),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(result.name)}: search report</title><style>{CSS}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def headline(result: StudyResult) -> str:
    """Say in one plain sentence what the search was good for."""
    fair = result.comparison("test") or result.comparison("validation")
    if result.winner is None and rank(result.trials):
        return f"Every trial forgot too much of the general {result.terms.samples}: nothing was exported."
    if result.winner is None:
        return "No trial finished with a score; use the model as published."
    if fair is None:
        own = result.winner.best
        return f"Of the best trial, {result.terms.goal}: {_measured(own.scores) if own else 'not known'}."
    return _compared(fair, result.terms.goal)


def _compared(fair: Comparison, goal: str) -> str:
    before, after = _measured(fair.baseline.scores), _measured(fair.winner)
    if fair.baseline.untrained:
        return f"Trained from random weights; {goal}: {after}."
    if fair.gain.interval.low > 0:
        return f"Fine-tuning raised the {goal} from {before} to {after}."
    if fair.gain.interval.high < 0:
        return f"Fine-tuning made it worse, {before} to {after}: use the model as published."
    return f"No significant gain: {goal}, {before} before and {after} after fine-tuning."


def _head(result: StudyResult) -> str:
    fair = result.comparison("test")
    held_back = (
        f"Measured once, at the end, on {fair.winner.n} held-back {result.terms.samples}; gain {gain_text(fair.gain)}."
        if fair
        else "There was no held-back test part: the winner was chosen on what it is measured on, "
        "so new data will do somewhat worse."
    )
    said = [*([held_back] if result.winner else []), *fold_lines(result), *_kept(result)]
    return (
        f'<p class="soft">{escape(result.name)} &middot; space {escape(result.space)} &middot; '
        f"{escape(result.data.path)}</p><h1>{escape(headline(result))}</h1>"
        f"{''.join(f'<p>{escape(words)}</p>' for words in said)}"
    )


def _kept(result: StudyResult) -> list[str]:
    """Say what became of the general skill, in sentences; nothing without general lines."""
    fair = result.comparison("general")
    words = []
    if fair:
        words.append(
            f"General skill, on {fair.winner.n} other {result.terms.samples}: "
            f"{_measured(fair.baseline.scores)} as published, {_measured(fair.winner)} now; "
            f"{gain_text(fair.gain)}."
        )
    return [*words, *forgetting_lines(result)]


def _tiles(result: StudyResult) -> str:
    scored = len(rank(result.trials))
    tiles = _score_tiles(result)
    tiles.append(
        (duration(result.wall_seconds), f"{counted(len(result.trials), 'trial')}, {scored} with a score")
    )
    if result.winner:
        still = f"validation {result.terms.samples} still {result.terms.wrong}"
        tiles.append((str(len(result.misreadings)), still))
    return f'<div class="tiles">{"".join(f"<div><b>{b}</b><span>{escape(w)}</span></div>" for b, w in tiles)}</div>'


def _score_tiles(result: StudyResult) -> list[tuple[str, str]]:
    """Return the winner's scores and the best pretrained baseline's, with their intervals."""
    tiles = []
    judged, winner, evidence = result.comparison("validation"), result.winner, result.evidence
    baseline = judged.baseline if judged else result.baseline
    if winner and winner.best:
        words = f"winner: trial {winner.id}, {winner.config.model}, {winner.config.technique.name}"
        others = [name for name in result.averaged if name != winner.id]
        if winner.id in result.averaged and others:
            words += f", its weights averaged with {averaged_text(others)}"
        scores = judged.winner if judged else winner.best.scores
        tiles.append((percent(scores.primary), f"validation{_within(interval_text(scores))}, {words}"))
        if evidence.folds > 1:
            within = _within(interval_text(winner.best.scores))
            tiles.append(
                (
                    percent(winner.best.scores.primary),
                    f"the winner's mean over {winner.best.fold} folds{within}",
                )
            )
    confirmed = evidence.confirmed
    if confirmed and confirmed.mean is not None and confirmed.interval:
        words = f"validation{_within(span(confirmed.interval))}, the winner's mean over other seeds"
        tiles.append((percent(confirmed.mean), words))
    if baseline:
        words = f"validation{_within(interval_text(baseline.scores))}, pretrained baseline: {baseline}"
        tiles.append((percent(baseline.scores.primary), words))
    return tiles


def _measured(scores: Scores) -> str:
    """Format the first score for a sentence, '62.2 % (95 %: 55-69)'."""
    return percent(scores.primary) + _within(interval_text(scores))


def _within(interval: str) -> str:
    return f" ({INTERVAL}: {interval})" if interval else ""


def _over_time(result: StudyResult) -> str:
    chart = score_over_time(result) or nothing("No trial reported a score.")
    return section(
        "Score over time", chart, "The stair is the best so far; each dot is one epoch of one trial."
    )


def _curves(result: StudyResult) -> str:
    chart = learning_curves(result) or nothing("No trial reported a score.")
    entries = [
        f'<li class="series{i % 4}"><i></i>{escape(model)}</li>' for i, model in enumerate(models(result))
    ]
    entries.append('<li class="winner"><i></i>winner</li><li>● finished</li><li>○ stopped early</li>')
    if any(trial.score is None for trial in result.trials):
        entries.append("<li>× failed or diverged, not scored</li>")
    return section(
        "Learning curves",
        f'{chart}<ul class="legend">{"".join(entries)}</ul>',
        f"How many of at most {result.max_epochs} epochs each trial was let run, and how well it read.",
    )


def _importance(result: StudyResult, shares: dict[str, Importance]) -> str:
    scored = len(rank(result.trials))
    if not shares:
        why = f"That takes at least {MIN_TRIALS} trials with differing scores; this search has {scored}."
        return section("What mattered", nothing(why))
    few = f"With only {scored} trials this is a hint, not a finding: " if scored < FEW_TRIALS else ""
    words = f"{few}shares say what the best trials have in common, not what causes what. Settings that only "
    words += "some trials have are left out, and early-stopped trials count with the score they had. The thin lines "
    words += "are 95 % intervals over resampled trials. " + _significant(shares)
    return section("What mattered", importance_bars(shares), words[0].upper() + words[1:])


def _significant(shares: dict[str, Importance]) -> str:
    """Name the settings that matter significantly more than an even share."""
    more = [short_key(key) for key, share in shares.items() if share.low > 1 / len(shares)]
    return (
        f"Significantly more than an even share: {', '.join(more)}."
        if more
        else "None matters significantly more than an even share."
    )


def _parallel(result: StudyResult, order: Sequence[str]) -> str:
    chart = parallel_coordinates(result, order)
    caption = (
        "One line a trial through its settings to its score: the stronger its colour, the better; the winner's "
        f"is thick. At most {MOST_AXES} settings, the most important first."
    )
    body = f'<div class="scroll">{chart}</div>' if chart else nothing("That takes two trials with a score.")
    return section("Settings and scores", body, caption)


def _misreadings(result: StudyResult, image_of: ImageOf) -> str:
    words = result.terms
    title = f"Still {words.wrong}"
    if result.winner is None:
        return section(title, nothing("There is no winner to read them."))
    if not result.misreadings:
        return section(title, f"<p>None of the validation {words.samples}.</p>")
    shown, all_of_them = min(SHOWN, len(result.misreadings)), len(result.misreadings)
    caption = (
        f"The {shown} worst of the {all_of_them} validation {words.samples} that are still {words.wrong}. "
        f"{words.legend}"
    )
    return section(title, gallery(result.misreadings, image_of, words.spelled), caption)


def _commands(result: StudyResult) -> str:
    blocks = [f"<p>{escape(why)}</p><pre>{escape(command)}</pre>" for why, command in result.commands.items()]
    return section("Commands", "".join(blocks)) if blocks else ""


def _facts(result: StudyResult) -> str:
    data = result.data
    facts = [
        (f"{split} {result.terms.samples}", f"{n}, {data.origins.get(split, '')}")
        for split, n in data.samples.items()
    ]
    facts += [(f"left out: {sample.source}", sample.reason) for sample in data.left_out]
    facts += [
        ("also started from", f"the winner of {one.study} ({one.data}, {one.samples} to train on)")
        for one in result.evidence.earlier
    ]
    facts += [("labels put right", str(data.repaired))] if data.repaired else []
    facts += [(f"seed of {name}", str(seed)) for name, seed in result.seeds.items()]
    facts += list(result.versions.items())
    facts += [("disk", disk_text(result.disk))] if result.disk else []
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return section("Data and versions", f"<dl>{rows}</dl>")

"""The top of the page: what the search was good for, in a sentence, and the figures that matter."""

from html import escape

from search.records.result import Comparison, StudyResult
from search.records.trial import rank
from search.report.sentences import (
    caution_lines,
    decoded_lines,
    eight_bits_lines,
    fold_lines,
    forgetting_lines,
    refit_lines,
)
from search.report.text import (
    INTERVAL,
    count_samples,
    duration,
    format_averaged,
    format_count,
    format_gain,
    format_interval,
    format_scores_interval,
    percent,
)
from train.scoring.scores import Scores


def show_head(result: StudyResult) -> str:
    """Return the study's name, the headline, and what its figures rest on."""
    fair = result.comparison("test")
    held_back = (
        f"Measured once, at the end, on {count_samples(fair, f'held-back {result.terms.samples}')}; gain "
        f"{format_gain(fair.gain)}."
        if fair
        else "There was no held-back test part: the winner was chosen on what it is measured on, "
        "so new data will do somewhat worse."
    )
    sentences = [
        *([held_back] if result.winner else []),
        *caution_lines(result),
        *refit_lines(result),
        *eight_bits_lines(result),
        *decoded_lines(result, fair=True),
        *fold_lines(result),
        *_general_sentences(result),
    ]
    sentences = [words.removesuffix(".") for words in sentences]  # those of the terminal have no full stop
    return (
        f'<p class="soft">{escape(result.name)} &middot; space {escape(result.space)} &middot; '
        f"{escape(result.data.path)}</p><h1>{escape(headline(result)).replace(' %', '&nbsp;%')}</h1>"
        f"{''.join(f'<p>{escape(words)}.</p>' for words in sentences)}"
    )


def headline(result: StudyResult) -> str:
    """Say in one plain sentence what the search was good for."""
    fair = result.comparison("test") or result.comparison("validation")
    if result.winner is None and rank(result.trials):
        return f"Every trial forgot too much of the general {result.terms.samples}: nothing was exported."
    if result.winner is None:
        what = "the bundle is" if result.averaged else "use"
        baseline = result.baseline
        score = f"; {result.terms.goal}: {_score_text(baseline.scores)}" if baseline else ""
        return f"No trial finished with a score: {what} the pretrained baseline{score}."
    if fair is None:
        best = result.winner.best
        return f"Of the best trial, {result.terms.goal}: {_score_text(best.scores) if best else 'not known'}."
    if result.caution is not None and result.caution.share == 0:
        return (
            f"The bundle is the pretrained baseline, as no gain over it is shown; {result.terms.goal}: "
            f"{_score_text(fair.winner)}."
        )
    return _compared(fair, result.terms.goal)


def _compared(fair: Comparison, goal: str) -> str:
    before, after = _score_text(fair.baseline.scores), _score_text(fair.winner)
    if fair.baseline.untrained:
        return f"Trained from random weights; {goal}: {after}."
    if fair.gain.interval.low > 0:
        return f"Fine-tuning raised the {goal} from {before} to {after}."
    if fair.gain.interval.high < 0:
        return f"Fine-tuning made it worse, {before} to {after}: use the model as published."
    return f"No significant gain: {goal}, {before} before and {after} after fine-tuning."


def _general_sentences(result: StudyResult) -> list[str]:
    """Say what became of the general skill, in sentences; nothing without general lines."""
    fair = result.comparison("general")
    sentences = []
    if fair:
        sentences.append(
            f"General skill, on {fair.winner.n} other {result.terms.samples}: "
            f"{_score_text(fair.baseline.scores)} as published, {_score_text(fair.winner)} now; "
            f"{format_gain(fair.gain)}."
        )
    return [*sentences, *forgetting_lines(result)]


def show_tiles(result: StudyResult) -> str:
    """Return the figures that matter, each with its words."""
    scored = len(rank(result.trials))
    tiles = _score_tiles(result)
    tiles.append(
        (
            duration(result.wall_seconds),
            f"{format_count(len(result.trials), 'trial')}, {scored} with a score",
        )
    )
    if result.winner:
        still = f"validation {result.terms.samples} still {result.terms.wrong}"
        tiles.append((str(len(result.misreadings)), still))
    return f'<div class="tiles">{"".join(f"<div><b>{b}</b><span>{escape(w)}</span></div>" for b, w in tiles)}</div>'


def _score_tiles(result: StudyResult) -> list[tuple[str, str]]:
    """Return the winner's scores and the best pretrained baseline's, with their intervals."""
    comparison, confirmed = result.comparison("validation"), result.evidence.confirmed
    tiles = _winner_tiles(result, comparison)
    if confirmed and confirmed.mean is not None and confirmed.interval:
        words = (
            f"validation{_within(format_interval(confirmed.interval))}, the winner's mean over other seeds"
        )
        tiles.append((percent(confirmed.mean), words))
    if baseline := comparison.baseline if comparison else result.baseline:
        words = (
            f"validation{_within(format_scores_interval(baseline.scores))}, pretrained baseline: {baseline}"
        )
        tiles.append((percent(baseline.scores.primary), words))
    return tiles


def _winner_tiles(result: StudyResult, comparison: Comparison | None) -> list[tuple[str, str]]:
    """Return the score of the winner's weights and, with folds, its trial's mean over them; nothing without one."""
    winner = result.winner
    if winner is None or winner.best is None:
        return []
    words = f"winner: trial {winner.id}, {winner.config.model}, {winner.config.technique.name}"
    others = [name for name in result.averaged if name != winner.id]
    if winner.id in result.averaged and others:
        words += f", its weights averaged with {format_averaged(others)}"
    if result.caution is not None and result.caution.share == 0:
        words = "the bundle, which is the pretrained baseline: no gain over it is shown"
    scores = comparison.winner if comparison else winner.best.scores
    tiles = [(percent(scores.primary), f"validation{_within(format_scores_interval(scores))}, {words}")]
    if result.evidence.folds > 1:
        words = f"the winner's mean over {winner.best.fold} folds{_within(format_scores_interval(winner.best.scores))}"
        tiles.append((percent(winner.best.scores.primary), words))
    return tiles


def _score_text(scores: Scores) -> str:
    """Format the first score for a sentence, '62.2 % (95 %: 55-69)'."""
    return percent(scores.primary) + _within(format_scores_interval(scores))


def _within(interval: str) -> str:
    return f" ({INTERVAL}: {interval})" if interval else ""

"""What to do with a search's result, in plain sentences: pure decisions."""

import math

from search.records.result import StudyResult
from search.records.trial import rank
from search.report.confusions import count_confusions
from search.report.text import count_samples, duration, format_count, format_gain, percent

FEW_TRAIN, FEW_VAL, FEW_TRIALS = 200, 200, 10
WIDE_POINTS = 5.0
OFTEN = 0.3
LEAST_MISREADINGS = 10


def advise(result: StudyResult) -> dict[str, list[str]]:
    """Return headings with their sentences: what to use, what to try next, and whether the data suffice."""
    parts = {
        "What to use": [advise_on_model(result)],
        "What to try next": [
            *advise_on_errors(result),
            *advise_on_epochs(result),
            *advise_on_range(result),
            *advise_on_trials(result),
        ],
        "Whether the data are enough": advise_on_data(result),
    }
    return {heading: sentences for heading, sentences in parts.items() if sentences}


def advise_on_model(result: StudyResult) -> str:
    """Say which model to serve."""
    fair = result.comparison("test") or result.comparison("validation")
    baseline = f"the pretrained baseline ({result.baseline})" if result.baseline else "the model as published"
    if result.winner is None:
        exported = ", which is the bundle of this search" if result.averaged else ""
        return f"Use {baseline}{exported}: no trial has won."
    if result.caution is not None and result.caution.share == 0:
        return f"The bundle of this search is {baseline}: no gain over it is shown. Label what it gets wrong."
    if fair is None or fair.baseline.untrained or fair.gain.interval.low > 0:
        how = f", the average of {len(result.averaged)} runs" if len(result.averaged) > 1 else ""
        if result.refit is not None:
            mean = result.refit.averaged
            how += (
                ", averaged with a network of all samples" if mean else ", trained once more on all samples"
            )
        return f"Use the bundle of this search: trial {result.winner.id}{how}."
    if fair.gain.interval.high < 0:
        return f"Use {baseline}: fine-tuning made it worse."
    few = f"these {count_samples(fair, result.terms.samples)}"
    chosen = result.comparison("validation")
    if chosen and chosen.gain.interval.low > 0 and fair.gain.difference > 0:
        shown = f"{chosen.winner.n} validation {result.terms.samples} show a gain, {format_gain(chosen.gain)}"
        return f"Use the bundle of this search: {shown}, though {few} are too few to show it again."
    return f"Either will do: {few} do not tell the bundle from {baseline}."


def advise_on_epochs(result: StudyResult) -> list[str]:
    """Say so if the best trial was still getting better when it ended."""
    winner = result.winner
    if winner is None or winner.best is None or winner.best.fold:  # a fold's score is of its last epoch
        return []
    if winner.epochs < 2 or winner.best.epoch < winner.epochs:
        return []
    return [
        f"The best trial was best in its last epoch, {winner.epochs} of {winner.config.epochs}: train longer, with "
        f"more time (--time-budget) or epochs (--max-epochs {2 * winner.config.epochs}, for example)."
    ]


def advise_on_range(result: StudyResult) -> list[str]:
    """Name the rates of which the best one is the largest or the smallest that was tried."""
    ranked = rank(result.trials)
    if len(ranked) < FEW_TRIALS or result.winner is None:
        return []
    rates = [trial.config.optimiser.learning_rate for trial in ranked]
    best = result.winner.config.optimiser.learning_rate
    if len(set(rates)) < FEW_TRIALS // 2 or min(rates) < best < max(rates):
        return []
    side = "largest" if best == max(rates) else "smallest"
    return [
        f"The winner's learning rate, {best:.1e}, is the {side} that was tried: widen its range on that side."
    ]


def advise_on_trials(result: StudyResult) -> list[str]:
    """Say so if few trials came to a score, or many to none."""
    scored, all_of_them = len(rank(result.trials)), len(result.trials)
    models = len({baseline.model for baseline in result.baselines})
    lost = sum(trial.state in ("failed", "diverged") for trial in result.trials)
    sentences = []
    if not scored and (not all_of_them or lost < all_of_them):
        sentences.append(
            f"No trial came to a score in {duration(result.wall_seconds)}: give more time (--time-budget)."
        )
    elif 0 < scored < FEW_TRIALS:
        sentences.append(
            f"Only {format_count(scored, 'trial')} with a score, in {duration(result.wall_seconds)}: more time finds "
            f"more{', and a single --model makes each cheaper' if models > 1 else ''}."
        )
    if all_of_them and lost / all_of_them >= OFTEN:
        sentences.append(
            f"{lost} of {all_of_them} trials failed or diverged: read their reasons below first."
        )
    return sentences


def advise_on_errors(result: StudyResult) -> list[str]:
    """Say what the errors that are left have in common."""
    sentences = []
    if result.labels and result.labels.samples:
        n = len(result.labels.samples)
        sentences.append(
            f"{format_count(n, 'label')} may be {'errors' if n > 1 else 'an error'}, as good models agree on another "
            f"text: look at {'them' if n > 1 else 'it'} first, as shown below."
        )
    confusions = count_confusions(result.misreadings) if result.terms.spelled else []
    if confusions and len(result.misreadings) >= LEAST_MISREADINGS:
        first = confusions[0]
        share = len(set(first.samples)) / len(result.misreadings)
        if share >= OFTEN / 2:
            sentences.append(
                f"{percent(share)} of the {result.terms.samples} still {result.terms.wrong} have '{first}': label "
                "more with these characters, or draw some (--synthetic-labels)."
            )
    return sentences


def advise_on_data(result: StudyResult) -> list[str]:
    """Say how far the samples carry, and how many would carry further."""
    train, samples = result.data.samples.get("train", 0), result.terms.samples
    sentences = []
    if 0 < train < FEW_TRAIN:
        sentences.append(
            f"{train} training {samples} are few: every further hundred is worth more than a longer search."
        )
    fair = result.comparison("test") or result.comparison("validation")
    if fair is None:
        return sentences
    low, high = fair.gain.interval.low, fair.gain.interval.high
    reach = 100 * (high - low) / 2
    if reach > WIDE_POINTS:
        needed = math.ceil(fair.winner.n * (reach / WIDE_POINTS) ** 2 / 10) * 10
        sentences.append(
            f"The gain is known to about {reach:.0f} points either way, on {count_samples(fair, samples)}. To know it "
            f"to {WIDE_POINTS:.0f}, label some {needed} for that split"
            f"{', of as many more documents' if fair.gain.documents else ''}."
        )
    elif result.validation_samples < FEW_VAL:
        sentences.append(
            f"{result.validation_samples} validation {samples} are few to choose the best of many trials by."
        )
    return sentences or [
        f"The data are enough for what is said here: the gain is known to {reach:.1f} points either way."
    ]

"""Sentences that the terminal and the page both say."""

from search.records.result import StudyResult
from search.records.trial import rank
from search.report.text import format_count, format_gain, percent


def fold_lines(result: StudyResult) -> list[str]:
    """Say what the scores are of, and what the next trials gain over the winner; nothing without folds."""
    if result.evidence.folds == 1:
        return []
    lines = [
        f"The trials' scores, and those of the pretrained baselines, are over {result.evidence.folds} folds: each "
        "sample of training and validation read once, by a network that has not seen its text."
    ]
    for name, gain in result.evidence.differences.items():
        unsure = gain.interval.high >= 0
        lines.append(
            f"Trial {name} against the winner: {format_gain(gain)}{', which may be chance' if unsure else ''}"
        )
    return lines


def caution_lines(result: StudyResult) -> list[str]:
    """Say why the bundle is not simply the winner; nothing where it is, or no baseline stands against it."""
    caution = result.caution
    if caution is None or caution.share == 1:
        return []
    gain = f"{format_gain(caution.gain)} on {caution.samples} {result.terms.samples}"
    why = f"Over the best pretrained baseline ({caution.baseline}) the winner gains {gain}"
    if caution.share:
        bundle = f"its weights lie {percent(caution.share)} of the way from the baseline's to the winner's"
        verdict = "likely, but not significant"
        if caution.probability is not None:
            verdict = (
                "not significant, but it is surer of what is right (mean probability of the labels "
                f"{format_gain(caution.probability)})"
            )
        return [f"{why}: {verdict}, so the bundle stays near it: {bundle}."]
    verdict = "it is worse" if caution.gain.interval.high < 0 else "not significant"
    return [
        f"{why}: {verdict}, so the bundle is that baseline, unchanged by training (the trials can be had with "
        "search/results.py export)."
    ]


def refit_lines(result: StudyResult) -> list[str]:
    """Say that the bundle was trained on all samples, and what its scores are then of; nothing if it was not."""
    if result.refit is None:
        return []
    epochs, samples = format_count(result.refit.epochs, "epoch"), result.terms.samples
    tested = (
        "the held-back test is of the bundle" if result.comparison("test") else "nothing measures the bundle"
    )
    if result.refit.averaged:
        return [
            f"The bundle is the mean of the winner and of a network trained {epochs} on all {result.refit.samples} "
            f"{samples}, validation included: scores on validation are of the winner alone, {tested}."
        ]
    return [
        f"The bundle is the winner trained once more, {epochs} on all {result.refit.samples} {samples}, validation "
        f"included: scores on validation are of its first fold's network, {tested}."
    ]


def eight_bits_lines(result: StudyResult) -> list[str]:
    """Say what came of the 8-bit graph that was asked for; nothing if none was."""
    return [result.int8.said] if result.int8 else []


def decoded_lines(result: StudyResult, *, fair: bool = False) -> list[str]:
    """Say what the winner's text model does on each split; nothing without one.

    With `fair` on the held-back test alone, where there is one: the validation samples chose the text model.
    """
    samples, decoded, lines = result.terms.samples, result.decoded, list[str]()
    if fair and "test" in decoded:
        decoded = {"test": decoded["test"]}
    for split, one in decoded.items():
        lines.append(
            f"The text model on {split} {samples}: {percent(one.raw)} read greedily, {percent(one.decoded)} with it; "
            f"{one.changed} texts changed, {one.mended} of them mended, {one.broken} spoilt"
            if one.changed
            else f"The text model changes no text of the {split} {samples}"
        )
        if one.accepted is not None:
            lines.append(f"Accepted without a person on {split}: {one.accepted}")
    return lines


def forgetting_lines(result: StudyResult) -> list[str]:
    """Say which of the ranked trials cannot win, and why."""
    lost = [trial.id for trial in rank(result.trials) if not trial.eligible]
    if result.limit is None or not lost:
        return []
    return [
        f"Forgot more than {100 * result.limit:g} points of the general {result.terms.samples} in every epoch, so "
        f"ranked last and never the winner: {len(lost)} of {len(rank(result.trials))} trials ({', '.join(lost)})"
    ]

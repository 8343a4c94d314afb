"""The report's sections of advice and of cost."""

from html import escape

from search.advice import advice
from search.report_parts import section, table
from search.results import StudyResult
from search.table import duration


def what_to_do(result: StudyResult) -> str:
    """Return what to use, what to try next, and whether the data suffice."""
    parts = [
        f"<h3>{escape(heading)}</h3>{''.join(f'<p>{escape(sentence)}</p>' for sentence in sentences)}"
        for heading, sentences in advice(result).items()
    ]
    return section("What to do", "".join(parts))


def cost(result: StudyResult) -> str:
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
            (state, str(len(trials)), str(epochs), *(duration(s) for s in result.share.seconds(seconds)))
        )
    heads = result.share.heads
    caption = f"A trial has {result.share}. Counted is what it has reserved while it ran, used or not. "
    caption += f"The whole search took {duration(result.wall_seconds)}."
    body = table(("trials that", "trials", "epochs", *heads), rows, 1)
    return section("Cost", f'<div class="narrow">{body}</div>', caption)

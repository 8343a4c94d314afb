"""How an evaluation is said: the scores in a line, what is wrong as a table, labels that no reading matches."""

from collections.abc import Sequence
from pathlib import Path

from train.data.checks.rules import quote_some
from train.data.dataset import Dataset
from train.scoring.scores import Scores
from train.system.files import write_output
from train.tasks import Mistake, Task, Terms


def tell_hopeless(task: Task, texts: Sequence[str]) -> list[str]:
    """Return a line each on labels that no reading matches: with characters that the model lacks, or empty."""
    lacking = [unknown for text in texts if (unknown := task.unwritable(text))]
    told = {
        f"with characters that the model cannot write ({quote_some(sorted(set().union(*lacking)))})": len(
            lacking
        ),
        "that are empty": sum(not text for text in texts),
    }
    return [f"labels {what}: {n} of {len(texts)}, which count as misread" for what, n in told.items() if n]


def write_errors(path: Path, mistakes: Sequence[Mistake], data: Dataset) -> None:
    """Write image, label, reading and confidence of everything that is wrong, the surest mistakes first."""
    wrong = [(m.confidence, data.sources[m.index], m.label, m.reading) for m in mistakes]
    rows = [(source, label, text, f"{c:.3f}") for c, source, label, text in sorted(wrong, reverse=True)]
    write_table(path, rows)


def write_table(path: Path, wrong: Sequence[tuple[str, str, str, str]]) -> None:
    """Write image, label, reading and confidence of what is wrong, tab-separated."""
    rows = ["\t".join(map(_cell, row)) for row in wrong]
    write_output(path, "\n".join(["image\tlabel\treading\tconfidence", *rows, ""]), "--errors")


def _cell(text: str) -> str:
    """Return a text as it is, in quotation marks where it would be taken for several cells or lines."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if text.startswith('"') or not {"\t", "\n", "\r"}.isdisjoint(text) else text


def describe(scores: Scores, terms: Terms) -> str:
    """Return the scores as one line for people."""
    named = [
        f"{word} {value:.3f}" for word, value in zip(terms.scores, scores.values().values(), strict=True)
    ]
    named[0] += scores.within
    words = [str(value) for value in scores.as_dict().values() if isinstance(value, str)]
    return f"{scores.n} {terms.samples}: {', '.join([*named, *words])}"

"""The text model of a trained network: fitted on what it reads of the validation split, then behind its outputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from train.data.dataset import Dataset
from train.models.weights.starting import read_saved
from train.reading.calibration import Coverage, Reliability, measure_coverage, measure_reliability
from train.reading.fitting import FittedTextModel, fit
from train.reading.knowledge import FEWEST_LINES, MOST_LINES, EarlierTextModel, TextKnowledge
from train.reading.languages import PredictedLines
from train.reading.settings import ReadingSettings, TextReading
from train.reading.word_lines import count_texts, divide_lines, know_words
from train.scoring.scores import Scores
from train.tasks import Task
from train.trained.loaded import Assembled, Loaded

MOST_BYTES = 1 << 29
RAW = "raw_"
"""Prefix of the names of the scores of reading greedily."""
SHARES = (0.5, 0.7, 0.8, 0.9, 1.0)


def fit_text_model(
    network: Assembled, val: Dataset, knowledge: TextKnowledge, earlier: EarlierTextModel | None = None
) -> FittedTextModel | None:
    """Return the text model of a network; None for a task without characters, or where nothing tells.

    Args:
        network: that is to have one; one whose lines are divided (`cut.words`) has one of words.
        val: lines that choose.
        knowledge: what is known of the texts.
        earlier: the text model of the bundle that training began with, if it had one.
    """
    if not network.task.worded:
        return None
    charset, divides = network.engine.charset, network.task.divides
    texts = count_texts(val, divides)
    if texts < FEWEST_LINES and not knowledge.rules and earlier is None:
        return None
    most = max(1, MOST_LINES * len(val) // max(texts, 1))
    lines = predict_lines(network, val, knowledge.seed, most)
    if not divides:
        return fit(lines, charset, knowledge, earlier)
    count, lines = len(lines.labels), divide_lines(lines, charset)
    found = fit(lines, charset, know_words(knowledge), earlier)
    told = f"lines are divided: chosen on {len(lines.labels)} words of {count} lines, each read by itself"
    return replace(found, notes=(told, *found.notes))


def find_earlier(weights: str | None) -> EarlierTextModel | None:
    """Return the text model of the bundle, or checkpoint, that training begins with; None without one."""
    saved = read_saved(Path(weights) if weights else None)
    return EarlierTextModel(saved.text_model, saved.charset) if saved and saved.text_model else None


def predict_lines(network: Assembled, data: Dataset, seed: int, most: int = MOST_LINES) -> PredictedLines:
    """Return a network's outputs for all lines, or for so many drawn ones at most, as far as MOST_BYTES allows."""
    rng, batches, labels, size = np.random.default_rng(seed), [], [], 0
    if len(data) <= most:
        dealt = list(network.task.evaluation_batches(data))
        texts = [data.texts[int(index)] for indices in dealt for index in indices]
        return PredictedLines([network.output(data, indices) for indices in dealt], texts)
    chosen = np.zeros(len(data), bool)
    chosen[rng.permutation(len(data))[:most]] = True
    for indices in network.task.evaluation_batches(data):
        mine = indices[chosen[indices]]
        if not len(mine) or size > MOST_BYTES:
            continue
        output = network.engine.predict(network.task.evaluation_batch(data, mine))
        size += output.nbytes
        batches.append(output)
        labels += [data.texts[int(index)] for index in mine]
    return PredictedLines(batches, labels)


@dataclass(frozen=True)
class DecodingSummary:
    """What a text model does with lines.

    Attributes:
        raw: scores of reading greedily.
        changed: lines whose text is another one with it.
        mended: those of them that became right.
        broken: those that became wrong.
        accepted: lines that go without a person; None without calibration.
        precisions: what accepting other shares of the lines would do, the surest first.
        reliability: how many lines were right of those that were given about the same probability.
    """

    raw: Scores
    changed: int
    mended: int
    broken: int
    accepted: Coverage | None
    precisions: tuple[Coverage, ...]
    reliability: tuple[Reliability, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        found = {f"{name}_raw": value for name, value in self.raw.values().items()}
        found |= {"changed": self.changed, "mended": self.mended, "broken": self.broken}
        if self.accepted is None:
            return found
        return found | {
            "accepted": _as_dict(self.accepted),
            "coverage": [_as_dict(one) for one in self.precisions],
            "reliability": [one.model_dump() for one in self.reliability],
        }

    def lines(self) -> Iterator[str]:
        """Yield it in sentences."""
        changes = f"{self.changed} texts changed, {self.mended} of them mended, {self.broken} spoilt"
        yield f"greedily {self.raw.primary:.3f}{self.raw.within}; {changes}"
        if self.accepted is not None:
            yield f"accepted: {self.accepted}"
            yield from (f"  the surest {one}" for one in self.precisions)


def _as_dict(coverage: Coverage) -> dict[str, Any]:
    share = coverage.right / coverage.accepted if coverage.accepted else None
    return {
        "coverage": coverage.accepted / coverage.lines,
        "precision": share,
        "precision_interval": coverage.precision.ends,
    }


def measure_decoding(task: Task, predictions: Sequence[TextReading], data: Dataset) -> DecodingSummary:
    """Return what the text model of a task did with the lines of a dataset."""
    raw = [(one.raw, one.raw_confidence) for one in predictions]
    before, after = (task.per_sample(some, data)[:, 1] for some in (raw, predictions))
    changed = np.array([one.text != one.raw for one in predictions])
    calibration = task.text_model.calibration if task.text_model else None
    scores, right = [one.score for one in predictions], after.astype(bool).tolist()
    shares = [measure_coverage(scores, right, bound) for bound in np.quantile(scores, 1 - np.array(SHARES))]
    return DecodingSummary(
        raw=task.score(raw, data),
        changed=int(changed.sum()),
        mended=int((after > before).sum()),
        broken=int((after < before).sum()),
        accepted=measure_coverage(scores, right, calibration.accept_at, calibration.precision)
        if calibration
        else None,
        precisions=tuple(dict.fromkeys(shares)) if calibration else (),
        reliability=measure_reliability([one.right for one in predictions], right) if calibration else (),
    )


def add_text_model(network: Loaded, val: Dataset, knowledge: TextKnowledge) -> Loaded:
    """Return the network with the text model that suits it and the scores it has then; print what was chosen."""
    found = fit_text_model(network, val, knowledge, find_earlier(network.checkpoint.config.weights))
    if found is None:
        return network
    other = with_text_model(network, found.settings)
    before, after = network.read(val).scores, other.read(val).scores
    word = network.task.terms.short[0]
    print(
        "\n".join(
            [f"text model: {word} {after.primary:.3f} on validation, {before.primary:.3f} read greedily"]
            + [f"  {note}" for note in found.notes]
        ),
        flush=True,
    )
    return other.with_metrics(after.metrics() | before.metrics(RAW))


def with_text_model(network: Loaded, settings: ReadingSettings) -> Loaded:
    """Return the network with a text model, which its checkpoint keeps, too."""
    checkpoint = replace(network.checkpoint, text_model=settings)
    found = Loaded(network.engine, network.task.reading_with(settings), checkpoint=checkpoint)
    return found.with_outputs_of(network)


def add_text_model_to_baseline(
    network: Assembled, val: Dataset, knowledge: TextKnowledge, weights: str | None
) -> Assembled:
    """Return the untrained network of `weights` with the text model that suits it."""
    found = fit_text_model(network, val, knowledge, find_earlier(weights))
    if found is None:
        return network
    if found.hurried:
        print(
            "no time was left to try n-grams for the baseline: the comparison may favour the winner",
            flush=True,
        )
    return Assembled(network.engine, network.task.reading_with(found.settings)).with_outputs_of(network)

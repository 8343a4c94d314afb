"""What is chosen of a text model: what labels, texts without images, and an earlier text model have to say."""

import time

import numpy as np
import pytest

from train.data.charset import Charset
from train.reading.fitting import fit
from train.reading.formats.rules import Rule
from train.reading.knowledge import EarlierTextModel, TextKnowledge
from train.reading.languages import PredictedLines
from train.reading.learning import learn
from train.reading.settings import Language, ReadingSettings

CHARSET = Charset(tuple("ABCD"))
WORDS = ["ABBA", "BAB", "CAB", "DAD", "ADD", "BAD", "CAD", "ABC", "DAB", "ACDC"]


def predict(texts: list[str], charset: Charset, other: str, share: float) -> PredictedLines:
    """Return lines whose last character may be another one: that is so many times as likely as the right one."""
    steps = 2 * max(map(len, texts)) + 1
    read = np.full((len(texts), steps, charset.classes), 0.001, np.float32)
    for line, text in zip(read, texts, strict=True):
        line[:, 0] = 0.99
        for place, number in enumerate(charset.encode(text)):
            line[2 * place + 1, 0], line[2 * place + 1, number] = 0.001, 0.99
        line[2 * len(text) - 1, charset.encode(other)[0]] = 0.99 * share
    return PredictedLines([read / read.sum(axis=2, keepdims=True)], texts)


LINES = [word for word in WORDS if not word.endswith("B")] * 8


def test_texts_without_images_teach_what_labels_do_not() -> None:
    lines = predict(LINES, CHARSET, "B", 1.2)
    alone = fit(lines, CHARSET, TextKnowledge(["BBBB"] * 60))
    assert alone.settings.language is None
    further = [*WORDS * 20, "ÄÖ", "A?"]
    made = fit(lines, CHARSET, TextKnowledge(["BBBB"] * 60, further=further))
    assert made.settings.language is not None
    assert made.gain.difference > 0.5
    late = fit(lines, CHARSET, TextKnowledge(["BBBB"] * 60, further=further, deadline=time.time()))
    assert late.settings.language is None
    assert late.hurried
    assert late.settings.calibration is not None
    assert any("2 of 202 texts without images hold '?', 'Ä', 'Ö'" in note for note in made.notes)


def earlier(charset: Charset) -> EarlierTextModel:
    arrays = learn(WORDS * 10, charset, 3).as_json()
    rules = (Rule(name="pattern", pattern="[A-D]{3,4}", obeying=90, labels=100, chance=0.5),)
    before = ReadingSettings(rules=rules, language=Language(order=3, weight=0.8, bonus=0.8, arrays=arrays))
    return EarlierTextModel(before, charset)


@pytest.mark.parametrize("count", [5, 64])
def test_an_earlier_text_model_stays_where_nothing_better_is_shown(count: int) -> None:
    """Also in another charset; of few lines nothing is chosen."""
    larger = Charset(tuple("DXCBA"))
    made = fit(predict(LINES[:count], larger, "B", 1.2), larger, TextKnowledge(["ABBA"]), earlier(CHARSET))
    assert made.settings.language is not None
    assert made.settings.rules == earlier(CHARSET).settings.rules
    assert made.gain.difference >= 0.4


def test_an_earlier_text_model_that_reads_worse_is_left_out() -> None:
    lines = predict(["ABBB"] * 40, CHARSET, "A", 0.9)
    hard = earlier(CHARSET).settings.model_copy(
        update={"rules": (Rule(name="pattern", pattern="A+", hard=True),)}
    )
    made = fit(lines, CHARSET, TextKnowledge(["ABBB"] * 60), EarlierTextModel(hard, CHARSET))
    assert made.settings.rules == ()
    assert made.settings.language is None
    assert made.gain.difference == 0

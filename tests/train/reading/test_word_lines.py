"""A text model of a reader that divides lines is chosen on words, as they are read and as they are labelled."""

import numpy as np
import pytest

from train.data.charset import Charset
from train.reading.fitting import fit
from train.reading.knowledge import TextKnowledge
from train.reading.languages import NO_TEXT, PredictedLines
from train.reading.word_lines import divide_lines, know_words, label_words, list_words

CHARSET = Charset(tuple("ABCD "))
WORDS = ["ABBA", "CAD", "DAD", "ADD", "BAD", "ACDC", "DACA"]


@pytest.mark.parametrize(
    ("read", "label", "expected"),
    [
        (["AB", "CD"], "AB CD", ["AB", "CD"]),
        (["AX", "CD"], "AB CD", ["AB", "CD"]),
        (["A", "B", "CD"], "AB CD", ["AB", NO_TEXT, "CD"]),
        (["AB", "CDEF"], "AB CD EF", ["AB", "EF"]),
        (["CD"], "AB CD", ["CD"]),
        ([""], "AB", ["AB"]),
    ],
)
def test_a_word_is_labelled_by_the_one_that_it_stands_for(
    read: list[str], label: str, expected: list[str]
) -> None:
    assert label_words(read, list_words(label)) == expected


def test_words_from_right_to_left_stand_as_they_are_seen() -> None:
    assert list_words("שלום עולם") == ["עולם", "שלום"]
    assert list_words("AB  CD") == ["AB", "CD"]


def predict(texts: list[str], doubt: float) -> PredictedLines:
    """Return lines whose words may all end with B: that is so many times as likely as the right character."""
    steps = 2 * max(map(len, texts)) + 1
    read = np.full((len(texts), steps, CHARSET.classes), 0.001, np.float32)
    for line, text in zip(read, texts, strict=True):
        line[:, 0] = 0.99
        for place, number in enumerate(CHARSET.encode(text)):
            line[2 * place + 1, 0], line[2 * place + 1, number] = 0.001, 0.99
            if text[place : place + 2][1:] in ("", " ") and text[place] != " ":
                line[2 * place + 1, CHARSET.encode("B")[0]] = 0.99 * doubt
    return PredictedLines([read / read.sum(axis=2, keepdims=True)], texts)


def test_a_text_model_of_words_is_learnt_from_lines_of_them() -> None:
    """In lines no two of which are alike, no context of several characters comes twice; words come again and again."""
    rng = np.random.default_rng(0)
    labels = [" ".join(rng.choice(WORDS, 3)) for _ in range(40)]
    words = divide_lines(predict(labels, 1.2), CHARSET)
    assert sorted(words.labels) == sorted(word for label in labels for word in label.split())
    assert sum(map(len, words.batches)) == 120
    made = fit(words, CHARSET, know_words(TextKnowledge(labels, further=["ABBA BAD"])))
    assert made.settings.language is not None
    assert made.gain.difference > 0.5
    assert made.settings.calibration is not None
    assert made.settings.calibration.measured.lines == 120

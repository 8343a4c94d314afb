"""Texts that are drawn from a text model are those that it expects."""

import string
from collections import Counter

import pytest

from train.data.charset import Charset
from train.reading.formats.rules import Rule
from train.reading.formats.sampling import LONGEST, draw_texts
from train.reading.learning import learn
from train.reading.settings import Language, ReadingSettings

CHARSET = Charset(tuple(string.ascii_uppercase + string.digits + " -"))


@pytest.mark.parametrize("pattern", ["[A-HJ-NPR-Z0-9]{17}", "[A-Z]+", r"(TOTAL|TAX) \d{1,3}"])
def test_rules_are_obeyed(pattern: str) -> None:
    rules = [Rule(name="pattern", pattern=pattern, hard=True)]
    if pattern.endswith("{17}"):
        rules.append(Rule(name="vin", check="vin"))
    texts = draw_texts(ReadingSettings(rules=tuple(rules)), CHARSET, 50, 0)
    assert len(texts) == 50
    assert len({*texts}) > 25
    assert all(rule.holds(text) and len(text) <= LONGEST for rule in rules for text in texts)
    assert texts == draw_texts(ReadingSettings(rules=tuple(rules)), CHARSET, 50, 0)


def test_a_language_model_is_followed() -> None:
    ngram = learn(["TOTAL", "TAX", "CHANGE"] * 30, CHARSET, 4)
    language = Language(order=4, weight=1, bonus=0, arrays=ngram.as_json())
    texts = draw_texts(ReadingSettings(language=language), CHARSET, 60, 0)
    assert len(texts) == 60
    assert {word for word, count in Counter(texts).items() if count > 1} <= {
        whole[start:] for whole in ("TOTAL", "TAX", "CHANGE") for start in range(6)
    }


def test_without_rules_or_language_nothing_is_known() -> None:
    assert draw_texts(ReadingSettings(), CHARSET, 5, 0) == []

"""Texts drawn at random as a text model expects them: by its rules, without any by its language model."""

import math
from itertools import islice

import numpy as np

from train.data.charset import Charset
from train.data.texts.forms import text_of
from train.reading.formats.levels import Level, make_levels
from train.reading.ngram import END, Ngram
from train.reading.settings import ReadingSettings

LONGEST = 40
ENDING = 0.3
"""How often a text ends where a rule lets it end or go on."""
TRIES = 20
"""For each text: one that is too long, or breaks a check without an automaton, is drawn again."""
LEAST = math.log(0.002)
"""What is less likely than that after the characters before it was hardly seen there, and is not drawn."""


def draw_texts(settings: ReadingSettings, charset: Charset, count: int, seed: int) -> list[str]:
    """Return at most `count` texts; none where the text model says nothing, or its rules are hardly ever met."""
    rng = np.random.default_rng(seed)
    if settings.rules:
        level = make_levels(settings.rules, charset)[-1]
        drawn = (_draw_by_rules(level, charset, rng) for _ in range(TRIES * count))
    elif settings.language is not None:
        ngram = settings.language.ngram
        drawn = (_draw_by_language(ngram, charset, rng) for _ in range(TRIES * count))
    else:
        return []
    return list(islice((text for text in drawn if text), count))


def _draw_by_rules(level: Level, charset: Charset, rng: np.random.Generator) -> str:
    """Walk through the automaton; return an empty text where that comes to no end."""
    automaton = level.automaton
    assert automaton is not None, "the level of a rule has one"
    state, classes = int(rng.choice(automaton.starts)), list[int]()
    while len(classes) <= LONGEST:
        first, last = np.searchsorted(automaton.edges[:, 0], (state, state + 1))
        if automaton.ends[state] and (first == last or rng.random() < ENDING):
            text = _spell(classes, charset)
            return text if all(rule.holds(text) for rule in level.others) else ""
        _, number, state = automaton.edges[rng.integers(first, last)].tolist()
        classes.append(number)
    return ""


def _draw_by_language(ngram: Ngram, charset: Charset, rng: np.random.Generator) -> str:
    """Draw one character after the other; return an empty text where that comes to no end."""
    context, classes = ngram.begin, list[int]()
    every = np.arange(ngram.classes)
    while len(classes) <= LONGEST:
        scores, following = ngram.follow(np.full_like(every, context), every)
        chances = np.exp(np.where(scores >= min(LEAST, scores.max()), scores, -np.inf))
        number = int(rng.choice(every, p=chances / chances.sum()))
        if number == END:
            return _spell(classes, charset)
        classes.append(number)
        context = int(following[number])
    return ""


def _spell(classes: list[int], charset: Charset) -> str:
    return text_of("".join(charset.characters[number - 1] for number in classes)).strip()

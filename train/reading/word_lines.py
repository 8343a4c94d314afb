"""What a reader that divides lines into words is to know: words, of labelled lines and of texts alike."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from rapidfuzz.distance import Levenshtein

from train.data.charset import Charset, decode_line
from train.data.dataset import Dataset
from train.data.texts.forms import SPACE, text_of
from train.data.texts.reading_order import in_picture_order
from train.reading.knowledge import TextKnowledge
from train.reading.languages import NO_TEXT, PredictedLines, limit_texts
from train.reading.text_model import Probabilities
from train.reading.words import cut_words


def list_words(text: str) -> list[str]:
    """Return the words of a text as its picture shows them from left to right."""
    return [text_of(word) for word in in_picture_order(text).split(SPACE) if word]


def count_texts(lines: Dataset, divides: bool) -> int:
    """Return how many texts there are: those of the lines, or of their words where lines are divided."""
    return sum(len(list_words(text)) for text in lines.texts) if divides else len(lines)


def know_words(knowledge: TextKnowledge) -> TextKnowledge:
    """Return what is known of the words, where labels and further texts are lines of them."""
    texts, further = (
        [word for text in limit_texts(some, knowledge.seed) for word in list_words(text)]
        for some in (knowledge.texts, knowledge.further)
    )
    return replace(knowledge, texts=texts, further=further)


def divide_lines(lines: PredictedLines, charset: Charset) -> PredictedLines:
    """Return the words of lines as lines of their own, as they are read in use (`cut_words`).

    Each is labelled by the word that it stands for, or by NO_TEXT: where a line is divided wrongly, the words that come
    of it are wrong.
    """
    words: dict[int, list[tuple[Probabilities, str]]] = defaultdict(list)
    rows = [line for batch in lines.batches for line in batch]
    for line, label in zip(rows, lines.labels, strict=True):
        parts = cut_words(line, charset)
        read = [decode_line(part, charset.characters).text for part in parts]
        for part, word in zip(parts, label_words(read, list_words(label)), strict=True):
            words[len(part)].append((part, word))
    batches, labels = [], list[str]()
    while words:  # of some thousand characters they are large: each is held once
        _, some = words.popitem()
        batches.append(np.stack([part for part, _ in some]))
        labels += [word for _, word in some]
    return PredictedLines(batches, labels)


def label_words(read: Sequence[str], label: Sequence[str]) -> list[str]:
    """Return that word of the label, or NO_TEXT, for which each of a line stands: so that as few as may be differ.

    Args:
        read: the words of the line, from left to right.
        label: those of its label.
    """
    found = [NO_TEXT] * len(read)
    for step in Levenshtein.opcodes(read, label):
        if step.tag in ("equal", "replace"):
            found[step.src_start : step.src_end] = label[step.dest_start : step.dest_end]
    return found

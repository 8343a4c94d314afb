"""Lines of other kinds: a retraining trains on some beside the corrections, others show what it forgets.

They are those of `--general-labels`. Without them they are drawn: half as the serving bundle's text model expects texts
(`train/reading/formats/sampling.py`), half of random characters of each script that the serving model writes. A reader
that divides lines into words is corrected word by word; lines of several words keep the spaces that it divides them at.
"""

import hashlib
import json
import random
import string
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from serve.errors import ConflictError
from serve.inference.model import Model
from serve.inference.pretrained import find_font
from train.data.drawing.typeset import face_of
from train.data.formats.named import load_alone
from train.data.sample import Sample
from train.data.texts.forms import SPACE
from train.data.texts.reading_order import RIGHT_TO_LEFT
from train.errors import DataError
from train.reading.formats.sampling import draw_texts

JUDGED, MOST_JUDGED = 200, 500
LEAST_LEARNT, MOST_LEARNT = 200, 2000
LEARNT_A_LINE = 4
"""Drawn lines for each correction: half of them are trained on (`train/sets/general.py`)."""
LEAST_GIVEN = 40
LEAST_ALPHABET, MOST_LETTERS = 5, 500
LENGTHS = (4, 12)
PLAIN = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
"""Texts are of one of them: in a mixture O looks like 0, and l like I."""
UNLIKELY = ("FULLWIDTH", "HALFWIDTH")
DRAWING = "drawing general lines"
OTHER_WORDS = (0, 0, 1, 2)
"""Words beside a line's first one, for a reader that divides lines: half of the lines are of several words."""


@dataclass(frozen=True)
class General:
    """The general lines of a retraining.

    Attributes:
        learnt: label list for the training, which scores half of them after every epoch.
        judged: label list that the new and the serving model read at the end.
        commands: that draw them; none where they were given.
    """

    learnt: Path
    judged: Path
    commands: tuple[list[str], ...] = ()


def read_general(path: Path) -> list[Sample]:
    """Return the lines of `--general-labels`; raise DataError for too few, or what cannot be read."""
    samples = load_alone(path)
    if len({sample.text for sample in samples}) < LEAST_GIVEN:
        raise DataError(
            f"--general-labels must hold at least {LEAST_GIVEN} different texts",
            f"{len({sample.text for sample in samples})} in {path}",
            "name more lines, or leave it out: then lines are drawn",
        )
    return samples


def find_general(
    folder: Path, given_labels: Path | None, serving: Model, corrected: Collection[str]
) -> General | None:
    """Return the general lines; None where none are given and the font has no characters of the model's.

    Args:
        folder: of the retraining.
        given_labels: label file of the server; None for none.
        serving: the model that they are drawn for.
        corrected: texts of the corrections: none of them is a general line.
    """
    if given_labels is not None:
        samples = read_general(given_labels)
        if serving.cut.words:
            _require_spaces(samples, given_labels)
        return _share_out(folder, samples, corrected)
    learnt = min(MOST_LEARNT, max(LEAST_LEARNT, LEARNT_A_LINE * len(corrected)))
    texts = _invent(serving, JUDGED + learnt, corrected)
    font = find_font()
    if font is None or len(texts) < JUDGED + LEAST_LEARNT // 2:
        return None
    splits = {"judged": texts[:JUDGED], "learnt": texts[JUDGED:]}
    commands = [_draw(folder / "general" / name, some, font.parent) for name, some in splits.items()]
    lists = {name: folder / "general" / name / "rec_gt.txt" for name in splits}
    return General(lists["learnt"], lists["judged"], tuple(commands))


def _require_spaces(samples: Sequence[Sample], path: Path) -> None:
    """Raise ConflictError for lines that do not tell whether a reader that divides lines still reads spaces."""
    count = len({sample.text for sample in samples if SPACE in sample.text})
    if count < LEAST_GIVEN // 2:
        raise ConflictError(
            f"general lines for a reader that divides lines must hold {LEAST_GIVEN // 2} texts of several words",
            f"{count} in {path}",
            "name such lines with --general-labels, or leave it out: then lines are drawn",
        )


def _share_out(folder: Path, samples: Sequence[Sample], corrected: Collection[str]) -> General:
    """Write the given lines into two lists; lines of a text go to one of them, the same ones every time."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.text not in corrected:
            groups[sample.text].append(sample)
    half = min(MOST_JUDGED, len(samples) // 2)
    splits: dict[str, list[Sample]] = {"judged": [], "learnt": []}
    for text in sorted(groups, key=_rank):
        splits["judged" if len(splits["judged"]) < half else "learnt"] += groups[text]
    if len(splits["learnt"]) < LEAST_GIVEN // 2:
        raise ConflictError(
            "general lines must have other texts than the corrections",
            f"{len(splits['learnt'])} left to learn",
            "name more lines with --general-labels",
        )
    lists = {name: folder / "general" / f"{name}.txt" for name in splits}
    lists["judged"].parent.mkdir()
    for name, some in splits.items():
        rows = (f"{json.dumps([str(line.path)])}\t{line.text}\n" for line in some[:MOST_LEARNT])
        lists[name].write_text("".join(rows), encoding="utf-8")
    return General(lists["learnt"], lists["judged"])


def _rank(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _draw(folder: Path, texts: Sequence[str], fonts: Path) -> list[str]:
    """Write texts to a file; return the command that draws them into `folder`."""
    folder.parent.mkdir(exist_ok=True)
    file = folder.with_suffix(".txt")
    file.write_text("\n".join(texts), encoding="utf-8")
    drawn = ["--texts", str(file), "--fonts", str(fonts), "--out", str(folder), "--processes", "1"]
    return ["-m", "train.data.synthetic", *drawn]


def _invent(serving: Model, count: int, corrected: Collection[str]) -> list[str]:
    """Return different texts that the font can draw, the same every time: what one retraining broke, the next shows.

    Those that are corrected are left out, also where they would be a word of a line.
    """
    divides = serving.cut.words and not serving.charset.unknown(SPACE)
    wanted, count = count, 2 * count if divides else count
    typical = draw_texts(serving.text_model, serving.charset, count // 2, 0) if serving.text_model else []
    lacking = _find_lacking(set().union(*typical))
    rng = random.Random(0)
    alphabets = _list_alphabets(serving.characters, rng)
    spelt = [
        "".join(rng.choices(alphabets[number % len(alphabets)], k=rng.randint(*LENGTHS)))
        for number in range(count - len(typical) if alphabets else 0)
    ]
    texts = [*(text for text in typical if lacking.isdisjoint(text)), *spelt]
    rng.shuffle(texts)
    if divides:
        texts = _join_some(texts, corrected, rng)
    return [text for text in dict.fromkeys(texts) if text not in corrected][:wanted]


def _join_some(texts: Sequence[str], corrected: Collection[str], rng: random.Random) -> list[str]:
    """Return lines of one to three of the texts; those that run from right to left stay alone.

    Words that are corrected are left out of their lines, so that all other lines stay the same.
    """
    lines = [[text] for text in texts if RIGHT_TO_LEFT.search(text)]
    words = iter([text for text in texts if not RIGHT_TO_LEFT.search(text)])
    lines += [[word, *islice(words, rng.choice(OTHER_WORDS))] for word in words]
    rng.shuffle(lines)
    left = ([word for word in line if word not in corrected] for line in lines)
    return [SPACE.join(line) for line in left if line]


def _list_alphabets(characters: Sequence[str], rng: random.Random) -> list[list[str]]:
    """Return what can be drawn of each script; plain letters and digits stand there as often as all others together."""
    charset = set(characters)
    plain = [[c for c in letters if c in charset] for letters in PLAIN]
    scripts: dict[str, list[str]] = defaultdict(list)
    for character in (c for c in characters if len(c) == 1 and c.isalpha() and not c.isascii()):
        scripts[unicodedata.name(character, "").partition(" ")[0]].append(character)
    some = [
        rng.sample(letters, min(len(letters), MOST_LETTERS))
        for name, letters in scripts.items()
        if name not in UNLIKELY
    ]
    usual, others = _list_drawable(plain), _list_drawable(some)
    times = -(-len(others) // len(usual)) if usual else 0
    return usual * max(1, times) + others


def _list_drawable(alphabets: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return what the font can draw of each, where that is enough for texts."""
    drawn = [
        [c for c in letters if c not in lacking]
        for letters in alphabets
        for lacking in [_find_lacking(letters)]
    ]
    return [letters for letters in drawn if len(letters) >= LEAST_ALPHABET]


def _find_lacking(characters: Collection[str]) -> set[str]:
    """Return those that the font cannot draw."""
    font = find_font()
    return set(characters) if font is None else face_of(font).lacks(characters)

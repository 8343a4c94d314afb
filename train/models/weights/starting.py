"""Weights that people bring: bundles and checkpoints of ours, and the dictionary of a network that others trained."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from train.bundle import MANIFEST, load_bundle
from train.checkpoint import META, load_checkpoint
from train.data.charset import Charset
from train.data.texts.charset_file import read_entries
from train.data.texts.forms import SPACE
from train.errors import ModelError, UsageError
from train.models.network import Arrays
from train.models.weights.pdparams import SUFFIX
from train.reading.settings import ReadingSettings

SAFETENSORS = "model.safetensors"
NEVER = 0xF0000
"""The first of the code points that stand for a class which PaddleOCR never writes: they are nobody's characters."""
BESIDE = ("inference.yml", "dict.txt")
CONFIG = "config.yml"


@dataclass(frozen=True)
class Saved:
    """A bundle or a checkpoint.

    Attributes:
        model: registered name.
        charset: that it writes.
        arrays: reads them, by shared name.
        fit_width: pixels that the network resamples every line to; 0 for its own width.
        text_model: what stands behind its outputs; None for nothing.
    """

    model: str
    charset: Charset
    arrays: Callable[[], Arrays]
    fit_width: int = 0
    text_model: ReadingSettings | None = None


def require_weights(weights: Path, option: str) -> None:
    """Raise UsageError where no file or folder is called so, with or without the suffix of PaddleOCR's checkpoints."""
    if not weights.exists() and not weights.with_name(weights.name + SUFFIX).exists():
        raise UsageError(f"{option} must be a file or folder that is there", weights, "check the path")


def is_bundle(weights: Path) -> bool:
    """Whether a folder is a bundle."""
    return (weights / MANIFEST).is_file()


def read_saved(weights: Path | None) -> Saved | None:
    """Return the bundle or checkpoint that a path is; None for anything else."""
    if weights is None:
        return None
    if is_bundle(weights):
        bundle = load_bundle(weights)
        return Saved(
            bundle.manifest.model,
            bundle.charset,
            bundle.weights,
            int(bundle.manifest.config.get("fit_width", 0)),
            bundle.text_model,
        )
    if (weights / META).is_file():
        checkpoint = load_checkpoint(weights)
        return Saved(
            checkpoint.config.model,
            checkpoint.charset,
            lambda: checkpoint.weights,
            checkpoint.config.fit_width,
            checkpoint.text_model,
        )
    return None


def published_charset(entries: Sequence[str], classes: int | None = None) -> Charset:
    """Return the charset of a published dictionary: its entries, and the space where there is a class for it.

    A character that comes again (PP-OCRv5's Arabic dictionary) is the later one, as PaddleOCR encodes it: the class of
    the earlier is never learnt, and a code point of nobody stands for it.
    """
    last = {entry: number for number, entry in enumerate(entries)}
    kept = [entry if last[entry] == n else chr(NEVER + n) for n, entry in enumerate(entries)]
    with_space = SPACE not in last and (classes is None or classes == len(kept) + 2)
    return Charset((*kept, *([SPACE] if with_space else [])))


def charset_beside(weights: Path, classes: int, model_characters: Callable[[], Sequence[str]]) -> Charset:
    """Return the charset of a PaddleOCR checkpoint with so many classes.

    Args:
        weights: the file; its dictionary is `inference.yml` or `dict.txt` beside it, or what `config.yml` there names.
        classes: of the head, the blank included.
        model_characters: returns the entries of the model's published dictionary; they count where nothing lies beside.

    Raises:
        ModelError: without a dictionary that fits.
    """
    found = _find_dictionary(weights)
    entries = read_entries(found) if found else tuple(model_characters())
    if classes - len(entries) not in (1, 2):
        raise ModelError(
            f"{weights} must have the dictionary that it was trained with beside it",
            f"{classes} classes, and {len(entries)} characters in {found or 'the published dictionary'}",
            f"put it there as dict.txt: {classes - 1} characters, or {classes - 2} and the space",
        )
    return published_charset(entries, classes)


def _find_dictionary(weights: Path) -> Path | None:
    folder = weights.absolute().parent
    for name in BESIDE:
        if (folder / name).is_file():
            return folder / name
    named = _named_in(folder / CONFIG)
    places = (place / named for place in (Path.cwd(), folder, *folder.parents)) if named else ()
    return next((place for place in places if place.is_file()), None)


def _named_in(config: Path) -> str | None:
    """Return the dictionary that a configuration of PaddleOCR names, which it keeps beside its checkpoints."""
    try:
        found: Any = yaml.safe_load(config.read_bytes())
        named = found["Global"]["character_dict_path"]
    except (OSError, yaml.YAMLError, TypeError, KeyError):
        return None
    return named if isinstance(named, str) else None

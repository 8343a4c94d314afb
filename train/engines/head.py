"""Dictionary surgery: a recogniser's last layer cut or extended to another charset."""

import logging

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK, Charset
from train.data.texts.forms import normal_form
from train.models.network import Network

log = logging.getLogger(__name__)


def fit_head(network: Network, head: str, old: Charset, wanted: Charset, seed: int) -> None:
    """Rebuild the weights of a network's last linear layer for other classes, in place.

    Rows of characters that the model knows are kept. A character it does not know starts at the mean row plus
    noise of the rows' own spread, and is logged; where it knows none at all, every row starts from noise.

    Args:
        network: of any framework.
        head: name of the layer, with weight (D, old.classes) and bias (old.classes,).
        old: the classes that the weights are for.
        wanted: the classes to have; the result is (D, wanted.classes).
        seed: of the noise.
    """
    if old == wanted:
        return
    classes = {c: i + 1 for i, c in enumerate(old.characters)}
    old_class = {normal_form(c): number for c, number in classes.items()} | classes
    new = [c for c in wanted.characters if c not in old_class]
    if new:
        log.warning("%d characters are new to the model and start untrained: %s", len(new), "".join(new))
    sources = [BLANK, *(old_class.get(c, -1) for c in wanted.characters)]
    arrays, rng = network.arrays(), np.random.default_rng(seed)
    rows = _rows(arrays[f"{head}.weight"], arrays[f"{head}.bias"], sources, rng)
    network.replace_linear(head, *rows)


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

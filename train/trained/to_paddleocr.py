"""A bundle or checkpoint as a training checkpoint of PaddleOCR: what its `tools/train.py` starts from."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from train.data import images
from train.data.batching.batches import evaluation_batches
from train.data.dataset import Dataset
from train.data.texts.charset_file import write_characters
from train.data.texts.forms import SPACE
from train.engine import Images
from train.errors import ModelError, ParityError
from train.models import MODELS
from train.models.network import Network
from train.models.published import PublishedModel
from train.models.weights.pdparams import SUFFIX, write_pdparams
from train.models.weights.starting import Saved, read_saved
from train.reading.recogniser import BATCH_LINES
from train.system.files import replace_folder
from train.system.paths import require_empty
from train.tasks.parity import TOLERANCE, compare, text_verdicts

NAME, DICTIONARY = "best_accuracy", "dict.txt"
CALIBRATION = 32


def write_checkpoint(weights: Path, data: Dataset, directory: Path, framework: str) -> str:
    """Write `best_accuracy.pdparams` and `dict.txt`, and return how PaddleOCR starts from them.

    The file is read back, and its network must read as the one that it came from.

    Args:
        weights: folder of a bundle or checkpoint.
        data: real lines.
        directory: a new or empty folder.
        framework: to compute with.

    Raises:
        ModelError: for weights that are no PP-OCR recogniser's.
        ParityError: if the file reads otherwise; nothing is written then.
        UsageError: for a folder that holds something.
    """
    require_empty(directory, "what a checkpoint is written to")
    saved, model = _source(weights)
    network = model.network(framework, weights)
    typical = network.tensor(_typical(data))
    arrays = model.as_ppocr(network, lambda: network.logits(typical))
    with replace_folder(directory) as draft:
        write_pdparams(arrays, draft / f"{NAME}{SUFFIX}")
        characters = saved.charset.characters
        write_characters([one for one in characters if one != SPACE], draft / DICTIONARY)
        again = model.network(framework, draft / f"{NAME}{SUFFIX}")
        verdicts = partial(text_verdicts, charset=saved.charset)
        result = compare(partial(_read, network), partial(_read, again), _batches(data), verdicts)
        if not result.passed:
            raise ParityError(
                f"the written checkpoint must read as its source, within {TOLERANCE:g} or rounding",
                f"{result}",
                "nothing was written; install the packages as pyproject.toml pins them",
            )
    width = (
        f"; it reads lines resampled to {saved.fit_width} px, PaddleOCR does not" if saved.fit_width else ""
    )
    return (
        f"{directory}: {result.lines} lines read as before, largest difference {result.max_difference:.1e}{width}; "
        f"in PaddleOCR, with its configuration of {model.published}:\n"
        f"python tools/train.py -c FILE -o Global.pretrained_model={directory / NAME} "
        f"Global.character_dict_path={directory / DICTIONARY} "
        f"Global.use_space_char={str(SPACE in characters).lower()}"
    )


def _source(weights: Path) -> tuple[Saved, PublishedModel]:
    """Return the bundle or checkpoint in a folder, and its model; raise ModelError if that is no PP-OCR recogniser."""
    saved = read_saved(weights)
    model = MODELS.get(saved.model) if saved else None
    if saved is None or not isinstance(model, PublishedModel):
        raise ModelError(
            "what is exported must be a bundle or a checkpoint of a PP-OCR network",
            f"{weights}: {saved.model if saved else 'neither'}",
            "name the folder of one",
        )
    return saved, model


def _batches(data: Dataset) -> Iterator[Images]:
    """Yield the lines as they are read in use, (N, 3, 48, W) each."""
    for width, indices in evaluation_batches(data.widths, BATCH_LINES):
        yield images.to_batch([data.image(int(index)) for index in indices], width)


def _typical(data: Dataset) -> Images:
    """Return some lines, (N, 3, 48, W), evenly spread over those of medium width."""
    order = np.argsort(data.widths)
    middle = order[len(order) // 4 : len(order) // 4 + max(1, len(order) // 2)]
    some = middle[np.linspace(0, len(middle) - 1, min(len(middle), CALIBRATION)).astype(int)]
    lines = [data.image(int(index)) for index in some]
    return images.to_batch(lines, images.bucket_width(max(line.shape[1] for line in lines)))


def _read(network: Network, batch: Images) -> Images:
    """Return (N, T, C) probabilities."""
    logits = network.array_of(network.logits(network.tensor(batch)))
    scores = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(scores / scores.sum(-1, keepdims=True), np.float32)

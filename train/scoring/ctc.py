"""The CTC loss of finished predictions, in numpy: what a validation loss is made of, whichever engine predicted."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK

SMALLEST = 1e-30  # a probability that float32 rounds to 0 costs about 69, not infinity


def ctc_losses(
    probabilities: npt.NDArray[np.float32], targets: Sequence[Sequence[int]]
) -> npt.NDArray[np.float64]:
    """Return the negative log-likelihood of each line (Graves et al., 2006): the forward variables alone.

    Args:
        probabilities: (N, T, C) float32, softmax over C.
        targets: N class sequences.

    Returns:
        (N,) float64; infinite where a target needs more than T steps.
    """
    count, steps, _ = probabilities.shape
    lengths = np.array([len(target) for target in targets])
    states = np.full((count, 2 * lengths.max(initial=0) + 1), BLANK)
    for row, target in zip(states, targets, strict=True):
        row[1 : 2 * len(target) : 2] = target
    # A state may be entered from two before it, past a blank, unless both are the same character.
    skips = np.zeros(states.shape, bool)
    skips[:, 2:] = (states[:, 2:] != BLANK) & (states[:, 2:] != states[:, :-2])
    # Only what the states ask for is turned into logarithms: a dictionary has thousands of other classes.
    chosen = np.take_along_axis(probabilities, states[:, None, :].repeat(steps, axis=1), axis=2)
    emitted = np.log(np.maximum(chosen, SMALLEST, dtype=np.float64))
    paths = np.full(states.shape, -np.inf)
    paths[:, :2] = emitted[:, 0, :2]
    for step in range(1, steps):
        one, two = _shifted(paths, 1), np.where(skips, _shifted(paths, 2), -np.inf)
        paths = np.logaddexp(np.logaddexp(paths, one), two) + emitted[:, step]
    rows = np.arange(count)
    in_character = np.where(lengths > 0, paths[rows, 2 * lengths - 1], -np.inf)
    return np.asarray(-np.logaddexp(paths[rows, 2 * lengths], in_character))


def _shifted(paths: npt.NDArray[np.float64], by: int) -> npt.NDArray[np.float64]:
    """Return the paths `by` states further on; none comes in at the beginning."""
    shifted = np.full(paths.shape, -np.inf)
    shifted[:, by:] = paths[:, :-by]
    return shifted

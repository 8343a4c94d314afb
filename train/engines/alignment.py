"""Which of a teacher's output steps to compare a student's with: CTC leaves open at which step a character is written.

Two networks that read the same write at other steps, and step against step the one would be taught to unlearn its own.
The path found here is monotonic, as in dynamic time warping (Sakoe and Chiba, 1978), and may pass over a blank of the
teacher at no cost but not over a character.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.engine import Images
from train.models.network import Network

REACH = 3  # steps that the two may be apart
NEVER, LOWEST = 1e-9, 1e-30  # in place of a probability of 0, which has no logarithm: in a cost, in a loss
LEAST = 1e-3  # classes that the teacher never gives as much decide nothing
DETOUR = 1e-3  # between equal paths the straight one is taken
STAY, GO, PASS = 0, 1, 2  # how far the teacher moves at a step of the student

Costs = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int64]


def distillation_loss(
    network: Network, functional: Any, logits: Any, teacher: Images, temperature: float
) -> Any:
    """Return what a student lacks of its teacher: the `divergence` from the steps that its own follow.

    Args:
        network: the student, whose framework `functional` and `logits` are of.
        functional: its `nn.functional`.
        logits: (N, T, C) float32 tensor, the student's.
        teacher: (N, T, C) probabilities, softened already.
        temperature: what the student's logits are divided by.
    """
    path = following(network.array_of(logits) / temperature, teacher)
    followed = network.tensor(np.take_along_axis(teacher, path[:, :, None], axis=1))
    return divergence(functional, logits, followed, temperature)


def following(student: Images, teacher: Images) -> Steps:
    """Return the teacher's step for each of the student's, (N, T), by which they differ least.

    Args:
        student: (N, T, C) logits, softened as the teacher is.
        teacher: (N, T, C) probabilities; a step of zeros says nothing and costs nothing.
    """
    costs = _divergences(student, teacher)
    passing = -np.log(np.maximum(teacher[:, :, BLANK], NEVER)) * (teacher.sum(-1) > 0)
    moves, best = _search(costs, passing)
    return _path(moves, best + _passed(passing, costs.shape[2], at_end=True))


def divergence(functional: Any, logits: Any, teacher: Any, temperature: float) -> Any:
    """Return KL(teacher || student) (Hinton et al., 2015), summed over the steps of a line, mean over lines.

    Args:
        functional: `nn.functional` of the framework whose tensors these are.
        logits: (N, T, C) float32 tensor, the student's.
        teacher: (N, T, C) float32 tensor of probabilities, softened already; a step of zeros adds nothing.
        temperature: what the student's logits are divided by.
    """
    scores = functional.log_softmax(logits / temperature, -1)
    lacking = teacher * (teacher.clip(LOWEST).log() - scores)
    return lacking.sum((1, 2)).mean()


def _divergences(student: Images, teacher: Images) -> Costs:
    """Return KL(teacher || student), (N, T, 2 * REACH + 1): of step t and the teacher's t - REACH ... t + REACH."""
    peak = student.max(-1, keepdims=True)
    scores = student - peak - np.log(np.exp(student - peak).sum(-1, keepdims=True))
    decisive = teacher.max((0, 1)) >= LEAST
    scores, taught = scores[:, :, decisive], teacher[:, :, decisive]
    entropy = (taught * np.log(np.maximum(taught, NEVER))).sum(-1)
    count, steps, _ = taught.shape
    costs = np.full((count, steps, 2 * REACH + 1), np.inf)
    for place, offset in enumerate(range(-REACH, REACH + 1)):
        student_steps = slice(max(0, -offset), min(steps, steps - offset))
        teacher_steps = slice(student_steps.start + offset, student_steps.stop + offset)
        if student_steps.start < student_steps.stop:
            crossed = np.einsum("ntc,ntc->nt", taught[:, teacher_steps], scores[:, student_steps])
            costs[:, student_steps, place] = entropy[:, teacher_steps] - crossed
    return costs


def _passed(passing: Costs, places: int, at_end: bool) -> Costs:
    """Return (N, places): the cost of the teacher's steps before the first of a path, or behind its last."""
    steps = passing.shape[1]
    cost = np.zeros((len(passing), places))
    for place, offset in enumerate(range(-REACH, REACH + 1)):
        left = passing[:, steps + offset :] if at_end else passing[:, :offset]
        if (offset < 0) == at_end and offset:
            cost[:, place] = left.sum(1)
    return cost


def _search(costs: Costs, passing: Costs) -> tuple[npt.NDArray[np.int8], Costs]:
    """Return the best move to each step and place, (N, T, places), and the cost of the best path to each last one."""
    count, steps, places = costs.shape
    moves = np.full(costs.shape, GO, np.int8)
    best = costs[:, 0] + _passed(passing, places, at_end=False)
    off = np.full((count, 1), np.inf)
    offsets = np.arange(places) - REACH
    for step in range(1, steps):
        skipped = passing[:, np.clip(step + offsets - 1, 0, steps - 1)]
        ways = (
            np.concatenate([best[:, 1:], off], 1) + DETOUR,
            best,
            np.concatenate([off, best[:, :-1]], 1) + skipped + DETOUR,
        )
        moves[:, step] = np.argmin(ways, axis=0)
        best = np.min(ways, axis=0) + costs[:, step]
    return moves, best


def _path(moves: npt.NDArray[np.int8], ends: Costs) -> Steps:
    """Follow the moves back from the cheapest end."""
    count, steps, _ = moves.shape
    lines, place = np.arange(count), ends.argmin(1)
    path = np.zeros((count, steps), np.int64)
    for step in range(steps - 1, -1, -1):
        path[:, step] = step + place - REACH
        place = place + 1 - moves[lines, step, place] if step else place
    return path

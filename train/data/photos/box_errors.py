"""How far a detector's boxes lie from the labelled ones: measured, and drawn again for lines to train a reader on."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.geometry.crops import TALL
from train.data.geometry.rectangles import smallest_rectangle

FEWEST = 20
"""Boxes that tell how a detector errs; with fewer, errors are drawn from STANDARD."""
SMOOTHING = 0.25
OWN = 0.5
"""Of how boxes deviate from labels, the detector's part at least: the rest is how people draw."""
INTO = 0.15
"""Heights by which a drawn box may cut into a line on each side: what is cut off could not be read, only guessed."""
MOST_DEGREES = 30.0
"""Rectangles that are nearly square have no direction: beyond this, two of them have different ones."""

NEVER = 1e-9  # in place of a variance of 0

Points = npt.NDArray[np.float64]


class BoxError(NamedTuple):
    """How a box lies to the labelled one.

    Attributes:
        start: by how much it begins before it,
        end: ends behind it,
        above: reaches above it, and
        below: below it; all in heights of the labelled one, negative where it is inside.
        degrees: by how much it is turned, clockwise as y points down.
    """

    start: float
    end: float
    above: float
    below: float
    degrees: float


STANDARD = BoxError(start=0.15, end=0.15, above=0.1, below=0.1, degrees=1.5)
"""Standard deviations of normal errors, where none were measured."""


class _Frame(NamedTuple):
    """A rectangle along its text: centre, directions, half lengths."""

    centre: Points
    along: Points
    down: Points
    length: float
    height: float


def measure(label: npt.ArrayLike, found: npt.ArrayLike) -> BoxError | None:
    """Return how a found quad, (4, 2), lies to a labelled outline, (K, 2); None where no direction tells."""
    true, own = _frame(label), _frame(found)
    if true.height < 1 or own.height < 1:
        return None
    turn = math.degrees(math.atan2(own.along[1], own.along[0]) - math.atan2(true.along[1], true.along[0]))
    degrees = (turn + 90) % 180 - 90
    if abs(degrees) > MOST_DEGREES:
        return None
    moved = own.centre - true.centre
    x, y = float(moved @ true.along), float(moved @ true.down)
    longer, higher = own.length - true.length, own.height - true.height
    sides = np.array([longer - x, longer + x, higher - y, higher + y]) / (2 * true.height)
    start, end, above, below = sides.tolist()
    return BoxError(start, end, above, below, degrees)


def apply(label: npt.ArrayLike, error: BoxError) -> Points:
    """Return the (4, 2) corners of a box that lies so to a labelled outline, (K, 2)."""
    true = _frame(label)
    unit = true.height
    length = max(true.length + (error.start + error.end) * unit, unit / 2)
    height = max(true.height + (error.above + error.below) * unit, unit / 2)
    centre = (
        true.centre
        + true.along * (error.end - error.start) * unit
        + true.down * (error.below - error.above) * unit
    )
    turn = math.radians(error.degrees)
    along = math.cos(turn) * true.along + math.sin(turn) * true.down
    down = math.cos(turn) * true.down - math.sin(turn) * true.along
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return np.array([centre + x * length * along + y * height * down for x, y in signs])


class Deviations:
    """How a detector's boxes may lie to others of the same texts: drawn like the errors that were measured."""

    def __init__(self, measured: Sequence[BoxError], seen: Sequence[BoxError] = ()) -> None:
        """Take the errors on photos that the detector has not seen.

        Args:
            measured: where they are fewer than FEWEST, STANDARD is taken, and all of it: the boxes of a detector that
                knows a handful of photos by heart deviate little there.
            seen: those on its own training photos, if boxes are drawn around its boxes there. They are smaller, and
                variances add up: what is drawn makes up for what they lack.
        """
        few = len(measured) < FEWEST
        errors = np.array(measured, np.float64).reshape(-1, len(STANDARD))
        self._centred = None if few else errors - errors.mean(axis=0)
        self._strength, self._shift = np.full(len(STANDARD), 1.0 if few else OWN), np.zeros(len(STANDARD))
        if not few and len(seen) >= FEWEST:
            known = np.array(seen, np.float64)
            lacking = 1 - known.var(axis=0) / np.maximum(errors.var(axis=0), NEVER)
            self._strength = np.maximum(OWN, np.sqrt(np.maximum(lacking, 0)))
            self._shift = errors.mean(axis=0) - known.mean(axis=0)

    def draw(self, rng: np.random.Generator) -> BoxError:
        """Return one of them, a little changed; none cuts far into a line."""
        *sides, degrees = (self._shift + self._strength * self._any(rng)).tolist()
        start, end, above, below = (max(side, -INTO) for side in sides)
        return BoxError(start, end, above, below, degrees)

    def _any(self, rng: np.random.Generator) -> Points:
        if self._centred is None:
            return rng.normal(0, np.array(STANDARD))
        chosen = self._centred[int(rng.integers(len(self._centred)))]
        return np.asarray(chosen + rng.normal(0, SMOOTHING * self._centred.std(axis=0)))


def describe(measured: Sequence[BoxError]) -> str:
    """Say the spread of errors in a few words."""
    if len(measured) < FEWEST:
        return f"{len(measured)} boxes, too few: the standard errors"
    spread = np.array(measured).std(axis=0)
    return (
        f"{len(measured)} boxes: ends +-{spread[:2].mean():.2f} and sides +-{spread[2:4].mean():.2f} "
        f"of a line's height, +-{spread[4]:.1f} degrees"
    )


def _frame(points: npt.ArrayLike) -> _Frame:
    corners, _ = smallest_rectangle(np.asarray(points, np.float32).reshape(-1, 2))
    box = corners.astype(np.float64)
    right, down = box[1] - box[0], box[3] - box[0]
    width, height = float(np.linalg.norm(right)), float(np.linalg.norm(down))
    x, y = right / max(width, 1e-9), down / max(height, 1e-9)
    if height >= TALL * width:  # as `crops` turns it: the line begins at the top right
        return _Frame(box.mean(axis=0), y, -x, height / 2, width / 2)
    return _Frame(box.mean(axis=0), x, y, width / 2, height / 2)

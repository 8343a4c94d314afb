"""What a text is put on: blank surfaces, (h, w, 3) float32 BGR in [0, 255]."""

import cv2
import numpy as np
import numpy.typing as npt

Scene = npt.NDArray[np.float32]
Shape = tuple[int, int]


def _tone(rng: np.random.Generator, low: float, high: float, tint: float) -> Scene:
    """Draw a colour, (3,): a grey level in [low, high] with channels `tint` apart at most."""
    return (rng.uniform(low, high) + rng.uniform(-tint, tint, 3)).astype(np.float32)


def _texture(shape: Shape, cells: tuple[int, int], rng: np.random.Generator) -> Scene:
    """Random relief of sigma 1, (h, w): drawn on a coarse grid of `cells` (rows, columns), then enlarged."""
    grid = rng.standard_normal(cells, np.float32)
    return np.asarray(cv2.resize(grid, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _blank(shape: Shape, tone: Scene, relief: Scene) -> Scene:
    return np.asarray(tone + relief[:, :, None] * np.ones(3, np.float32), np.float32).reshape(*shape, 3)


def paper(shape: Shape, rng: np.random.Generator) -> Scene:
    """A light label."""
    return _blank(shape, _tone(rng, 150, 230, 15), 6 * _texture(shape, (4, 20), rng))


def plastic(shape: Shape, rng: np.random.Generator) -> Scene:
    """A dark label or a dashboard."""
    return _blank(shape, _tone(rng, 15, 70, 15), 5 * _texture(shape, (4, 20), rng))


def paint(shape: Shape, rng: np.random.Generator) -> Scene:
    """A painted sheet of any colour."""
    relief = 6 * _texture(shape, (3, 12), rng) + 4 * _texture(shape, (shape[0] // 3, shape[1] // 3), rng)
    return _blank(shape, _tone(rng, 40, 190, 45), relief)


def brushed(shape: Shape, rng: np.random.Generator) -> Scene:
    """Metal with fine scratches along the line."""
    scratches = _texture(shape, (shape[0], max(shape[1] // 60, 2)), rng)
    return _blank(shape, _tone(rng, 80, 180, 10), rng.uniform(5, 18) * scratches)


def cast(shape: Shape, rng: np.random.Generator) -> Scene:
    """Rough metal."""
    grain = _texture(shape, (shape[0] // 2, shape[1] // 2), rng)
    relief = rng.uniform(5, 16) * grain + 8 * _texture(shape, (4, 16), rng)
    return _blank(shape, _tone(rng, 60, 160, 12), relief)

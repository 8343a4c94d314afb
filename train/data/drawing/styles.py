"""How a text is put on a surface: printed, stamped, etched or peened in dots."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from train.data.drawing import fonts, surfaces
from train.data.drawing.fonts import Font
from train.data.drawing.surfaces import Scene, Shape

# coverage (h, w) float32 in [0, 1], surface, rng -> the marked surface
Mark = Callable[[Scene, Scene, np.random.Generator], Scene]
Surface = Callable[[Shape, np.random.Generator], Scene]


@dataclass(frozen=True)
class Style:
    """A way of marking, with the fonts and surfaces that go with it."""

    mark: Mark
    fonts: tuple[Font, ...]
    surfaces: tuple[Surface, ...]


def _relief(coverage: Scene, rng: np.random.Generator) -> Scene:
    """Light on the walls of the text cut into a surface, (h, w) in about [-1, 1]; the light comes from above."""
    walls = cv2.GaussianBlur(coverage, (0, 0), rng.uniform(1.0, 2.0))
    # Straight from above it would leave only the horizontal strokes to be seen.
    angle = (0.5 + rng.choice([-1, 1]) * rng.uniform(0.12, 0.35)) * np.pi
    across, down = cv2.Sobel(walls, cv2.CV_32F, 1, 0), cv2.Sobel(walls, cv2.CV_32F, 0, 1)
    return np.asarray(across * np.cos(angle) + down * np.sin(angle), np.float32)


def _blend(surface: Scene, coverage: Scene, tone: float) -> Scene:
    return surface + coverage[:, :, None] * (np.float32(tone) - surface)


def printed(coverage: Scene, surface: Scene, rng: np.random.Generator) -> Scene:
    """Ink that contrasts with the surface and is worn off in places."""
    dark = surface.mean() > 110
    tone = rng.uniform(10, 60) if dark else rng.uniform(160, 245)
    wear = rng.random((len(coverage) // 8, coverage.shape[1] // 8), np.float32)
    wear = cv2.resize(wear, (coverage.shape[1], len(coverage)))
    opacity = rng.uniform(0.3, 0.8) * (1 - rng.uniform(0, 0.6) * wear)
    return _blend(surface, coverage * opacity, tone)


def stamped(coverage: Scene, surface: Scene, rng: np.random.Generator) -> Scene:
    """Characters pressed into the surface: lit and shaded walls, a slightly darker ground."""
    lit = surface + rng.uniform(40, 75) * _relief(coverage, rng)[:, :, None]
    return _blend(lit, coverage * rng.uniform(0.05, 0.3), 20)


def etched(coverage: Scene, surface: Scene, rng: np.random.Generator) -> Scene:
    """Thin marks a little lighter or darker than the surface, interrupted by its grain."""
    depth = rng.uniform(36, 65) * (1 if surface.mean() < rng.uniform(70, 150) else -1)
    grain = 1 + 0.35 * rng.standard_normal(coverage.shape, np.float32)
    return np.asarray(surface + (depth * coverage * grain)[:, :, None], np.float32)


def peened(coverage: Scene, surface: Scene, rng: np.random.Generator) -> Scene:
    """Pits with a lit and a shaded rim, darker or brighter inside."""
    lit = surface + rng.uniform(15, 45) * _relief(coverage, rng)[:, :, None]
    return _blend(lit, coverage * rng.uniform(0.6, 0.9), 235 if surface.mean() < 110 else 15)


_METALS = (surfaces.brushed, surfaces.cast, surfaces.paint)
STYLES = {
    "printed": Style(
        printed,
        (fonts.aileron, fonts.DUPLEX, fonts.COMPLEX, fonts.TRIPLEX, fonts.SIMPLEX),
        (surfaces.paper, surfaces.plastic, surfaces.paint),
    ),
    "stamped": Style(stamped, (fonts.aileron, fonts.SIMPLEX, fonts.DUPLEX, fonts.COMPLEX), _METALS),
    "etched": Style(etched, (fonts.SIMPLEX, fonts.PLAIN, fonts.aileron), (*_METALS, surfaces.plastic)),
    "peened": Style(peened, (fonts.dots,), (*_METALS, surfaces.plastic)),
}

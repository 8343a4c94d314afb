"""Architecture families: where a network comes from, its official weights and its layer groups.

A module registers model instances with `MODELS.register(name)(Model(...))`; see CONTRIBUTING.md.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from train.data.charset import Charset
from train.registry import Registry


class Model(ABC):
    """One pretrained recognition network that can be trained further.

    The network that `network` returns is the framework's own layer or module; its `groups` maps every
    parameter's name to one of `train.engines.base.GROUPS`.
    """

    @abstractmethod
    def charset(self, weights: Path | None) -> Charset:
        """Return the dictionary that the weights were trained with, in class order."""

    @abstractmethod
    def network(self, weights: Path | None) -> Any:
        """Return the network with its pretrained weights; raise ModelError if they are not to be had."""

    @abstractmethod
    def groups(self, network: Any) -> dict[str, str]:
        """Map the name of every parameter and buffer of `network` to its layer group."""

    @abstractmethod
    def logits(self, network: Any, images: Any) -> Any:
        """Return (N, T, C) logits for (N, 3, 48, W) images in [-1, 1]."""

    @abstractmethod
    def head(self, network: Any) -> Any:
        """Return the last linear layer, whose output classes are the charset's."""

    @abstractmethod
    def published_name(self) -> str:
        """Return the name that PaddleOCR knows the architecture by, e.g. `PP-OCRv6_tiny_rec`."""

    def steps(self, width_px: int) -> int:
        """Output steps T for a padded width in pixels."""
        return width_px // 8


MODELS: Registry[Model] = Registry("model", __name__)

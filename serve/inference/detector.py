"""Pictures to boxes: the work of one detector replica, without Ray."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from serve.inference.model import Model
from serve.runtime.providers import ON_GPUS
from serve.runtime.sessions import ElasticSession
from serve.runtime.tuning import Tuning, blank, open_elastic
from serve.settings import LARGE_PX
from train.data.geometry.detection import DetectionParameters, decode_boxes, normalise
from train.data.images import Image

USUAL_SIDE_PX = 640


def is_large(size: Sequence[int]) -> bool:
    """Say whether a prepared picture of that (height, width) is searched apart (`serve/inference/aside.py`)."""
    return bool(size[0] * size[1] > LARGE_PX)


class TextDetector:
    """Finds text in prepared pictures."""

    def __init__(self, model: Model, threads: int, cores: int | None = None) -> None:
        """Open the model and measure how it runs best on `threads` cores, one picture at a time; see `open_elastic`."""
        self.model = model
        self.defaults = DetectionParameters(**model.settings)
        self.session: ElasticSession
        self.tuning: Tuning
        self.session, self.tuning = open_elastic(
            model.graphs, blank((3, USUAL_SIDE_PX, USUAL_SIDE_PX)), threads, (1,), cores
        )

    @property
    def on_gpu(self) -> bool:
        """Whether it runs elsewhere than on the cores."""
        return self.tuning.provider in ON_GPUS

    def find(
        self, picture: Image, source_size: tuple[int, int], how: DetectionParameters, alone: bool = False
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
        """Return (N, 4, 2) corners in the source and (N,) scores.

        Args:
            picture: (H, W, 3) uint8 BGR, prepared (`detection.prepare`).
            source_size: (height, width) of the picture before.
            how: in effect.
            alone: no other model runs meanwhile.
        """
        return decode_boxes(self.session.run(normalise([picture]), alone)[0, 0], source_size, how)

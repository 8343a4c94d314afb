"""Lines to angles: the work of one orientation replica, without Ray."""

from collections.abc import Sequence
from dataclasses import replace

from serve.inference.model import Model
from serve.runtime.sessions import ElasticSession, Session
from serve.runtime.tuning import Tuning, blank, open_elastic
from train.data.geometry.orientation import angles, line_input, normalise
from train.data.images import Image


class LineOrienter:
    """Tells which lines stand on their heads."""

    def __init__(self, model: Model, threads: int, cores: int | None = None) -> None:
        """Open the model and measure how it runs best on `threads` cores; `cores` as `open_elastic`."""
        self.model = model
        how = line_input(Session(model.onnx, "CPUExecutionProvider", 1).input_shape)
        self.how = replace(how, threshold=model.settings.get("threshold", how.threshold))
        self.session: ElasticSession
        self.tuning: Tuning
        work = blank((3, self.how.height_px, self.how.width_px))
        self.session, self.tuning = open_elastic(model.graphs, work, threads, cores=cores)

    def angles(self, lines: Sequence[Image], alone: bool = False) -> list[int]:
        """Return 1 for every line that stands on its head, 0 for the others.

        Args:
            lines: (h, w, 3) uint8 BGR, prepared (`orientation.prepare`).
            alone: no other model runs meanwhile.
        """
        found: list[int] = []
        for start in range(0, len(lines), self.tuning.batch):
            batch = normalise(lines[start : start + self.tuning.batch], self.how)
            found += angles(self.session.run(batch, alone), self.how)
        return found

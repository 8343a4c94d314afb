"""Frozen backbone: only neck and head learn."""

from train.techniques import TECHNIQUES, Technique, uniform


@TECHNIQUES.register("frozen")
class Frozen(Technique):
    """The backbone keeps its weights: no gradient is computed in it."""

    def plan(self, progress: float) -> dict[str, float]:
        """Return 1 for neck and head, 0 for the rest."""
        return uniform(0.0) | {"neck": 1.0, "head": 1.0}

"""Full fine-tuning: every layer learns at the full rate."""

from train.techniques import TECHNIQUES, Technique, uniform


@TECHNIQUES.register("full")
class Full(Technique):
    """Everything learns from the first step."""

    def plan(self, progress: float) -> dict[str, float]:
        """Return 1 for every group."""
        return uniform(1.0)

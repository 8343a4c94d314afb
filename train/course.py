"""How far each epoch takes a run, and its length where time is limited."""

from collections.abc import Mapping
from dataclasses import dataclass

EPOCHS, FITTED_AFTER, FITTED_AT = "epochs", "fitted_after", "fitted_at"
MARGIN, ROUNDING = 1.05, 1e-6


@dataclass(frozen=True)
class Course:
    """A run's length; its schedules are functions of the progress in [0, 1] through it.

    Attributes:
        epochs: length of the run.
        since: epoch after which the length was last fitted to the time; 0 for never.
        at: the progress then.
    """

    epochs: int
    since: int = 0
    at: float = 0.0

    def progress(self, done: float) -> float:
        """Return the progress after `done` epochs, at least `since`."""
        return self.at + (1 - self.at) * (done - self.since) / (self.epochs - self.since)

    def fitted(self, epoch: int, epoch_seconds: float, left_s: float, most: int) -> "Course":
        """Return the course that ends in time: what is left of the schedule is spread over the epochs that still fit.

        One more is always run, as a schedule has to end for a model to be good; and none takes the run less far than if
        all `most` were run.

        Args:
            epoch: the last one trained.
            epoch_seconds: that one more takes.
            left_s: seconds until the run has to end.
            most: epochs of the whole run.
        """
        if epoch >= self.epochs:
            return self
        progress = self.progress(epoch)
        room = int((1 - progress) * most + ROUNDING)
        epochs = epoch + max(1, min(room, int(left_s / (MARGIN * epoch_seconds))))
        return self if epochs == self.epochs else Course(epochs, epoch, progress)

    def metrics(self) -> dict[str, float]:
        """Return what an epoch's report says of it; nothing where the length is the configuration's."""
        told = {EPOCHS: self.epochs, FITTED_AFTER: self.since, FITTED_AT: self.at}
        return dict(told) if self.since else {}

    @classmethod
    def kept_in(cls, metrics: Mapping[str, float], epochs: int) -> "Course":
        """Return the course that a report was made on, in a run of so many epochs."""
        if EPOCHS not in metrics:
            return cls(epochs)
        return cls(int(metrics[EPOCHS]), int(metrics[FITTED_AFTER]), float(metrics[FITTED_AT]))

"""How far a run goes: its learning rate, its length as time allows, and the epoch that it stops at for patience.

What they need to go on is in an epoch's metrics, so that a resumed run decides alike.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from train.config import ScheduleConfig, TrialConfig
from train.engine import Engine
from train.scoring.scores import VAL_LOSS, refine

ONE_CYCLE_FLOOR = 1e-3
DECAY = 0.2
"""Share of `wsd`, after its warm-up, in which the rate falls."""


def learning_rate_factor(config: ScheduleConfig, progress: float) -> float:
    """Return the share in [0, 1] of the peak learning rate at `progress` in [0, 1] of the run.

    Cosine and warm restarts: Loshchilov and Hutter, SGDR (2017). One-cycle: Smith (2018), with a rise over
    at least 30 % of the run. Warm-up, stable, decay: Hägele et al. (2024), whose fall is 1 - sqrt; until it begins,
    nothing depends on the length of the run.
    """
    warmup = max(config.warmup, 0.3) if config.name == "one_cycle" else config.warmup
    if progress < warmup:
        return max(progress / warmup, ONE_CYCLE_FLOOR)
    rest = (progress - warmup) / (1 - warmup)
    if config.name == "constant":
        return 1.0
    if config.name == "wsd":
        return 1 - math.sqrt(max(0.0, 1 - (1 - rest) / DECAY))
    if config.name == "warm_restarts":
        rest = (rest * config.cycles) % 1.0 if rest < 1 else 1.0
    return 0.5 * (1 + math.cos(math.pi * rest))


EPOCHS, FITTED_AFTER, FITTED_AT = "epochs", "fitted_after", "fitted_at"
FITTED_SHARE, FITTED_SEEN = "fitted_share", "fitted_seen"
MARGIN, ROUNDING, LEAST_SHARE = 1.05, 1e-6, 0.25


@dataclass(frozen=True)
class ScheduleHorizon:
    """A run's length; its schedules are functions of the progress in [0, 1] through it.

    Attributes:
        epochs: length of the run.
        since: epoch after which the length was last fitted to the time; 0 for never.
        at: the progress then.
        share: of an epoch's batches, what each later one sees.
        seen: until then, in whole epochs.
    """

    epochs: int
    since: int = 0
    at: float = 0.0
    share: float = 1.0
    seen: float = 0.0

    def progress(self, done: float) -> float:
        """Return the progress after `done` epochs, at least `since`."""
        return self.at + (1 - self.at) * (done - self.since) / (self.epochs - self.since)

    def of_batches(self, epoch: int, batches: int) -> list[float]:
        """Return the progress before each of an epoch's batches."""
        return [self.progress(epoch - 1 + batch / batches) for batch in range(batches)]

    def fit_to_time(
        self, epoch: int, train_s: float, read_s: float, left_s: float, most: int, batches: int
    ) -> "ScheduleHorizon":
        """Return the horizon that ends in time: what is left of the schedule is spread over the epochs that still fit.

        Where a last whole epoch would not fit, all that follow see a part of the samples, so that no time is left over.
        At least one more is always run, since a schedule has to come to its end for a model to be good. An epoch never
        moves the run by less than in a run of `most` epochs.

        Args:
            epoch: the last one trained.
            train_s: seconds that it trained.
            read_s: seconds that it read validation samples, and what else does not depend on the training samples.
            left_s: seconds until the run has to end.
            most: epochs of the whole run.
            batches: of a whole epoch: none is cut.
        """
        if epoch >= self.epochs:
            return self
        progress = self.progress(epoch)
        room = max(1, int((1 - progress) * most + ROUNDING))
        batch_s = train_s / self.count_batches(epoch, batches)
        count, seen = _divide(left_s / MARGIN, batch_s, batches, read_s, room)
        share = seen / batches
        if epoch + count == self.epochs and share == self.share:
            return self
        return ScheduleHorizon(epoch + count, epoch, progress, share, self._seen_after(epoch))

    def count_batches(self, epoch: int, batches: int) -> int:
        """Return how many of an epoch's batches, the first ones, epoch `epoch` sees."""
        return max(1, round((self.share if epoch > self.since else 1.0) * batches))

    def as_trained(self, config: TrialConfig) -> TrialConfig:
        """Return the configuration that trains as long without a limit of time: on the mean share in every epoch."""
        if not self.since:
            return config.model_copy(update={"epochs": self.epochs})
        share = config.epoch_share * self._seen_after(self.epochs) / self.epochs
        return config.model_copy(
            update={"epochs": self.epochs, "epoch_share": min(1.0, float(f"{share:.4g}"))}
        )

    def _seen_after(self, epoch: int) -> float:
        return self.seen + self.share * (epoch - self.since)

    def metrics(self) -> dict[str, float]:
        """Return what an epoch's report says of it; nothing where the length is the configuration's."""
        if not self.since:
            return {}
        fitted = {FITTED_AFTER: self.since, FITTED_AT: self.at}
        return {EPOCHS: self.epochs, **fitted, FITTED_SHARE: self.share, FITTED_SEEN: self.seen}

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, float], epochs: int) -> "ScheduleHorizon":
        """Return the horizon of a report; `epochs` where the report tells none."""
        if EPOCHS not in metrics:
            return cls(epochs)
        since = int(metrics[FITTED_AFTER])
        share, seen = (
            metrics.get(FITTED_SHARE, 1.0),
            metrics.get(FITTED_SEEN, since),
        )  # earlier ones: whole epochs
        return cls(int(metrics[EPOCHS]), since, float(metrics[FITTED_AT]), float(share), float(seen))


def _divide(left_s: float, batch_s: float, batches: int, read_s: float, most: int) -> tuple[int, int]:
    """Return how many epochs, at most `most`, see how many batches each, so that most is seen in the time."""
    fit = left_s / (batches * batch_s + read_s)
    if fit < 1:
        least = math.ceil(LEAST_SHARE * batches)
        return 1, max(least, min(batches, int((left_s - read_s) / batch_s)))
    whole = min(most, int(fit))
    part = min(batches, int((left_s / (whole + 1) - read_s) / batch_s + ROUNDING))
    return (whole + 1, part) if whole < most and (whole + 1) * part > whole * batches else (whole, batches)


def fit_horizon(
    horizon: ScheduleHorizon,
    engine: Engine,
    epoch: int,
    took: tuple[float, float],
    deadline: float | None,
    *,
    most: int,
    batches: int,
) -> ScheduleHorizon:
    """Return the horizon after an epoch, the same for all workers: the slowest one decides.

    Args:
        horizon: until now.
        engine: whose workers are asked.
        epoch: the one that ended.
        took: seconds that this worker trained and read.
        deadline: Unix time by which the schedule has to end; None for any.
        most: epochs of the whole run.
        batches: of a whole epoch.
    """
    if deadline is None:
        return horizon
    trained, read, left = zip(*engine.gather([(*took, deadline - time.time())]), strict=True)
    return horizon.fit_to_time(epoch, max(trained), max(read), min(left), most, batches)


PREFIX = "best_"


@dataclass(frozen=True)
class Best:
    """The best epoch so far, by its first score, ties by the second, then by the lower loss; the earliest of equals.

    Attributes:
        names: of the two scores in an epoch's metrics (`Scores.names`).
        epoch: counted from 1; 0 before the first.
        rank: the two scores.
        loss: of the validation labels; infinite where none has one.
    """

    names: tuple[str, ...]
    epoch: int = 0
    rank: tuple[float, ...] = (-1.0, -1.0)
    loss: float = math.inf

    def from_metrics(self, metrics: Mapping[str, float]) -> "Best":
        """Return what an epoch's metrics say; where they say nothing, that epoch is the best so far; itself of none."""
        if not metrics:
            return self
        prefix = PREFIX if PREFIX + "epoch" in metrics else ""
        epoch, *rank = (metrics[prefix + name] for name in ("epoch", *self.names))
        return Best(self.names, int(epoch), tuple(rank), metrics.get(prefix + VAL_LOSS, math.inf))

    def after(self, metrics: Mapping[str, float]) -> "Best":
        """Return the better one of this and the epoch of `metrics`."""
        rank, loss = tuple(metrics[name] for name in self.names), metrics.get(VAL_LOSS, math.inf)
        found = Best(self.names, int(metrics["epoch"]), rank, loss)
        return found if found._key > self._key else self

    @property
    def _key(self) -> tuple[float, float]:
        primary, tie = self.rank
        return primary, refine(tie, self.loss)

    def metrics(self) -> dict[str, float]:
        """Return what `from_metrics` reads."""
        values = dict(zip(("epoch", *self.names), (self.epoch, *self.rank), strict=True))
        values |= {VAL_LOSS: self.loss} if math.isfinite(self.loss) else {}
        return {PREFIX + name: value for name, value in values.items()}

    def out_of_patience(self, epoch: int, patience: int) -> bool:
        """Whether `patience` epochs up to `epoch` brought nothing better; never with a patience of 0.

        Never, too, where all validation samples are right: small changes of the labels' loss then say little, and a
        schedule that comes to its end is worth more.
        """
        return 0 < patience <= epoch - self.epoch and self.rank[0] < 1

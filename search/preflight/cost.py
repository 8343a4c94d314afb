"""What training a model takes here, in seconds and bytes: made of what was measured before the first trial."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from train.config import TrialConfig
from train.tasks import TASKS
from train.techniques import build_technique

PLAN_POINTS = 20


@dataclass(frozen=True)
class Cost:
    """Measured seconds per line of one model on one trial's share of the machine.

    Attributes:
        full: training with gradients through the whole network.
        frozen: training with gradients in neck and head only.
        evaluate: reading a line.
        keep: how much longer a step takes with the model's whole dictionary than with the domain's characters.
        work: what `Task.work` says of the settings that it was measured with.
    """

    full: float
    frozen: float
    evaluate: float
    keep: float = 1.0
    work: float = 1.0

    def epoch_seconds(self, config: TrialConfig, train_lines: int, val_lines: float) -> float:
        """Return the expected seconds of a mean epoch of `config`; further lines come on top of the user's own."""
        technique = build_technique(config.technique)
        plans = [technique.plan(i / PLAN_POINTS) for i in range(PLAN_POINTS)]
        deep = sum(any(plan[g] > 0 for g in plan if g.startswith(("stem", "backbone"))) for plan in plans)
        line = self.frozen + (self.full - self.frozen) * deep / PLAN_POINTS
        line *= TASKS.get(config.task).work(config) / self.work
        dictionary = self.keep if config.charset == "keep" else 1.0
        lines = config.epoch_share * train_lines / (1 - config.replay - config.synthetic)
        return dictionary * (line * lines + self.evaluate * val_lines)


MARGIN = 1.2


@dataclass(frozen=True)
class Footprint:
    """Main memory that training one model was measured to take, in bytes; all 0 where it cannot be measured.

    Attributes:
        base: of a process with the network, between steps.
        step: what a step takes besides.
        pixels: of that step's images, as the batch holds them.
        largest: pixels of the largest training image as a batch holds it, by the width that lines are resampled to.
    """

    base: int = 0
    step: int = 0
    pixels: int = 1
    largest: Mapping[int, int] = field(default_factory=lambda: {0: 0})

    def trial_bytes(self, batch_size: int, fit_width: int) -> int:
        """Return what a trial takes with batches of so many of the largest images: a step grows with their pixels."""
        scale = max(1.0, batch_size * self.largest[fit_width] / self.pixels)
        return math.ceil(MARGIN * (self.base + scale * self.step))


@dataclass(frozen=True)
class Measured:
    """What was measured of a model that starts in one way: whole dictionary or domain's charset, lines of one width.

    Attributes:
        read_s: seconds to read a sample.
        full_s: seconds a sample of a training step through the whole network; 0 where it was not timed.
        frozen_s: the same with gradients in neck and head only.
        pixels: of the batch that those steps were made with.
        largest: pixels of the largest training image as a batch holds it, by the width that lines are resampled to.
        own_bytes: memory of the process between reading and training.
        read_peak_bytes: the most that it had until then, since the start before was measured.
        step_peak_bytes: the most that it had in those steps.
    """

    read_s: float
    full_s: float
    frozen_s: float
    pixels: int
    largest: Mapping[int, int]
    own_bytes: int
    read_peak_bytes: int
    step_peak_bytes: int


def cost_of(starts: Sequence[Measured], work: float) -> Cost:
    """Return the cost of a model from its measured starts: as published first, as trials usually start last.

    The slowest reading counts, which is that of the widest lines. The first start is left out of that: it has the whole
    dictionary, which trials may not have.
    """
    first, last = starts[0], starts[-1]
    return Cost(
        full=last.full_s,
        frozen=last.frozen_s,
        evaluate=max(start.read_s for start in starts[1:] or starts),
        keep=max(1.0, first.full_s / first.pixels * last.pixels / last.full_s),
        work=work,
    )


def footprint_of(starts: Sequence[Measured]) -> Footprint:
    """Return the memory of a model whose starts were measured in this order, in one process."""
    base = starts[0].own_bytes
    peaks = [start.step_peak_bytes for start in starts] + [start.read_peak_bytes for start in starts[1:]]
    return Footprint(
        base=base,
        step=max(0, max(peaks) - base),
        pixels=max(start.pixels for start in starts),
        largest=starts[-1].largest,
    )

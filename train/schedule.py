"""Learning-rate schedules: pure functions of the progress through a run."""

import math

from train.config import ScheduleConfig

ONE_CYCLE_FLOOR = 1e-3


def learning_rate_factor(config: ScheduleConfig, progress: float) -> float:
    """Return the share in [0, 1] of the peak learning rate at `progress` in [0, 1] of the run.

    Cosine and warm restarts: Loshchilov and Hutter, SGDR (2017). One-cycle: Smith (2018), with a rise over
    at least 30 % of the run.
    """
    warmup = max(config.warmup, 0.3) if config.name == "one_cycle" else config.warmup
    if progress < warmup:
        return max(progress / warmup, ONE_CYCLE_FLOOR)
    rest = (progress - warmup) / (1 - warmup)
    if config.name == "constant":
        return 1.0
    if config.name == "warm_restarts":
        rest = (rest * config.cycles) % 1.0 if rest < 1 else 1.0
    return 0.5 * (1 + math.cos(math.pi * rest))

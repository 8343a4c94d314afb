"""Which models are worth training: pure decisions from their scores before training and from what trials cost."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from search.preflight.narrowing import Narrowed, list_models
from search.preflight.probing.probe import Probe
from search.report.text import percent
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.scoring.intervals import paired_gain_interval

SPREAD = 0.5
"""Standard deviation of the logarithm of how many times more errors training leaves of one model's than of another's.

On the same VIN lines it left 0.36 of tiny's, 0.29 of small's and 0.52 of v5-mobile's: 0.4.
"""
LEAST_CHANCE = 0.05
ENOUGH_TRIALS = 2


def estimate_chance(errors: float, least_errors: float) -> float:
    """Return the probability that a model ends with fewer errors than the one that has the least before training.

    Training leaves a share of each model's errors: a model that begins with more errors wins only if it keeps a smaller
    share of them. The ratio of two shares is taken as log-normal around 1 (`SPREAD`). The sampling error of the two
    counts is added as if they were of different samples, which makes the spread rather too wide.

    Args:
        errors: validation samples that it gets wrong; of a score that is no share of them, what it lacks times N.
        least_errors: of the model that gets the fewest wrong.
    """
    mine, best = errors + 0.5, least_errors + 0.5  # a half, as Haldane counts, for there may be none
    return NormalDist(0, math.sqrt(SPREAD**2 + 1 / mine + 1 / best)).cdf(math.log(best / mine))


def drop_hopeless_models(
    space: SearchSpace, probes: Sequence[Probe], seconds: Mapping[str, float], settings: StudySettings
) -> Narrowed:
    """Leave out every model whose chance to win is below LEAST_CHANCE, or below that times its epoch's cost.

    The cost is counted in epochs of the model with the best baseline. Nothing is left out of models that the command
    line names or that begin with random weights, where more than accuracy decides, or in a forked study: its models
    have shown what they become.

    Args:
        space: of the study.
        probes: of all models.
        seconds: of an epoch of each model.
        settings: the study's.
    """
    able = [probe for probe in probes if not probe.best.untrained]
    if (
        settings.models
        or settings.fork is not None
        or settings.objectives != "accuracy"
        or settings.max_forgetting is not None
        or not able
    ):
        return space, ""
    best = max(able, key=lambda probe: probe.best.scores.rank)
    reasons = []
    for probe in able:
        chance = estimate_chance(_count_errors(probe), _count_errors(best))
        times = seconds[probe.model] / seconds[best.model]
        if chance < LEAST_CHANCE * max(1.0, times):
            reasons.append((probe.model, _explain(probe, best, chance, times)))
    left_out = [model for model, _ in reasons]
    kept = [model for model in list_models(space) if model not in left_out]
    if not left_out:
        return space, ""
    return space.with_choices("model", kept), "\n".join(reason for _, reason in reasons)


def _count_errors(probe: Probe) -> float:
    scores = probe.best.scores
    return (1 - scores.primary) * scores.n


def _explain(probe: Probe, best: Probe, chance: float, times: float) -> str:
    return (
        f"left out {probe.model}: before training it scores {percent(probe.best.scores.primary)}, {best.model} "
        f"{percent(best.best.scores.primary)}; its chance to end ahead is {percent(chance)}, an epoch of it takes "
        f"{times:.1f} times as long (--model {probe.model} trains it)"
    )


def pick_affordable_models(
    probes: Sequence[Probe], seconds: Sequence[float], available: float, trials: int = ENOUGH_TRIALS
) -> list[str]:
    """Return the models worth searching, in the order of `order_probes`: those whose trials the time budget carries.

    A model needs about ENOUGH_TRIALS trials of full length (fewer if the search may have fewer) before the search can
    tell anything about it. The best models are served first; one that takes more than the others have left over is
    left out. Being slower alone is no reason: of models that read alike untrained the larger one often learns more.
    One of the best stays in any case.

    Args:
        probes: of all models.
        seconds: of a full-length trial of each.
        available: seconds of all places together that may have a trial.
        trials: that the search will have at most.
    """
    cost = {
        probe.model: min(ENOUGH_TRIALS, trials) * each for probe, each in zip(probes, seconds, strict=True)
    }
    models: list[str] = []
    for probe in order_probes(probes):
        if cost[probe.model] <= available:
            models.append(probe.model)
            available -= cost[probe.model]
    level = [probe.model for probe in _find_level(probes)]
    return models if not set(level).isdisjoint(models) else [min(level, key=cost.__getitem__)]


def order_probes(probes: Sequence[Probe]) -> list[Probe]:
    """Return the models that read best before any training first."""
    return sorted(probes, key=lambda probe: (probe.best.scores.rank, -probe.cost.full), reverse=True)


def _find_level(probes: Sequence[Probe]) -> list[Probe]:
    """Return the models that are not significantly worse than the one that reads best."""
    best = order_probes(probes)[0]
    return [probe for probe in probes if not is_significantly_better(best, probe)]


def is_significantly_better(one: Probe, other: Probe) -> bool:
    """Return whether one model's best baseline reads significantly more than another's (95 %, on the same samples)."""
    before, after = (probe.rows[probe.baselines.index(probe.best)] for probe in (other, one))
    return paired_gain_interval(before, after, one.primary, seed=0).interval.low > 0

"""Which settings mattered: PED-ANOVA over the scored trials."""

from typing import Any, NamedTuple

import numpy as np
import optuna

from search.records.result import StudyResult
from search.records.trial import find_varied_settings, rank
from search.report.text import is_number

MIN_TRIALS = 4
RESAMPLES = 100
LOG_RATIO = 20


def spans_decades(values: list[float]) -> bool:
    """Tell whether `values` are better looked at on a logarithmic scale."""
    return min(values) > 0 and max(values) / min(values) > LOG_RATIO


class Importance(NamedTuple):
    """A setting's share of the importance and its 95 % interval, in [0, 1]."""

    share: float
    low: float
    high: float


def measure_importances(result: StudyResult) -> dict[str, Importance]:
    """Return each setting's share of the importance, largest first; empty if that cannot be said.

    Compared is how the settings of the best trials are distributed against those of all (Watanabe et al.,
    PED-ANOVA, IJCAI 2023; Optuna's default). Fewer than MIN_TRIALS scores, or equal ones, say nothing. A
    setting that only some trials have is left out: with few of them, having it at all outweighs everything.
    The intervals are a bootstrap over the trials: how the shares would differ had others been drawn.
    """
    scored = rank(result.trials)
    settings = find_varied_settings(scored)
    keys = [key for key in next(iter(settings.values()), {}) if all(key in s for s in settings.values())]
    merits = [trial.best.rank[0] for trial in scored if trial.best]
    if len(scored) < MIN_TRIALS or len(set(merits)) < 2 or not keys:
        return {}
    # Without this, Optuna's lines on the empty study would stand between those of the search.
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {key: _distribution([s[key] for s in settings.values()]) for key in keys}
    trials = [
        optuna.trial.create_trial(
            params={key: _plain(settings[trial.id][key]) for key in keys},
            distributions=distributions,
            value=merit,
        )
        for trial, merit in zip(scored, merits, strict=True)
    ]
    shares = _shares(trials)
    resampled = [_shares([trials[i] for i in drawn]) for drawn in _resample(merits)]
    return {key: _interval(share, [one[key] for one in resampled]) for key, share in shares.items()}


def _shares(trials: list[optuna.trial.FrozenTrial]) -> dict[str, float]:
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    shares: dict[str, float] = optuna.importance.get_param_importances(study)
    return shares


def _resample(merits: list[float]) -> list[list[int]]:
    """Return RESAMPLES draws of the trials with replacement, those with equal scores only left out."""
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(merits), size=len(merits)).tolist() for _ in range(RESAMPLES)]
    return [draw for draw in draws if len({merits[i] for i in draw}) > 1]


def _interval(share: float, others: list[float]) -> Importance:
    low, high = np.percentile([share, *others], [2.5, 97.5])
    return Importance(share, min(share, float(low)), max(share, float(high)))


def _plain(value: Any) -> Any:
    return value if is_number(value) else str(value)


def _distribution(values: list[Any]) -> "optuna.distributions.BaseDistribution":
    if not all(is_number(value) for value in values):
        return optuna.distributions.CategoricalDistribution(sorted({str(value) for value in values}))
    low, high = min(values), max(values)
    if all(isinstance(value, int) for value in values):
        return optuna.distributions.IntDistribution(low, high)
    return optuna.distributions.FloatDistribution(low, high, log=spans_decades(values))

"""What the terminal shows while a search runs: the scores to beat, and one line per report."""

import time
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial

from search.experiment.at_work import format_minutes
from search.experiment.live import show_trials
from search.planning.clock import Clock
from search.records.trial_report import (
    DIVERGED,
    EPOCH,
    EXCESS,
    FOLD,
    FORGETTING,
    LOSS,
    METRIC,
    OF,
    REASON,
    is_fold,
)
from search.trials.heartbeat import forget_position
from train.scoring.scores import Scores
from train.steps.schedule import ScheduleHorizon
from train.steps.validation import GENERAL
from train.tasks import TASKS


class ProgressLines(Callback):
    """Prints trial, technique, epoch, score, best so far and time left."""

    def __init__(self, clock: Clock, baseline: float) -> None:
        self._clock, self._best, self._baseline = clock, 0.0, baseline

    def get_state(self) -> dict[str, float]:
        """Return what Tune keeps for a resumed study."""
        return {"best": self._best}

    def set_state(self, state: dict[str, float]) -> None:
        """Go on with the best so far of the interrupted run."""
        self._best = state["best"]

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Print one line for the report."""
        if result.get(DIVERGED):
            print(f"{trial.trial_id}  diverged: {result[REASON]}", flush=True)
            return
        config, task = trial.config, TASKS.get(trial.config["task"])
        scores = task.scores.from_metrics(result, 0)
        if not result.get(EXCESS):
            self._best = max(self._best, scores.primary)
        told = zip(task.terms.short, scores.rank, strict=True)
        print(
            f"{trial.trial_id}  {config['model']:<15} {config['technique']['name']:<14} "
            f"lr {config['optimiser']['learning_rate']:.1e}  "
            f"{place(result, config)} loss {result[LOSS]:7.3f}  "
            f"{''.join(f'{word} {value:.3f}  ' for word, value in told)}{forgotten(result, task.scores)}"
            f"best {self._best:.3f} (baseline {self._baseline:.3f})  {self._left()}",
            flush=True,
        )

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Show which trials run."""
        show_trials([trial.trial_id for trial in trials if trial.status == Trial.RUNNING])

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Say what is being tried."""
        forget_position(trial.trial_id)  # of an earlier attempt
        config = trial.config
        print(f"{trial.trial_id}  starts: {describe(config)}", flush=True)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Say what became of it."""
        forget_position(trial.trial_id)
        result = trial.last_result or {}
        ended = f"ended after epoch {result[EPOCH]}" if METRIC in result else "ended"
        if result.get(METRIC, 0) < 0 and not result.get(DIVERGED):
            ended += ", and cannot win: it forgot too much in every epoch"
        print(f"{trial.trial_id}  {ended}", flush=True)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Point to the error."""
        print(f"{trial.trial_id}  failed: see {trial.error_file}", flush=True)

    def _left(self) -> str:
        if self._clock.deadline is None:
            return ""
        return f"{format_minutes(self._clock.deadline - time.time())} left"


def place(result: dict[str, Any], config: dict[str, Any]) -> str:
    """Return after which epoch or fold a report was made."""
    if is_fold(result):
        return f"fold  {result[FOLD]:>3}/{result[OF]:<3}"
    return f"epoch {result[EPOCH]:>3}/{ScheduleHorizon.from_metrics(result, config['epochs']).epochs:<3}"


def forgotten(result: dict[str, Any], kind: type[Scores]) -> str:
    """Return what a report says of the general samples; nothing without any."""
    if FORGETTING not in result:
        return ""
    mark = "!" if result[EXCESS] else " "
    general = kind.from_metrics(result, 0, GENERAL).primary
    return f"general {general:.3f} (forgot {result[FORGETTING]:+.3f}){mark} "


def describe(config: dict[str, Any]) -> str:
    """Return a trial's most telling settings in one line."""
    optimiser, augmentation = config["optimiser"], config["augmentation"]
    options = ", ".join(f"{key} {_short(value)}" for key, value in config["technique"]["options"].items())
    return (
        f"{config['model']} ({config['engine']}), {config['technique']['name']}{f' ({options})' if options else ''}, "
        f"{optimiser['name']} {optimiser['learning_rate']:.2e}, {config['schedule']['name']}, "
        f"batch {config['batch_size']}, batch norm {config['batch_norm']}, charset {config['charset']}, "
        f"augmentation {augmentation['probability']:.2f} x {augmentation['strength']:.2f}, "
        f"{'replay {:.2f}, '.format(config['replay']) if config['replay'] else ''}"
        f"up to {config['epochs']} epochs"
    )


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"

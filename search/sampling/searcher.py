"""Optuna's define-by-run sampling as a Ray Tune searcher that knows the time budget."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from ray.tune.search import Searcher

from search.planning.clock import Clock
from search.records.evidence import Latencies, find_architecture
from search.records.trial_report import DIVERGED, EPOCH, FOLD, METRIC, OF, SCORE
from search.storage.database import sqlite_url
from search.storage.pace import Pace
from spaces.space import SearchSpace
from train.config import config_from_mapping
from train.system.files import replace_file

UNAFFORDABLE_TRIES = 20


class OptunaSearcher(Searcher):
    """Asks an Optuna study for configurations and tells it what became of them.

    Args:
        space: what to choose from.
        points: configurations to try first.
        clock: fits each trial's epochs to the time left.
        sampler: who suggests (`search/sampling/samplers.py`).
        database: what `optuna-dashboard sqlite:///DATABASE` opens; written when trials end, the last one always.
    """

    def __init__(
        self,
        space: SearchSpace,
        points: list[dict[str, Any]],
        clock: Clock,
        sampler: optuna.samplers.BaseSampler,
        database: Path,
    ) -> None:
        super().__init__(metric=METRIC, mode="max")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._clock, self._database = space, clock, database
        self._study = self.new_study(sampler)
        for point in points:
            self._study.enqueue_trial(point)
        self._open: dict[str, optuna.Trial] = {}
        self._pace = Pace()

    def new_study(self, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
        """Return an empty study."""
        return optuna.create_study(direction="maximize", sampler=sampler, study_name="ocrtune")

    def values(self, trial: optuna.Trial, result: Mapping[str, Any]) -> float | list[float]:
        """Return what the study is told of a trial that ended with a score."""
        return float(result[METRIC])

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next configuration, its epochs fitted to the time left, or that there is no time.

        None while no place is free.
        """
        if self._clock.places is not None and len(self._open) >= self._clock.places:
            return None
        for _ in range(UNAFFORDABLE_TRIES):
            trial = self._study.ask()
            config = self._space.suggest(trial)
            epochs = self._clock.epochs_for(config)
            if epochs:
                self._open[trial_id] = trial
                return config.model_copy(update={"epochs": epochs}).model_dump(mode="json")
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        return str(Searcher.FINISHED)

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Keep the learning curve in the study; an epoch that was trained again after a crash is told once."""
        trial, epoch = self._open.get(trial_id), int(result.get(EPOCH, 0))
        if trial is None:
            return
        told = self._study.get_trials(deepcopy=False)[trial.number].intermediate_values
        if epoch not in told:
            trial.report(result[METRIC], epoch)

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the study the best score; a diverged trial counts as pruned, a crashed one not at all.

        One that was stopped after some folds is pruned, too: its score is of other samples than those of whole ones.
        """
        trial = self._open.pop(trial_id, None)
        if trial is None:  # a kill between two files of Tune's snapshot: it has the trial, our state does not
            return
        states = optuna.trial.TrialState
        if error or not result or METRIC not in result:
            self._study.tell(trial, state=states.FAIL)
        elif result.get(DIVERGED) or result.get(FOLD, 0) < result.get(OF, 0):
            self._study.tell(trial, state=states.PRUNED)
        else:
            self._study.tell(trial, self.values(trial, result))
        if self._pace.due or not self._open:  # written anew, which takes the longer the more trials there are
            with self._pace.work():
                write_optuna_database(self._study, self._database)

    def save(self, checkpoint_path: str) -> None:
        """Write the study and the open trials."""
        state = (self._study, self._open)
        Path(checkpoint_path).write_bytes(pickle.dumps(state))

    def restore(self, checkpoint_path: str) -> None:
        """Continue with what `save` wrote, in the time that this run has."""
        saved = pickle.loads(Path(checkpoint_path).read_bytes())  # noqa: S301 - written by this very study
        self._study, self._open = saved
        self._pace = Pace()


def write_optuna_database(study: optuna.Study, path: Path) -> None:
    """Write a copy of the study that `optuna-dashboard sqlite:///PATH` opens."""
    with replace_file(path) as draft:
        optuna.copy_study(
            from_study_name=study.study_name,
            from_storage=study._storage,
            to_storage=sqlite_url(draft),
            to_study_name=study.study_name,
        )


LATENCY = "latency_ms"


class ParetoSearcher(OptunaSearcher):
    """Tells Optuna two values for each trial: its best score, and its architecture's latency in ms."""

    latencies: Latencies = {}  # noqa: RUF012 - replaced, never changed

    def new_study(self, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
        """Return a study of both."""
        directions = ["maximize", "minimize"]
        study = optuna.create_study(directions=directions, sampler=sampler, study_name="ocrtune")
        study.set_metric_names([SCORE, LATENCY])
        return study

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next configuration, as the searcher of one objective does."""
        settings = super().suggest(trial_id)
        if isinstance(settings, dict):
            latency = self.latencies[find_architecture(config_from_mapping(settings, "trial"))]
            self._open[trial_id].set_user_attr(LATENCY, latency.ms)
        return settings

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Optuna keeps no curves where there are several objectives."""

    def values(self, trial: optuna.Trial, result: Mapping[str, Any]) -> list[float]:
        """Return score and latency."""
        return [float(result[METRIC]), float(trial.user_attrs[LATENCY])]

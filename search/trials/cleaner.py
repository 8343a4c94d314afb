"""Gives the workers' cores back when the process of a trial is killed: else Ray keeps them until the job ends.

Ray Train's own cleaner asks the dashboard of any Ray on the machine whether a run lives. With two of them it may
ask the one that does not know the run, takes it for dead, and ends its workers in mid-training.
"""

from typing import Any

import ray
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.controller import placement_group_cleaner

LOOK_S = 1.0


class CleanerCallback(PlacementGroupCleanerCallback):
    """Runs in Ray Train's controller: starts the cleaner, tells it of the workers, and ends it with the run."""

    def after_controller_start(self, train_run_context: Any) -> None:
        """Start the cleaner, which outlives this controller."""
        self._controller_actor_id = ray.get_runtime_context().get_actor_id()
        cleaner = ray.remote(num_cpus=0)(_Cleaner).options(lifetime="detached")
        self._cleaner = cleaner.remote(self._controller_actor_id, LOOK_S, LOOK_S, self._stop_timeout)
        self._cleaner.start_monitoring.remote()


class _Cleaner(placement_group_cleaner.PlacementGroupCleaner):
    """Ray Train's, but for whom it asks: the Ray that it runs on, which needs no dashboard."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        placement_group_cleaner.is_actor_alive = _is_alive  # in this actor's process alone


def _is_alive(actor_id: str, timeout: float) -> bool:
    """Return whether the actor runs; `timeout` is for another's way to ask."""
    return bool(ray._private.state.actors(actor_id).get("State", "DEAD") != "DEAD")

"""Callbacks that only tell people how a search is: one that fails is left out with a word, and never ends a search."""

import sys
from typing import Any

from ray import tune
from ray.tune.logger import TBXLoggerCallback

HOOKS = (
    "setup",
    "on_step_begin",
    "on_step_end",
    "on_trial_start",
    "on_trial_restore",
    "on_trial_save",
    "on_trial_result",
    "on_trial_complete",
    "on_trial_recover",
    "on_trial_error",
    "on_checkpoint",
    "on_experiment_end",
    "get_state",
    "set_state",
)
"""All that Tune calls."""


class Informing(tune.Callback):
    """Passes on what Tune says until its callback fails.

    Args:
        told: the callback.
    """

    def __init__(self, told: tune.Callback) -> None:
        self._told, self._failed = told, False

    def _tell(self, hook: str, *arguments: Any, **more: Any) -> Any:
        if self._failed:
            return None
        try:
            return getattr(self._told, hook)(*arguments, **more)
        except Exception as error:
            self._failed = True
            words = " ".join(str(error).split())[:300]
            print(
                f"warning: {type(self._told).__name__} is left out from here on, the search goes on: "
                f"{type(error).__name__}: {words}",
                file=sys.stderr,
                flush=True,
            )
        return None


def _hook(name: str) -> Any:
    def tell(self: Informing, *arguments: Any, **more: Any) -> Any:
        return self._tell(name, *arguments, **more)

    return tell


for _name in HOOKS:
    setattr(Informing, _name, _hook(_name))


class TensorBoard(Informing, TBXLoggerCallback):
    """Tune's own writer of curves; Tune adds none where there is one of its kind."""

    def __init__(self) -> None:
        super().__init__(TBXLoggerCallback())

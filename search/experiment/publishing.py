"""The study's own files on their way to its URI while trials run."""

from collections.abc import Iterable

from ray import tune

from search.settings import StudySettings
from search.storage.files import GROWING, WHILE_RUNNING
from search.storage.location import publish
from search.storage.pace import Pace
from train.errors import UsageError


class PublishedFiles(tune.Callback):
    """Copies what the driver writes while trials run to the study's URI; a study in a folder needs no copies."""

    def __init__(self, settings: StudySettings) -> None:
        self._settings = settings
        self._pace = Pace()

    def on_trial_result(self, iteration: int, trials: list[object], trial: object, **info: object) -> None:
        """Copy the reports."""
        if self._pace.due:
            with self._pace.work():
                self._publish(GROWING)

    def on_trial_complete(self, iteration: int, trials: list[object], trial: object, **info: object) -> None:
        """Copy everything."""
        self._publish(WHILE_RUNNING)

    def on_trial_error(self, iteration: int, trials: list[object], trial: object, **info: object) -> None:
        """Copy everything."""
        self._publish(WHILE_RUNNING)

    def copy(self, name: str) -> None:
        """Copy a file that was just written."""
        self._publish([name])

    def _publish(self, names: Iterable[str]) -> None:
        """Copy; where that fails, the next report copies it, too, and Tune's own files are enough to resume."""
        try:
            publish(self._settings, *names)
        except UsageError as error:
            print(f"the study's files were not copied: {error}", flush=True)

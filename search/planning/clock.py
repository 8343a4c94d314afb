"""A study's time budget set against the time of day, and the file that tells a resumed study its new time."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from search.planning.time_budget import TimeBudget
from search.storage.files import CLOCK
from train.config import TrialConfig
from train.system.files import read_json, write_whole

REMEDY = "delete it: the study then goes on without it"


class Clock:
    """What fits trials to the time that is left; `Clock.start` makes one for a search.

    Tune pickles it with the searcher and the stopper. Unpickled in a resumed study, it goes by the time that this has.

    Args:
        budget: how the time is divided.
        file: where what a resumed study has anew stands.
        places: that trials have, where they do not have all of them; Tune keeps its own limit when a study is resumed.
    """

    places: int | None = None

    def __init__(self, budget: TimeBudget, file: Path, places: int | None = None) -> None:
        self.budget, self._file, self.places = budget, file, places

    @classmethod
    def start(
        cls, budget: TimeBudget, folder: Path, places: int | None = None, concurrent: int | None = None
    ) -> "Clock":
        """Write deadline, usual length and places, which a resumed study has anew, into its folder; return its clock.

        So is `concurrent`, the trials at a time that it began with (`read_concurrent`).
        """
        kept = {"deadline": budget.deadline, "usual_s": budget.usual_s}
        kept |= {"places": places, "concurrent": concurrent}
        write_whole(folder / CLOCK, json.dumps(kept), durable=True)
        return cls(budget, folder / CLOCK, places)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        if self._file.exists():
            kept = read_json(self._file, REMEDY, dict)
            usual_s = kept.get("usual_s", self.budget.usual_s)  # earlier versions noted none
            self.budget = replace(self.budget, deadline=kept["deadline"], usual_s=usual_s)
            self.places = kept.get("places")

    @property
    def deadline(self) -> float | None:
        """Unix time at which the search's trials have to end; None without a budget."""
        return self.budget.deadline

    def epochs_for(self, config: TrialConfig) -> int:
        """Return how long a trial that starts now may run; 0 for not at all."""
        return self.budget.epochs_for(config, time.time())

    def deadline_for(self, config: TrialConfig) -> float | None:
        """Return when the schedule of a trial that starts now has to end; see `TimeBudget.deadline_for`."""
        return self.budget.deadline_for(config, time.time())

    def has_room_for_another(self, config: TrialConfig) -> bool:
        """Tell whether a trial that ends now makes room for another; see `TimeBudget.has_room_for_another`."""
        return self.budget.has_room_for_another(config, time.time())


def read_concurrent(folder: Path) -> int | None:
    """Return how many trials at a time a study began with; None where the version that began it noted none."""
    kept = read_json(folder / CLOCK, REMEDY, dict) if (folder / CLOCK).exists() else {}
    concurrent: int | None = kept.get("concurrent")
    return concurrent

"""What Tune pickles of an experiment: an interrupted study is resumed from it."""

import io
import pickle
from pathlib import Path
from typing import Any

from benchmarks.searches.scale_driver import planned
from search.experiment.tuner import new_experiment
from search.planning.clock import Clock
from search.planning.time_budget import TimeBudget
from search.preflight.fingerprint import LAYOUT
from search.sampling.samplers import tpe
from search.settings import StudySettings
from search.storage.pace import Pace
from spaces.space import load_space

OURS = ("search", "spaces", "train")
PICKLED = {
    "3": {
        "search.experiment.incidents.Incidents",
        "search.experiment.informing.Informing",
        "search.experiment.informing.TensorBoard",
        "search.experiment.keep.KeepNeeded",
        "search.experiment.progress.ProgressLines",
        "search.experiment.publishing.PublishedFiles",
        "search.experiment.snapshot.Snapshots",
        "search.experiment.tracking.LiveMetrics",
        "search.experiment.tuner.FreedPlace",
        "search.experiment.tuner.OutOfTime",
        "search.planning.clock.Clock",
        "search.planning.time_budget.TimeBudget",
        "search.preflight.cost.Cost",
        "search.sampling.nearby.Nearby",
        "search.sampling.schedulers.KeptRungs",
        "search.sampling.schedulers.Rungs",
        "search.sampling.searcher.OptunaSearcher",
        "search.settings.StudySettings",
        "search.storage.journal.Journal",
        "search.storage.pace.Pace",
        "spaces.parameter.Choice",
        "spaces.parameter.FloatRange",
        "spaces.parameter.IntRange",
        "spaces.parameter.Parameter",
        "spaces.reading.LeastUpdates",
        "spaces.reading.WarmStart",
        "spaces.space.SearchSpace",
    }
}


class Names(pickle.Unpickler):
    """Notes which of our classes and functions a pickle names."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.ours: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] in OURS:
            self.ours.add(f"{module}.{name}")
        return super().find_class(module, name)


def test_a_class_that_moves_makes_a_new_layout(tmp_path: Path) -> None:
    """If this fails, raise LAYOUT, say so in CHANGELOG.md and write down what is pickled now."""
    settings = StudySettings(name="nothing", storage=str(tmp_path), space="techniques")
    settings.local_folder.mkdir()
    experiment = new_experiment(planned(settings, epochs=3), beside=object())
    tuning, run = experiment["tune_config"], experiment["run_config"]
    nearby = tpe(load_space("recognition"), 0, 1)  # that space has TPE alone
    names = Names(pickle.dumps([tuning.search_alg, nearby, tuning.scheduler, run.stop, run.callbacks]))
    names.load()
    assert names.ours == PICKLED[LAYOUT]


def test_what_moved_within_a_layout_is_found_where_it_was() -> None:
    assert pickle.loads(b"csearch.storage.files\nPace\n.") is Pace  # noqa: S301 - written here


def test_a_clock_without_a_newer_field_goes_on(tmp_path: Path) -> None:
    clock = Clock.start(TimeBudget(None, 50, 100, 10), tmp_path)
    del vars(clock.budget)["usual"]
    again = pickle.loads(pickle.dumps(clock))  # noqa: S301 - made here
    assert again.budget == TimeBudget(None, 50, 100, 10)

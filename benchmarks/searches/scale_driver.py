"""What Ray Tune's driver takes for a trial and for a report, with all that a study has follow them, on this machine.

The experiment is a study's own (`search/experiment/tuner.py`): searcher, ASHA, journal, snapshots, checkpoints that are
let go. Its trials train nothing; they report as a trial does, each time with a checkpoint of a kilobyte.
"""

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune

from benchmarks.common import OWN_CLUSTER
from benchmarks.searches.scale_simulation import recorded_space
from search.experiment.tuner import new_experiment
from search.planning.clock import Clock
from search.planning.packing import Resources, TrialResources
from search.planning.plan import Plan, Planned
from search.planning.time_budget import TimeBudget
from search.preflight.cluster import start_ray
from search.preflight.cost import Cost
from search.preflight.probing.probe import Probe
from search.preflight.stages import Prepared, Probed
from search.records.facts import Reservation
from search.records.result import Baseline
from search.records.trial_report import latest_reports
from search.settings import StudySettings
from search.storage.journal import read_journal
from train.scoring.texts import TextScores
from train.sets.read import Sets
from train.system.machine.processor import count_cores

AT_ONCE = 4


@dataclass(frozen=True)
class DriverCost:
    """Seconds of the driver's process, all of its threads, that a trial and a report take."""

    trial: float
    report: float

    def load(self, trials: float, reports: float, seconds: float) -> float:
        """Return how many drivers so many trials and reports in so many seconds would keep busy."""
        return (trials * self.trial + reports * self.report) / seconds


def cost_of(rows: Sequence[tuple[float, float, float]]) -> DriverCost:
    """Return what explains two measurements (trials, reports, processor seconds) of differently long trials."""
    (trials_a, reports_a, cpu_a), (trials_b, reports_b, cpu_b) = rows
    determinant = trials_a * reports_b - trials_b * reports_a
    return DriverCost(
        trial=(cpu_a * reports_b - cpu_b * reports_a) / determinant,
        report=(trials_a * cpu_b - trials_b * cpu_a) / determinant,
    )


def limit(shares: Sequence[tuple[int, float]]) -> int:
    """Return the number of workers that keep the driver busy all the time.

    Args:
        shares: (workers, share of the time that the driver is busy), more workers each time. Between two of them the
            share is taken to grow evenly, outside them with the number of workers.
    """
    before, busy_before = 0, 0.0
    for workers, busy in shares:
        if busy >= 1:
            return round(before + (workers - before) * (1 - busy_before) / (busy - busy_before))
        before, busy_before = workers, busy
    return round(before / busy_before)


class Watch(tune.Callback):
    """Notes when the driver has dealt with a report: seconds of the clock and of its processor time."""

    def __init__(self) -> None:
        self.times: list[tuple[float, float]] = []

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Note one."""
        self.times.append((time.perf_counter(), time.process_time()))


def measure_driver(trials: int) -> tuple[list[dict[str, Any]], DriverCost]:
    """Measure so many trials of one report, and a tenth of them of a hundred; return both and what explains them."""
    os.environ.update(OWN_CLUSTER)
    start_ray()
    rows = [measured(trials, 1), measured(max(AT_ONCE, trials // 10), 100)]
    ray.shutdown()
    told = [(row["trials"], row["reports"], row["driver's processor, s"]) for row in rows]
    return rows, cost_of(told)


def measured(trials: int, reports: int) -> dict[str, Any]:
    """Return what the driver did from its first report to its last."""
    with tempfile.TemporaryDirectory() as folder:
        settings = StudySettings(name="nothing", storage=folder, space="techniques", trials=trials)
        settings.local_folder.mkdir()
        experiment = new_experiment(planned(settings, reports))
        watch = Watch()
        experiment["run_config"].callbacks.append(watch)
        trainable = tune.with_resources(
            tune.with_parameters(nothing, reports=reports), {"CPU": count_cores() / AT_ONCE}
        )
        with (Path(folder) / "said.txt").open("w") as said, redirect_stdout(said):
            tune.Tuner(trainable, **experiment).fit()
        written = sum(len(latest_reports(trial.rows)) for trial in read_journal(settings.local_folder))
    if not written == len(watch.times) == trials * reports:
        raise RuntimeError(
            f"{trials * reports} reports were made, {len(watch.times)} seen, {written} written"
        )
    return figures(trials, watch.times)


def figures(trials: int, times: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return rates and processor time between the first report and the last; `times` as `Watch` has them."""
    seconds, cpu = (last - first for first, last in zip(times[0], times[-1], strict=True))
    reports = len(times) - 1
    trials_between = trials * reports / len(times)
    third = len(times) // 3
    return {
        "trials": trials_between,
        "at a time": AT_ONCE,
        "reports": reports,
        "trials/s": trials_between / seconds,
        "reports/s": reports / seconds,
        "reports/s, last third": third / (times[-1][0] - times[-1 - third][0]),
        "driver's processor, s": cpu,
        "driver's processor, share": cpu / seconds,
    }


def nothing(params: dict[str, Any], reports: int) -> None:
    """Report as a trial does, but train nothing."""
    for epoch in range(1, reports + 1):
        score = 0.5 + 0.4 * epoch / reports
        read = {"exact_match": score, "edit_similarity": score, "cer": 1 - score}
        told = {"score": score, "best_score": score, "loss": 1 - score, "val_loss": 1 - score, "parts": 1}
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "weights").write_bytes(bytes(1024))
            metrics = {"epoch": epoch, "epoch_seconds": 0.0, **read, **told}
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))


def planned(settings: StudySettings, epochs: int) -> Planned:
    """Return a study of trials that take no time; no data are read."""
    space = recorded_space()
    budget = TimeBudget(None, epochs, 1, 1, {str(model): no_cost() for model in space.choices("model")})
    prepared = Prepared(settings, space, Sets({}, {}, {}), fork=(), resume=False, started=0.0)
    probed = Probed(prepared, None, None, (baseline_probe(),), None)  # type: ignore[arg-type]
    resources = Resources(TrialResources({}), None, AT_ONCE)
    plan = Plan(space, [], budget, resources, Reservation())
    return Planned(probed, plan, Clock.start(budget, settings.local_folder))


def baseline_probe() -> Probe:
    """Return a model that reads nothing, the score to beat."""
    scores = TextScores(1, exact_match=0.0, edit_similarity=0.0, cer=1.0)
    baseline = Baseline(model="pp-ocrv6-tiny", charset="domain", scores=scores)
    return Probe(baseline.model, (baseline,), (), no_cost(), lambda rows: 0.0)


def no_cost() -> Cost:
    """Return what nothing takes."""
    return Cost(full=0.0, frozen=0.0, evaluate=0.0)

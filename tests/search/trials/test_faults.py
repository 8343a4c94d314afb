"""Faults inside a trial, on a real local cluster: too little memory, and a worker that is killed."""

import ctypes
import re
import resource
import signal
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pyarrow.fs
import pytest
import ray
from ray import tune

from search.experiment.incidents import RETRIES, Incidents, read_incidents
from search.planning.packing import TRIAL_RESOURCES, TrialResources, WorkerGroup
from search.preflight.cost import Footprint
from search.records.from_reports import Samples, complete_journal, make_record
from search.records.trial import TrialRecord
from search.storage.files import JOURNAL
from search.storage.journal import Journal, read_journal
from search.storage.location import Location
from search.trials.start import TrialSetup
from search.trials.trial import run_trial
from tests import real_lines
from train.config import TrialConfig
from train.loop import TrainingData, train

pytestmark = pytest.mark.slow
LINES, EPOCHS = 32, 3
SPARE_BYTES, THREAD_BYTES = 520 * 2**20, 2**18
M_MMAP_THRESHOLD, MAPPED_BYTES = -3, 2**20
"""Blocks of this size and more go back to the system when they are freed: holes in the heap would be left to chance."""
WORKER, AHEAD = "ray::RayTrainWorker", 5
"""How many epochs workers can have trained when Tune is told of the first: each place on the way to it holds one."""


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return real_lines.few_lines(data_dir, train=LINES)


@pytest.fixture(scope="module")
def shared(data: TrainingData, local_cluster: None) -> ray.ObjectRef:
    """A reference to the data on a cluster of two cores."""
    return ray.put(data)


def starved(params: dict[str, Any], setup: TrialSetup) -> None:
    """Train as every trial does, in a process that gets little more memory than what it has loaded."""
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES)
    few = ray.get(setup.data)
    warm = real_lines.config(epochs=1, batch_size=2)
    train(warm, TrainingData(few.val, few.val), lambda metrics, make: None)
    copy_a_file()
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    used = 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmData"))
    threading.stack_size(THREAD_BYTES)  # a batch is to lack memory, not the thread that prepares it
    resource.setrlimit(resource.RLIMIT_DATA, (used + SPARE_BYTES, resource.RLIM_INFINITY))
    run_trial(params, setup)


def copy_a_file() -> None:
    """Start the one thread with which Arrow copies checkpoints: it is not to lack memory, either."""
    pyarrow.set_io_thread_count(1)
    with TemporaryDirectory() as folder:
        for name in ("from", "to"):
            Path(folder, name).mkdir()
        Path(folder, "from", "file").write_bytes(b"0")
        pyarrow.fs.copy_files(f"{folder}/from", f"{folder}/to")


def tuner(
    body: Any,
    setup: TrialSetup,
    resources: dict[str, float],
    folder: Path,
    *more: tune.Callback,
    epochs: int = EPOCHS,
) -> tune.Tuner:
    """Return a search of one trial, put together as `search.study` does."""
    config = real_lines.config(epochs=epochs, batch_size=LINES)
    study = folder / "hit"
    study.mkdir()
    return tune.Tuner(
        tune.with_resources(tune.with_parameters(body, setup=setup), resources),
        param_space=config.model_dump(mode="json"),
        tune_config=tune.TuneConfig(trial_dirname_creator=lambda trial: str(trial.trial_id)),
        run_config=tune.RunConfig(
            name="hit",
            storage_path=str(folder),
            verbose=0,
            callbacks=[Incidents(study), Journal(study / JOURNAL, {}), *more],
            failure_config=tune.FailureConfig(max_failures=RETRIES),
        ),
    )


def only_record(results: tune.ResultGrid, folder: Path) -> TrialRecord:
    [result] = results
    [notes] = read_incidents(folder / "hit").values() or [()]
    journals = {trial.id: trial for trial in read_journal(folder / "hit")}
    return make_record(complete_journal(result, journals), 0.0, Samples(4), notes)


def test_too_little_memory_makes_micro_batches_and_not_the_batch_smaller(
    shared: ray.ObjectRef, tmp_path: Path
) -> None:
    found = only_record(tuner(starved, TrialSetup(shared, None), {"CPU": 1}, tmp_path).fit(), tmp_path)
    assert (found.state, found.epochs, found.config.batch_size) == ("finished", EPOCHS, LINES)
    assert found.micro_batches in (2, 4, 8, 16)
    assert found.notes[0].startswith("too little memory (batch_size=32: ")
    assert found.notes[-1].endswith(
        f"goes on with its largest batches in {found.micro_batches} micro-batches"
    )
    said = [int(number) for note in found.notes for number in re.findall(r"batches in (\d+) micro", note)]
    assert said == sorted(set(said)), "each once, also where memory lacks again in a later epoch"
    assert not any("crashed" in note for note in found.notes)


def test_a_trial_that_needs_more_memory_than_trials_have_computes_in_micro_batches(
    shared: ray.ObjectRef, tmp_path: Path
) -> None:
    a_line = {TrialConfig().model: Footprint(base=0, step=1000, pixels=1, largest={0: 1})}
    setup = TrialSetup(
        shared, None, resources=TrialResources({"CPU": 1, "memory": 0.7 * LINES * 1200}, a_line)
    )
    found = only_record(tuner(run_trial, setup, {"CPU": 1}, tmp_path).fit(), tmp_path)
    assert (found.state, found.micro_batches, found.config.batch_size) == ("finished", 2, LINES)
    assert not found.notes, "that is as planned"


class WorkerKiller(tune.Callback):  # type: ignore[misc]
    """Kills one of a trial's workers when the trial has reported its first epoch; it waits for that meanwhile."""

    done = False

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        if self.done:
            return
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.name().startswith(WORKER):
                    process.send_signal(signal.SIGKILL)
                    self.done = True
                    return


def test_a_trial_whose_worker_is_killed_goes_on(shared: ray.ObjectRef, tmp_path: Path) -> None:
    group = WorkerGroup(workers=2, storage=Location(str(tmp_path / "workers")), name="workers")
    epochs, killer = AHEAD + 1, WorkerKiller()
    setup = TrialSetup(shared, group)
    results = tuner(run_trial, setup, TRIAL_RESOURCES, tmp_path, killer, epochs=epochs).fit()
    assert killer.done
    found = only_record(results, tmp_path)
    assert (found.state, [measure.epoch for measure in found.history]) == (
        "finished",
        list(range(1, epochs + 1)),
    )
    [note] = found.notes
    assert note.startswith("crashed (")

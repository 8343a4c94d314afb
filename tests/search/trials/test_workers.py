"""Two Ray Train workers train as one process would: on a real local cluster, with real images."""

import os
import signal
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import ray
import ray.train
from ray import tune
from ray.exceptions import OutOfMemoryError, WorkerCrashedError
from ray.train import WorkerGroupError
from ray.tune.schedulers import ASHAScheduler

from search.planning.packing import TRIAL_RESOURCES, WorkerGroup
from search.storage.location import Location
from search.trials.heartbeat import heartbeat, read_positions
from search.trials.workers import _fit, train_on_workers
from tests.real_lines import narrow_lines
from tests.search.trials.watched_workers import Seen, Weights, observe
from train.backends import BACKENDS
from train.backends.paddle_backend import group_environment
from train.checkpoint import Checkpoint, load_checkpoint
from train.config import TrialConfig, config_from_mapping
from train.errors import DivergedError, MemoryShortError
from train.loop import TrainingData, assemble, train
from train.steps.report import MakeCheckpoint, Metrics
from train.steps.validation import evaluate

# 49 lines in batches of 8: the last batch holds one line, fewer than there are workers.
TRAIN_LINES, VAL_LINES = 49, 15
SETTINGS = {
    "epochs": 2,
    "batch_size": 8,
    "optimiser": {"learning_rate": 1e-4},
    "augmentation": {"probability": 0.0},
}


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    """Lines of one padded width: a share of a batch is padded like the whole batch."""
    return TrainingData(
        narrow_lines(data_dir, "train", TRAIN_LINES, {192}),
        narrow_lines(data_dir, "val", VAL_LINES, {192, 224}),
    )


@pytest.fixture(scope="module")
def shared(data: TrainingData, local_cluster: None) -> ray.ObjectRef:
    """A reference to the data on a cluster of two cores."""
    return ray.put(data)


def config(**changes: Any) -> TrialConfig:
    return config_from_mapping(SETTINGS | changes, "test")


def group(folder: Path) -> WorkerGroup:
    return WorkerGroup(workers=2, storage=Location(str(folder)), name="workers")


@pytest.fixture(scope="module", params=BACKENDS.names())
def engine(request: pytest.FixtureRequest) -> str:
    """The engine's name."""
    return str(request.param)


@pytest.fixture(scope="module")
def observed(engine: str, shared: ray.ObjectRef, tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    """Two workers that trained SETTINGS with frozen batch norms."""
    return observe(config(engine=engine), shared, tmp_path_factory.mktemp("observed"))


@pytest.fixture(scope="module")
def hurried(engine: str, shared: ray.ObjectRef, tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    """Two workers that trained with live batch norms; by its clock the second one's time was over at the start."""
    settings = config(engine=engine, batch_norm="live", epochs=9, optimiser={"ema": 0.9})
    return observe(settings, shared, tmp_path_factory.mktemp("hurried"), left_s=(600.0, 0.0))


def largest_difference(some: Weights, others: Weights) -> float:
    assert some.keys() == others.keys()
    return max(float(np.abs(some[name] - others[name]).max()) for name in some)


def test_a_worker_learns_its_place_from_the_environment() -> None:
    found = group_environment(1, ["10.0.0.1:70", "10.0.0.2:71"], on_gpu=False)
    assert (found["PADDLE_TRAINER_ID"], found["PADDLE_TRAINERS_NUM"]) == ("1", "2")
    assert (found["PADDLE_MASTER"], found["PADDLE_CURRENT_ENDPOINT"]) == ("10.0.0.1:70", "10.0.0.2:71")
    assert found["PADDLE_DISTRI_BACKEND"] == "gloo"
    assert group_environment(0, ["10.0.0.1:70"], on_gpu=True)["PADDLE_DISTRI_BACKEND"] == "nccl"


@pytest.mark.slow
def test_workers_end_every_epoch_with_the_same_weights(observed: list[Seen]) -> None:
    for epoch in (1, 2):
        assert largest_difference(observed[0].weights(epoch), observed[1].weights(epoch)) == 0
    assert largest_difference(observed[0].weights(1), observed[0].weights(2)) > 0


@pytest.mark.slow
def test_workers_train_on_every_line_once_an_epoch(observed: list[Seen]) -> None:
    for epoch in (1, 2):
        assert sorted(observed[0].lines(epoch) + observed[1].lines(epoch)) == list(range(TRAIN_LINES))
    assert observed[0].lines(1) != observed[0].lines(2)
    assert all(seen.mapped for seen in observed)


@pytest.mark.slow
def test_workers_score_every_validation_line_once(observed: list[Seen], data: TrainingData) -> None:
    checkpoint = load_checkpoint(observed[0].folder / "epoch2")
    scores, predictions = evaluate(*assemble(checkpoint.config, data.train, checkpoint), data.val)
    assert len(predictions) == scores.n == VAL_LINES
    for seen in observed:
        for name in ("exact_match", "edit_similarity", "cer"):
            assert seen.metrics[-1][name] == pytest.approx(getattr(scores, name), abs=1e-12)


@pytest.mark.slow
def test_two_workers_train_as_one_process_does(engine: str, observed: list[Seen], data: TrainingData) -> None:
    alone: list[tuple[Metrics, Checkpoint]] = []
    settings = config(engine=engine)
    train(settings, data, lambda metrics, checkpoint: alone.append((metrics, checkpoint())))
    start = assemble(settings, data.train)[0].state()["weights"]
    for seen in observed:
        for (metrics, _), theirs in zip(alone, seen.metrics, strict=True):
            assert theirs["loss"] == pytest.approx(metrics["loss"], rel=1e-3)
    moved = largest_difference(start, alone[-1][1].state["weights"])
    apart = largest_difference(observed[0].weights(2), alone[-1][1].state["weights"])
    assert apart < 0.01 * moved, (apart, moved)


@pytest.mark.slow
def test_live_batch_norms_keep_the_same_statistics(hurried: list[Seen]) -> None:
    weights = hurried[0].weights(1)
    assert largest_difference(weights, hurried[1].weights(1)) == 0
    first, second = (load_checkpoint(one.folder / "epoch1") for one in hurried)
    assert largest_difference(first.state["average"], second.state["average"]) == 0
    assert largest_difference(first.weights, weights) > 0
    assert hurried[0].metrics[0]["exact_match"] == hurried[1].metrics[0]["exact_match"]


@pytest.mark.slow
def test_the_worker_with_the_least_time_sets_the_length(hurried: list[Seen]) -> None:
    """After the first epoch one more is run, in which the schedule ends."""
    for seen in hurried:
        assert [metrics["epoch"] for metrics in seen.metrics] == [1, 2]
        assert seen.metrics[0] | {"epochs": 2, "fitted_after": 1} == seen.metrics[0]
    assert largest_difference(hurried[0].weights(2), hurried[1].weights(2)) == 0


@pytest.mark.slow
def test_a_divergence_of_one_worker_ends_all(engine: str, shared: ray.ObjectRef, tmp_path: Path) -> None:
    with pytest.raises(WorkerGroupError) as caught:
        observe(
            config(engine=engine),
            shared,
            tmp_path,
            spoil=lambda rank, step: np.nan if (rank, step) == (1, 2) else 1,
        )
    failures = caught.value.worker_failures
    assert {rank: type(failure) for rank, failure in failures.items()} == {0: DivergedError, 1: DivergedError}
    assert "epoch 1, batch 3" in str(failures[0])


def crash(rank: int, step: int) -> float:
    if (rank, step) == (1, 2):
        raise ZeroDivisionError
    return 1.0


@pytest.mark.slow
def test_a_crash_of_one_worker_ends_all(shared: ray.ObjectRef, tmp_path: Path) -> None:
    """The other waits for it in a collective, and must not wait for ever: Ray kills it, whatever the engine."""
    with pytest.raises(WorkerGroupError) as caught:
        observe(config(), shared, tmp_path, spoil=crash)
    assert isinstance(caught.value.worker_failures[1], ZeroDivisionError)


@pytest.mark.slow
def test_a_diverging_trial_ends_with_its_reason(shared: ray.ObjectRef, tmp_path: Path) -> None:
    reports: list[Metrics] = []
    wild = config(optimiser={"name": "sgd", "learning_rate": 1.0, "clip_norm": 1e6})
    with pytest.raises(DivergedError, match="learning rate"):
        train_on_workers(wild, shared, lambda metrics, _: reports.append(metrics), None, group(tmp_path))
    assert (reports, list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(OutOfMemoryError("the machine has none"), MemoryShortError), (ZeroDivisionError(), WorkerGroupError)],
)
def test_a_trial_ends_with_what_ended_its_worker(failure: Exception, raised: type[Exception]) -> None:
    def fit() -> None:
        raise WorkerGroupError("a worker ended", {1: failure})

    with pytest.raises(raised):
        _fit(SimpleNamespace(fit=fit))


@ray.remote(num_cpus=0)
def writeable(data: list[ray.ObjectRef]) -> bool:
    return bool(ray.get(data[0]).train.pixels.flags.writeable)


def test_a_process_maps_the_images_and_has_none_of_its_own(shared: ray.ObjectRef) -> None:
    """Ray lets nobody write to what it shares. A trial that decodes again has no images: `tests/search/test_job.py`."""
    assert not ray.get(writeable.remote([shared]))


@pytest.mark.slow
# One engine is enough here: tests/contracts continues each of them in one process.
@pytest.mark.parametrize("engine", BACKENDS.names()[:1], indirect=True)
def test_workers_continue_from_a_checkpoint(
    engine: str, observed: list[Seen], shared: ray.ObjectRef, tmp_path: Path
) -> None:
    reports: list[tuple[Metrics, Checkpoint]] = []
    resume = load_checkpoint(observed[0].folder / "epoch1")

    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        reports.append((metrics, make({"best_score": 0.5})))

    watch = heartbeat(f"trial-{engine}")
    train_on_workers(config(engine=engine), shared, report, resume, group(tmp_path), watch=watch)
    [place] = read_positions([f"trial-{engine}"]).values()
    assert (place.epoch, place.epochs) == (2, 2)
    [(metrics, checkpoint)] = reports
    assert metrics["epoch"] == checkpoint.epoch == 2
    assert checkpoint.metrics["best_score"] == 0.5
    assert largest_difference(checkpoint.state["weights"], observed[0].weights(2)) == 0
    assert list(tmp_path.iterdir()) == []


def trial(params: dict[str, Any], data: list[ray.ObjectRef], folder: Path) -> None:
    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        with tempfile.TemporaryDirectory() as saved:
            make().save(Path(saved) / "checkpoint")
            tune.report(
                {**metrics, "rank": -params["seed"]}, checkpoint=tune.Checkpoint.from_directory(saved)
            )

    train_on_workers(config(**params), data[0], report, None, group(folder))


@pytest.mark.slow
def test_asha_stops_a_trial_and_gives_its_cores_back(shared: ray.ObjectRef, tmp_path: Path) -> None:
    """Both cores go to the workers, so a trial that left one behind would keep the next from starting."""
    body = tune.with_parameters(trial, data=[shared], folder=tmp_path / "workers")
    tuner = tune.Tuner(
        tune.with_resources(body, TRIAL_RESOURCES),
        param_space={"seed": tune.grid_search([0, 1]), "epochs": 50},
        tune_config=tune.TuneConfig(max_concurrent_trials=1, reuse_actors=True, scheduler=asha()),
        run_config=tune.RunConfig(name="tiny", storage_path=str(tmp_path), verbose=0),
    )
    results = tuner.fit()
    assert [result.metrics["epoch"] for result in results] == [2, 1]
    for result, epoch in zip(results, (2, 1), strict=True):
        with result.checkpoint.as_directory() as folder:
            assert load_checkpoint(Path(folder) / "checkpoint").epoch == epoch
    wait_for_cores()


@ray.remote(num_cpus=0)
def train_until_killed(data: list[ray.ObjectRef], folder: Path) -> None:
    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    train_on_workers(config(), data[0], report, None, group(folder))


@pytest.mark.slow
def test_a_killed_trial_gives_its_cores_back(shared: ray.ObjectRef, tmp_path: Path) -> None:
    """The cluster has no dashboard to ask, and there may be others on the machine."""
    with pytest.raises(WorkerCrashedError):
        ray.get(train_until_killed.options(max_retries=0).remote([shared], tmp_path))
    wait_for_cores()


def wait_for_cores() -> None:
    started = time.monotonic()
    while placement_groups() or ray.available_resources().get("CPU") != 2:
        assert time.monotonic() - started < 120, placement_groups()
        time.sleep(0.2)


def asha() -> ASHAScheduler:
    """Stop the second trial, the worse one, after an epoch, and the first one after two."""
    rungs = {"grace_period": 1, "reduction_factor": 2, "max_t": 2}
    return ASHAScheduler(time_attr="epoch", metric="rank", mode="max", **rungs)


def placement_groups() -> list[dict[str, Any]]:
    table = ray.util.placement_group_table().values()
    return [group for group in table if group["state"] != "REMOVED"]

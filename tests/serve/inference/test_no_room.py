"""Another model's replicas, on a cluster that has no room for them beside the old ones."""

from collections.abc import Iterator

import anyio
import pytest
import ray
from anyio import to_thread
from ray import serve

from serve.inference import replicas
from serve.inference.replicas import RemoteModel, choose_surge, deploy_model
from serve.settings import Settings
from train.errors import ModelError

TASK, FIRST, SECOND = "orientation", "ch-ppocr-mobile-v2", "no such model"


def test_on_a_gpu_as_many_start_beside_the_old_ones_as_there_is_room_for() -> None:
    """By default the shares fill the GPU: replicas that wait for old ones to end would wait for ever."""
    assert choose_surge(4, share=0, gpus=0, free=0) == 100
    assert choose_surge(3, share=0.25, gpus=1, free=0) == 0
    assert choose_surge(3, share=0.1, gpus=1, free=0.3) == 100
    assert choose_surge(1, share=1, gpus=2, free=1.9) == 100
    assert choose_surge(1, share=2, gpus=4, free=2) == 100
    for free in (1, 2):  # Ray Serve rounds up
        assert (choose_surge(3, share=1, gpus=4, free=free) * 3 + 99) // 100 == free


def test_what_is_left_of_several_gpus_is_no_room() -> None:
    """A share of 0.4 fits twice on a GPU: of two that are full, 0.2 are left on each."""
    assert choose_surge(3, share=0.4, gpus=2, free=0.4) == 0
    assert choose_surge(3, share=0.4, gpus=2, free=0.8) == 33  # four places, three taken
    assert choose_surge(3, share=1 / 3, gpus=2, free=2 - 3 * 0.3333) == 100  # as Ray rounds it


@pytest.fixture
def cluster() -> Iterator[None]:
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    serve.start(proxy_location="Disabled")
    yield
    serve.shutdown()
    ray.shutdown()


@pytest.mark.slow
def test_what_serves_goes_on_where_another_model_does_not_start(
    cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "REPLACING_S", 3.0)
    settings = Settings(orientation=FIRST, cpus_per_replica=0.6)
    deploy_model(TASK, FIRST, settings)

    async def run() -> str:
        model = RemoteModel(TASK, settings)
        with pytest.raises(ModelError, match="replicas of another model must start"):
            await to_thread.run_sync(model.replace, SECOND)
        await name_of(model)
        end_replicas()  # what comes in its place is the first model, too
        return await name_of(model)

    assert anyio.run(run) == FIRST


@pytest.mark.slow
def test_a_model_without_a_replica_is_replaced(cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody says what served: a call of it waits for a replica without end."""
    monkeypatch.setattr(replicas, "KNOWING_S", 1.0)
    too_large = Settings(orientation=FIRST, cpus_per_replica=2)
    replicas._submit(TASK, FIRST, too_large)

    async def run() -> str:
        model = RemoteModel(TASK, Settings(orientation=FIRST, cpus_per_replica=0.6))
        with anyio.fail_after(300):
            await to_thread.run_sync(model.replace, FIRST, abandon_on_cancel=True)
        return await name_of(model)

    assert anyio.run(run) == FIRST


async def name_of(model: RemoteModel) -> str:
    with anyio.fail_after(300):
        return str((await model.call("facts"))["name"])


def end_replicas() -> None:
    """End the replicas, also one that waits for room, as a crash would."""
    for actor in ray.util.list_named_actors(all_namespaces=True):
        if f"::{TASK}#" in actor["name"]:
            ray.kill(ray.get_actor(actor["name"], actor["namespace"]))

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
    assert choose_surge(4, share=0, free=0) == 100
    assert choose_surge(3, share=0.25, free=0) == 0
    assert choose_surge(3, share=0.1, free=0.3) == 100
    assert choose_surge(1, share=1, free=1.9) == 100
    for free in (1, 2):  # Ray Serve rounds up
        assert (choose_surge(3, share=1, free=free) * 3 + 99) // 100 == free


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
        return str((await model.call("facts"))["name"])

    assert anyio.run(run) == FIRST

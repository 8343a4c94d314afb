"""The model replicas on Ray Serve: one deployment a task, and how many of each run."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ray import serve
from ray.exceptions import NodeDiedError, ObjectLostError, OutOfMemoryError, RayActorError, RayTaskError
from ray.serve.exceptions import RayServeException

from serve.errors import BusyError
from serve.inference import runners
from serve.inference.recogniser import Reading
from serve.inference.runners import RUNNERS, CallStats, Lines, count_lines
from serve.settings import Settings
from train.data.images import Image
from train.errors import OcrError

T = TypeVar("T")
BATCH_LINES = 64
"""Most lines that a replica takes from its queue at once."""
ATTEMPTS = 4
PAUSE_S = 0.25
LOGGING = {"enable_access_log": False}
"""A line in a log for every request costs as much as decoding its image."""
LOST = (RayActorError, OutOfMemoryError, NodeDiedError, ObjectLostError)
"""How Ray tells of a process that died, or was ended for its memory, of its machine, and of what that one held."""
log = logging.getLogger("ray.serve")


class RemoteModel:
    """A task's model in replicas of its own."""

    def __init__(self, task: str, settings: Settings) -> None:
        self._task, self._settings = task, settings
        handle = serve.get_deployment_handle(DEPLOYMENTS[task].name, app_name=task)
        self._handle = handle.options(_by_reference=RUNNERS[task].by_reference)

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call a replica, any of them."""
        return await retry(lambda: getattr(self._handle, method).remote(*arguments))

    def replace(self, source: str) -> None:
        """Start another model's replicas and return when they serve; the old ones finish the calls that they have."""
        deploy_model(self._task, source, self._settings)


async def retry(call: Callable[[], Awaitable[T]]) -> T:
    """Return a call's result; if its replica died, call again: reading twice does no harm.

    Raises:
        BusyError: if there is no replica after ATTEMPTS calls.
        OcrError: as the replica raised it; in Ray's own words it is a traceback.
    """
    for attempt in range(ATTEMPTS):
        try:
            return await call()
        except (*LOST, RayServeException) as error:
            task = asyncio.current_task()
            if (
                task and task.cancelling()
            ):  # nobody waits any more, which Ray Serve tells as an error of its own
                raise asyncio.CancelledError from error
            log.warning("a replica was lost (%s), attempt %d", type(error).__name__, attempt + 1)
            await asyncio.sleep(PAUSE_S * 2**attempt)
        except RayTaskError as error:
            if isinstance(error.cause, OcrError):
                raise error.cause from error
            raise
    raise BusyError("a model must have a replica that lives", "none", "try again later")


class Recogniser(runners.Recogniser):
    """A recogniser whose waiting calls are read as one batch.

    On a CPU a replica has one call at a time, so batching here does nothing; on a GPU it has eight.
    """

    async def read(self, lines: Lines) -> tuple[list[Reading], CallStats]:
        """Return the readings of one call's lines, in their order."""
        found: tuple[list[Reading], CallStats] = await self._together((lines, time.monotonic()))
        return found

    # one queue for all instances in a process: a fused model has several, and must not come here
    @serve.batch(max_batch_size=BATCH_LINES, batch_wait_timeout_s=0, batch_size_fn=count_lines)  # type: ignore[untyped-decorator]
    async def _together(self, calls: list[tuple[Lines, float]]) -> list[tuple[list[Reading], CallStats]]:
        return await self.read_calls(calls)


class Orienter(runners.Orienter):
    """An orienter whose waiting calls are computed as one batch."""

    async def turned(self, lines: list[Image], alone: bool) -> list[int]:
        """Return 1 for every prepared line that stands on its head, 0 for the others."""
        found: list[int] = await self._together((lines, alone))
        return found

    @serve.batch(max_batch_size=BATCH_LINES, batch_wait_timeout_s=0)  # type: ignore[untyped-decorator]
    async def _together(self, calls: list[tuple[list[Image], bool]]) -> list[list[int]]:
        return await self.turned_calls(calls)


DEPLOYMENTS: dict[str, Any] = {
    "recognition": serve.deployment(Recogniser),
    "detection": serve.deployment(runners.Detector),
    "orientation": serve.deployment(Orienter),
}


def build_model_application(task: str, source: str, settings: Settings) -> serve.Application:
    """Return the application that serves one model: `source` is a bundle folder or a pretrained name."""
    return (
        DEPLOYMENTS[task]
        .options(
            num_replicas=RUNNERS[task].count(settings),
            max_ongoing_requests=RUNNERS[task].ongoing(settings),
            max_surge_percent=100,
            graceful_shutdown_timeout_s=60,
            graceful_shutdown_wait_loop_s=0.5,
            health_check_period_s=2,
            logging_config=LOGGING,
            ray_actor_options={"num_cpus": settings.cpus_per_replica, "num_gpus": settings.gpus_per_replica},
        )
        .bind(source, settings.threads_per_replica, settings.cores_alone)
    )


def deploy_model(task: str, source: str, settings: Settings) -> None:
    """Start or replace a model and return when it serves; the old one finishes the calls that it has."""
    serve.run(build_model_application(task, source, settings), name=task, route_prefix=None)

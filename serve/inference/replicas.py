"""The model replicas on Ray Serve: one deployment a task, and how many of each run."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any, TypeVar

import ray
from anyio import from_thread
from ray import serve
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
)
from ray.serve.api import RunTarget
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ApplicationStatus

from serve.errors import BusyError
from serve.inference import runners
from serve.inference.recogniser import Reading
from serve.inference.runners import CALL_LINES, RUNNERS, CallStats, Lines, count_lines
from serve.runtime.gpus import keep_to_given, require_use
from serve.settings import Settings
from train.data.images import Image
from train.errors import ModelError, OcrError

T = TypeVar("T")
BATCH_LINES = 64
"""Most lines that a replica takes from its queue at once."""
ATTEMPTS = 4
PAUSE_S = 0.25
REPLACING_S = 480.0
"""What the replicas of another model get to start: on a GPU, TensorRT may build for four minutes."""
KNOWING_S = 15.0
"""What the model that serves gets to say which one it is; where it has no replica, calls wait without end."""
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
        """Start another model's replicas and return when they serve; the old ones finish the calls that they have.

        Called in one of anyio's threads.

        Raises:
            ModelError: they do not start, or find no room; what served goes on, and is what lost replicas become.
        """
        served: dict[str, Any] = {}
        with suppress(BusyError, TimeoutError):  # it may be replaced because it lives no more
            served = from_thread.run(asyncio.wait_for, self.call("facts"), KNOWING_S)
        try:
            _submit(self._task, source, self._settings)
            _wait_for(self._task, REPLACING_S)
        except (ModelError, RuntimeError):
            if served:
                _submit(self._task, str(served.get("bundle", served["name"])), self._settings)
            raise


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
            # nobody waits any more, which Ray Serve tells as an error of its own
            if task and task.cancelling():
                raise asyncio.CancelledError from error
            log.warning("a replica was lost (%s), attempt %d", type(error).__name__, attempt + 1)
            await asyncio.sleep(PAUSE_S * 2**attempt)
        except RayTaskError as error:
            cause = find_cause(error)
            if cause is error:
                raise
            raise cause from error
    raise BusyError("a model must have a replica that lives", "none", "try again later")


def find_cause(error: BaseException) -> BaseException:
    """Return what was raised in another process, where it is an error of ours: in Ray's words it is a traceback."""
    if isinstance(error, RayTaskError) and isinstance(error.cause, OcrError):
        return error.cause
    return error


class _OnRay:
    """What a replica does about GPUs: see `serve/runtime/gpus.py`."""

    tuning: dict[str, Any]

    def __init__(self, *arguments: Any) -> None:
        given = keep_to_given()
        super().__init__(*arguments)
        if given:
            require_use(self.tuning)


class Recogniser(_OnRay, runners.Recogniser):
    """A recogniser whose waiting calls are read as one batch.

    On a CPU a replica has one call at a time, so batching here does nothing; on a GPU it has eight.
    """

    async def together(self) -> int:
        """Return how many lines go in one call where as many wait: crossing to here costs a tenth of a line."""
        return CALL_LINES

    async def read(self, lines: Lines) -> tuple[list[Reading], CallStats]:
        """Return the readings of one call's lines, in their order."""
        found: tuple[list[Reading], CallStats] = await self._together((lines, time.monotonic()))
        return found

    # one queue for all instances in a process: a fused model has several, and must not come here
    @serve.batch(max_batch_size=BATCH_LINES, batch_wait_timeout_s=0, batch_size_fn=count_lines)  # type: ignore[untyped-decorator]
    async def _together(self, calls: list[tuple[Lines, float]]) -> list[tuple[list[Reading], CallStats]]:
        return await self.read_calls(calls)


class Detector(_OnRay, runners.Detector):
    """A detector."""


class Orienter(_OnRay, runners.Orienter):
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
    "detection": serve.deployment(Detector),
    "orientation": serve.deployment(Orienter),
}


def choose_surge(replicas: int, share: float, gpus: float, free: float) -> int:
    """Return how many replicas start before old ones end, in percent: all, or on GPUs as many as fit.

    Where none fits old ones end first, and calls wait: on a GPU that is full, new ones would wait for ever. A share
    lies on one GPU, so what is left of several does not add up to another: a GPU has places for whole shares.

    Args:
        replicas: of the model.
        share: of a GPU that each takes; or whole GPUs.
        gpus: of the cluster.
        free: those of them that nothing takes, added up.
    """
    if not share:
        return 100
    places = int(gpus) * int(1 / share + 1e-6)
    taken = math.ceil((gpus - free) / share - 0.01)  # Ray rounds shares
    fitting = places - taken if share <= 1 else int(free / share)
    return max(0, min(100, 100 * fitting // replicas))


def find_surge(replicas: int, share: float) -> int:
    """Return the same for replicas that each take a share of a GPU, or none of it, on this cluster as it is now."""
    gpus = ray.cluster_resources().get("GPU", 0.0) if share else 0.0
    free = ray.available_resources().get("GPU", 0.0) if share else 0.0
    return choose_surge(replicas, share, gpus, free)


def build_model_application(task: str, source: str, settings: Settings) -> serve.Application:
    """Return the application that serves one model: `source` is a bundle folder or a pretrained name."""
    replicas, share = RUNNERS[task].count(settings), settings.gpus_per_replica
    return (
        DEPLOYMENTS[task]
        .options(
            num_replicas=replicas,
            max_ongoing_requests=RUNNERS[task].ongoing(settings),
            max_surge_percent=find_surge(replicas, share),
            graceful_shutdown_timeout_s=60,
            graceful_shutdown_wait_loop_s=0.5,
            health_check_period_s=2,
            logging_config=LOGGING,
            ray_actor_options={"num_cpus": settings.cpus_per_replica, "num_gpus": share},
        )
        .bind(source, settings.threads_per_replica, settings.cores_alone)
    )


def deploy_model(task: str, source: str, settings: Settings) -> None:
    """Start or replace a model and return when it serves; the old one finishes the calls that it has."""
    serve.run(build_model_application(task, source, settings), name=task, route_prefix=None)


def _submit(task: str, source: str, settings: Settings) -> None:
    """Have a model's replicas start, and those of the one before end; return at once."""
    model = RunTarget(build_model_application(task, source, settings), name=task, route_prefix=None)
    serve.run_many([model], wait_for_applications_running=False)


def _wait_for(task: str, seconds: float) -> None:
    """Return when a model serves; raise ModelError where it fails to, or not within so many seconds."""
    until = time.monotonic() + seconds
    while (status := serve.status().applications[task].status) != ApplicationStatus.RUNNING:
        late = time.monotonic() > until
        if late or status == ApplicationStatus.DEPLOY_FAILED:
            found = find_reason({task}) or (f"none within {seconds:g} s" if late else "they ended")
            raise ModelError("the replicas of another model must start", found, "see the logs of Ray")
        time.sleep(PAUSE_S)


def find_reason(names: Collection[str]) -> str:
    """Return the last line of what Ray Serve says of a part of these applications; empty if it says nothing."""
    try:
        applications = serve.status().applications
    except (RuntimeError, RayError):
        return ""
    parts = [part for name, app in applications.items() if name in names for part in app.deployments.values()]
    messages = [part.message for part in parts if part.message]
    return messages[-1].strip().splitlines()[-1] if messages else ""

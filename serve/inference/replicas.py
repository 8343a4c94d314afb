"""The model replicas on Ray Serve: one deployment a task, and how many of each run."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ray import serve
from ray.exceptions import RayActorError
from ray.serve.exceptions import RayServeException

from serve.errors import BusyError
from serve.inference.parts import PARTS
from serve.settings import Settings

T = TypeVar("T")
ATTEMPTS = 4
PAUSE_S = 0.25
LOGGING = {"enable_access_log": False}
"""A line in a log for every request costs as much as decoding its image."""
log = logging.getLogger("ray.serve")


class RemoteModel:
    """A task's model in replicas of its own."""

    def __init__(self, task: str, settings: Settings) -> None:
        self._task, self._settings = task, settings
        handle = serve.get_deployment_handle(DEPLOYMENTS[task].name, app_name=task)
        self._handle = handle.options(_by_reference=PARTS[task].by_reference)

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
    """
    for attempt in range(ATTEMPTS):
        try:
            return await call()
        except (RayActorError, RayServeException) as error:
            task = asyncio.current_task()
            if (
                task and task.cancelling()
            ):  # nobody waits any more, which Ray Serve tells as an error of its own
                raise asyncio.CancelledError from error
            log.warning("a replica was lost (%s), attempt %d", type(error).__name__, attempt + 1)
            await asyncio.sleep(PAUSE_S * 2**attempt)
    raise BusyError("a model must have a replica that lives", "none", "try again later")


DEPLOYMENTS: dict[str, Any] = {task: serve.deployment(part) for task, part in PARTS.items()}


def build_model_application(task: str, source: str, settings: Settings) -> serve.Application:
    """Return the application that serves one model: `source` is a bundle folder or a pretrained name."""
    return (
        DEPLOYMENTS[task]
        .options(
            num_replicas=PARTS[task].count(settings),
            max_ongoing_requests=PARTS[task].ongoing(settings),
            max_surge_percent=100,
            graceful_shutdown_timeout_s=60,
            graceful_shutdown_wait_loop_s=0.5,
            health_check_period_s=2,
            logging_config=LOGGING,
            ray_actor_options={"num_cpus": settings.cpus_per_replica, "num_gpus": settings.gpus_per_replica},
        )
        .bind(source, settings.threads_per_replica)
    )


def deploy_model(task: str, source: str, settings: Settings) -> None:
    """Start or replace a model and return when it serves; the old one finishes the calls that it has."""
    serve.run(build_model_application(task, source, settings), name=task, route_prefix=None)

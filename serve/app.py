"""The applications on Ray Serve: HTTP (`serve/api/ingress.py`), and one for each model (`serve/inference/replicas.py`).

Every model is a Ray Serve application of its own, so that a new bundle replaces one of them and leaves the others
alone: `serve.run` of it starts new replicas, waits until they are ready, and only then lets the old ones finish.
"""

import asyncio
import logging
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from ray import serve
from ray.exceptions import RayError
from ray.serve.config import ProxyLocation
from ray.serve.context import _get_global_client
from ray.serve.exceptions import RayServeException

from serve.api.ingress import Ingress
from serve.cluster.applications import (
    APPLICATION,
    end_left,
    is_replaced,
    list_left,
    require_names,
    taking_place,
)
from serve.cluster.own import list_machines, spare_processes
from serve.environment import name_host
from serve.inference.replicas import LOGGING, build_model_application, deploy_model, find_reason, find_surge
from serve.loop.versions import find_serving
from serve.metrics import SHARED_FOLDER
from serve.settings import Settings, require_resources
from train.errors import ModelError, UsageError

PATIENCE_S = 15
ENDING_S = 30.0
"""What requests get to finish at the end of the server."""
ANSWER_S, DYING_S = 2.0, 0.7
"""How long a part of the server, and a cluster whose main processes are gone, is waited for."""
GONE = (RayError, RayServeException, TimeoutError)
"""What is raised where a part of the server, or the cluster, has ended."""
log = logging.getLogger("ocrtune")


def build_ingress_application(settings: Settings, shared: Path | None = None) -> serve.Application:
    """Return the application that speaks HTTP; in `shared`, a new folder, its processes count together."""
    return Ingress.options(  # type: ignore[attr-defined]
        num_replicas=settings.processes,
        max_ongoing_requests=10 * settings.limits.queued,  # the middleware counts, and answers 503 in time
        max_surge_percent=find_surge(settings.processes, settings.gpus_each),
        ray_actor_options={
            "num_cpus": settings.cpus_per_replica,
            "num_gpus": settings.gpus_each,
            "runtime_env": {"env_vars": {SHARED_FOLDER: str(shared)}} if shared else {},
        },
        health_check_period_s=2,
        graceful_shutdown_timeout_s=60,  # one that hangs has it, too, and keeps its GPU for as long
        logging_config=LOGGING,
    ).bind(settings.model_dump(mode="json"))


def model(args: dict[str, Any]) -> serve.Application:
    """Build one model's application for `serve run` and `serve deploy`: `task`, and `settings` as `Settings`."""
    settings = Settings.model_validate(args["settings"])
    source = find_serving(args["task"], settings).source
    return build_model_application(args["task"], source, settings)


def ingress(args: dict[str, Any]) -> serve.Application:
    """Build the HTTP side for `serve run` and `serve deploy`: `settings` as `Settings`."""
    settings = Settings.model_validate(args["settings"])
    for task in settings.sources() if settings.topology == "fused" else ():
        find_serving(task, settings)  # the processes find it recorded
    return build_ingress_application(settings)


def start(
    settings: Settings,
    sources: Mapping[str, str],
    host: str,
    port: int,
    address: str | None,
    taken: UsageError | None = None,
) -> set[str]:
    """Serve on a Ray cluster, or on one that is started here and ends with this process.

    Args:
        settings: of everything.
        sources: the bundle's folder or pretrained model's name of each task.
        host: to listen on.
        port: the same.
        address: of the cluster.
        taken: what to raise if the port is not taken by this cluster's own server; None: it is free.

    Returns:
        The names of the applications that serve, for `stop`.

    Raises:
        UsageError: there is no such cluster, it has too few cores or GPUs, its Ray Serve listens elsewhere, an
            application of others has a name of ours, or another program has the port.
        ModelError: something does not start.
    """

    _join(address)
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    if address:
        require_resources(settings, list_machines())
    _require_endpoint(name_host(host), port, taken)
    models = sources if settings.topology == "graph" else {}
    ours = {APPLICATION, *models}
    require_names(ours)
    place = taking_place(ours, settings.gpus) if address else nullcontext()
    try:
        with place, _saying_what_is_awaited(ours):
            serve.start(http_options={"host": name_host(host), "port": port})
            for task, source in models.items():
                deploy_model(task, source, settings)
            shared = _make_shared_folder() if settings.processes > 1 else None
            serve.run(build_ingress_application(settings, shared), name=APPLICATION, route_prefix="/")
            end_left(ours)
    except (RuntimeError, RayError) as error:
        reason = find_reason(ours) or str(error).strip().splitlines()[-1]
        raise ModelError("every part of the server must start", reason, "see the logs of Ray") from error
    return ours


def _join(address: str | None) -> None:
    """Join a Ray cluster, or start one."""
    import ray

    if not address:  # retraining is a Ray job: its agent gives up where another cluster has the port
        spare_processes(dashboard_agent_listen_port=0)
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="warning")
    except (ConnectionError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            "--address must be that of a Ray cluster that runs", f"{address}: {reason}", "ray start --head"
        ) from error


def _require_endpoint(host: str, port: int, taken: UsageError | None) -> None:
    """Raise UsageError unless a cluster's Ray Serve, which listens in one place, listens there, or can."""
    client = _get_global_client(raise_if_no_controller_running=False)
    if client is None:
        if taken:
            raise taken
        return
    there = client.http_config
    silent = there.location == ProxyLocation.Disabled
    if silent or (there.host, there.port) != (host, port):
        raise UsageError(
            "--host and --port must be those of the Ray Serve that runs on the cluster",
            f"{host}:{port}, where it has {'none' if silent else f'{there.host}:{there.port}'}",
            "name these, or end it with `serve shutdown`",
        )


def _make_shared_folder() -> Path:
    """Return a new folder for what the processes of a server on this machine count together; Ray removes it."""
    from ray._private import worker

    return Path(tempfile.mkdtemp(prefix="ocrtune-", dir=worker._global_node.get_session_dir_path()))


@contextmanager
def _saying_what_is_awaited(ours: Collection[str]) -> Iterator[None]:
    """Write a line about which of our applications do not serve yet every PATIENCE_S seconds."""
    ended = threading.Event()

    def say() -> None:
        waited, apps = 0, {}
        while not ended.wait(PATIENCE_S):
            waited += PATIENCE_S
            with suppress(RuntimeError, RayError, RayServeException):  # it may just have ended
                apps = {name: app for name, app in serve.status().applications.items() if name in ours}
            late = [name for name, app in apps.items() if app.status.value != "RUNNING"] or ["Ray Serve"]
            log.info(
                "waiting for %s since %d s: %s", ", ".join(late), waited, find_reason(ours) or "it starts"
            )

    teller = threading.Thread(target=say, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()


def stop(ours: Collection[str] | None) -> None:
    """End the server, and the cluster that `start` started.

    Requests that are under way get ENDING_S to finish; then they are answered 503, as new ones are at once.

    Args:
        ours: the applications that `start` began on a cluster that stays; None: the cluster ends, too.
    """
    import ray

    _unless_it_dies(partial(asyncio.run, _finish(ours)))
    _unless_it_dies(ray.shutdown)


async def _finish(ours: Collection[str] | None) -> None:
    """Let the requests under way finish; on a shared cluster, end what serves: its handle's loop must still run."""
    with suppress(*GONE):
        with suppress(*GONE):
            await _drain()
        if ours is None:
            return
        if is_replaced():  # at the start of the end, or while requests finished
            log.info("another server has taken its place, and goes on")
        else:
            await _end_applications({*ours} | list_left())


async def _end_applications(ours: set[str]) -> None:
    """End what serves, and Ray Serve where nothing of others runs on it: other teams name theirs as they like."""
    running = set(serve.status().applications)
    if not running - ours:
        await serve.shutdown_async()
        return
    for name in running & ours:
        await asyncio.to_thread(serve.delete, name)


def _unless_it_dies(work: Callable[[], None]) -> None:
    """Do what may wait for the cluster, until that is gone: a signal to all processes at once ends it first."""
    from ray._private import worker

    doing = threading.Thread(target=work, daemon=True)
    doing.start()
    while doing.is_alive():
        doing.join(0.05)
        node = worker._global_node
        if node and {name for name, _ in node.dead_processes()} & {"gcs_server", "raylet"}:
            doing.join(DYING_S)
            return


async def _drain() -> None:
    """Let the requests under way finish, unless another server has the place; a handle is called in an event loop."""
    ingress = serve.get_app_handle(APPLICATION)
    until = time.monotonic() + ENDING_S
    while time.monotonic() < until + ANSWER_S and not is_replaced():  # the next one's processes would drain
        responses = ingress.broadcast("drain", time.monotonic() > until)
        if not sum(await responses.results_async(timeout_s=ANSWER_S)):
            return
        await asyncio.sleep(0.1)

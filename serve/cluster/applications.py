"""A server's applications among those of a cluster: which are ours, what an earlier server left, and who serves now.

On a cluster that stays a start replaces the server before, whose models may run in other processes, and others have
applications of their own.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray import serve
from ray._private.state import jobs
from ray.exceptions import RayError
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put
from ray.serve.context import _get_global_client
from ray.serve.exceptions import RayServeException

from serve.api.ingress import Ingress
from serve.inference.replicas import DEPLOYMENTS
from train.errors import UsageError

APPLICATION = "ocr"
DEPLOYED = {APPLICATION: Ingress.name} | {task: one.name for task, one in DEPLOYMENTS.items()}  # type: ignore[attr-defined]
"""The one deployment of each application."""
OWNER, BEGINS = "ocrtune_server", " begins"
"""Key under which a cluster keeps which driver's server serves; what is added to it until that does."""
log = logging.getLogger("ocrtune")


def require_names(ours: Collection[str]) -> None:
    """Raise UsageError where an application of others has a name, or the path, that ours are to have."""
    for name, app in _list_applications().items():
        if not _is_ours(name, app) and (name in ours or app["route_prefix"] == "/"):
            raise UsageError(
                "the names of a server's applications, and the path /, must be free on the cluster",
                f"{name}, which deploys {', '.join(app['deployments']) or 'nothing yet'}",
                f"end it (ray.serve.delete({name!r})), or serve on another cluster",
            )


def make_room(ours: Collection[str], gpus: float) -> None:
    """End the server before where it has the GPUs that ours need, in other processes than ours: both would wait.

    Where the processes are the same ones Ray Serve replaces them one by one (`find_surge`).
    """
    there = list_served()
    changes = bool(there) and (there == {APPLICATION}) != ({*ours} == {APPLICATION})  # fused, it is one
    if changes and ray.available_resources().get("GPU", 0.0) < gpus:
        log.info("ending the server before: its models have the GPUs")
        for name in there:
            serve.delete(name)


def end_left(ours: Collection[str]) -> None:
    """End the models of the server before that run beside ours: they would keep their memory and their GPUs."""
    for name in list_served() - {*ours}:
        log.info("ending %s, which the server before has left", name)
        serve.delete(name)


def _list_applications() -> dict[str, dict[str, Any]]:
    """Return all applications on the cluster, by name, as Ray Serve describes them."""
    client = _get_global_client(raise_if_no_controller_running=False)
    return client.get_serve_details()["applications"] if client else {}


def _is_ours(name: str, app: dict[str, Any]) -> bool:
    """Say whether an application is a server's of ours; one that just begins deploys nothing yet."""
    return name in DEPLOYED and {*app["deployments"]} <= {DEPLOYED[name]}


def is_replaced() -> bool:
    """Say whether the server of another driver has taken the place of this one's, or is about to.

    One that was killed before it served has not: nobody else would end what it had begun.
    """
    job, begins = _find_owner()
    if job in ("", ray.get_runtime_context().get_job_id()):
        return False
    return not begins or any(one["JobID"] == job and not one["IsDead"] for one in jobs())


def list_left() -> set[str]:
    """Return what another driver's server leaves that was killed before it served, as `is_replaced` says."""
    job, begins = _find_owner()
    killed = begins and job != ray.get_runtime_context().get_job_id() and not is_replaced()
    return list_served() if killed else set()


def _find_owner() -> tuple[str, bool]:
    """Return the driver whose server serves on the cluster, empty for none, and whether it only begins to."""
    owner = (_internal_kv_get(OWNER) or b"").decode()
    return owner.removesuffix(BEGINS), owner.endswith(BEGINS)


def list_served() -> set[str]:
    """Return the names of all applications on the cluster that are a server's of ours."""
    return {name for name, app in _list_applications().items() if _is_ours(name, app)}


@contextmanager
def taking_place(ours: Collection[str], gpus: float) -> Iterator[None]:
    """Replace the server before; where the start fails or is interrupted, what it had begun ends.

    That this driver's server begins is noted before anything does: the one before may end meanwhile, and would take
    along what has just been begun in its place.
    """
    owner, job = _internal_kv_get(OWNER), ray.get_runtime_context().get_job_id()
    _internal_kv_put(OWNER, job + BEGINS, overwrite=True)
    try:
        make_room(ours, gpus)
        with _taking_back(ours):
            yield
            if _internal_kv_get(OWNER) == (job + BEGINS).encode():  # else yet another one has begun
                _internal_kv_put(OWNER, job, overwrite=True)
    except BaseException:
        with suppress(RayError):
            if owner:
                _internal_kv_put(OWNER, owner, overwrite=True)
            else:
                _internal_kv_del(OWNER)
        raise


@contextmanager
def _taking_back(ours: Collection[str]) -> Iterator[None]:
    """Where a start fails or is interrupted, end what it had begun to serve: a cluster of others would keep it."""
    ran = _get_global_client(raise_if_no_controller_running=False) is not None
    before = serve.status().applications.keys()
    try:
        yield
    except BaseException:
        with suppress(RayError, RayServeException, TimeoutError):
            begun = serve.status().applications.keys() - before
            if not ran and begun <= {*ours}:
                serve.shutdown()
            else:
                for name in begun & {*ours}:
                    serve.delete(name)
        raise

"""The Ray cluster that a search runs on: it joins one that is there, and says so, or starts its own."""

import json
import os
import signal
from collections.abc import Mapping
from typing import Any

import ray
from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR
from ray._private.services import canonicalize_bootstrap_address
from ray.experimental.internal_kv import _internal_kv_get

from train.errors import UsageError
from train.system.cluster import find_room_for_token, require_cluster, require_ray_folder
from train.system.machine.memory import ask_to_keep_freed
from train.system.machine.processor import count_cores

ADDRESS = "RAY_ADDRESS"
GIVEN_GPUS_ALONE = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1"}
"""Environment in which a process that Ray gave no GPU sees none: all trials would train on the first one."""


def check_cluster() -> None:
    """Raise UsageError if the cluster that is to be joined does not answer, or none could be started here."""
    if ray.is_initialized():
        return
    address = find_address()
    if address is None:
        require_ray_folder()
        find_room_for_token()
    else:
        require_cluster(address, _origin())


def find_address() -> str | None:
    """Return the address of the cluster that RAY_ADDRESS names, or of this machine's last one; None to start one."""
    named = os.environ.get(ADDRESS)
    if named and ("://" in named or named == "local"):
        return None if named == "local" else named
    try:
        found: str | None = canonicalize_bootstrap_address(None)
    except (ConnectionError, ValueError, OSError) as error:
        fault = f"{named}: {' '.join(str(error).split())}"
        raise UsageError(
            f"{ADDRESS} must name a Ray cluster", fault, f"name one as host:port, or unset {ADDRESS}"
        ) from error
    return found


def _origin() -> str:
    """Say where the address comes from: Ray may write that of this machine in another way than the user did."""
    named = os.environ.get(ADDRESS)
    return f"{ADDRESS}={named}" if named else "the last `ray start` on this machine"


def start_ray() -> None:
    """Join the cluster that RAY_ADDRESS names or that was started here, and say so; else start one."""
    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # our own progress lines say it
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "2")  # what a killed search loses at most
    os.environ.setdefault(
        "RAY_worker_niceness", "0"
    )  # as the command's: `nice python search/run.py` for less
    # Tune's own handler would end an interrupted search as if it were done.
    os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
    address = find_address()
    more = _of_joined() if address else _of_own()
    dashboard = ray.init(address or "local", log_to_driver=False, logging_level="ERROR", **more).dashboard_url
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # Ray's own leaves without a word on how to go on
    if address:
        print(f"Ray cluster: {address} ({_origin()}), {len(ray.nodes())} nodes", flush=True)
    if dashboard:
        print(f"Ray dashboard: http://{dashboard}", flush=True)


def _of_own() -> dict[str, Any]:
    """Return what a cluster that is started here is told; its processes have the environment of this one."""
    os.environ |= ask_to_keep_freed() | GIVEN_GPUS_ALONE
    # By itself Ray takes all cores of the machine, those too that this process may not run on.
    return {"num_cpus": count_cores()}


def _of_joined() -> dict[str, Any]:
    """Return what a cluster is told whose processes have an environment of their own.

    What a job's own runtime environment says stays as it is: Ray refuses to be told a variable twice.
    """
    said = (_read_job().get("runtime_env") or {}).get("env_vars") or {}
    told = ask_to_keep_freed() | GIVEN_GPUS_ALONE
    return {"runtime_env": {"env_vars": {name: value for name, value in told.items() if name not in said}}}


def _read_job() -> dict[str, Any]:
    """Return what Ray says of the job that this process is; nothing where it is none."""
    job: dict[str, Any] = json.loads(os.environ.get(RAY_JOB_CONFIG_JSON_ENV_VAR) or "{}")
    return job


def read_reserved_by_job() -> dict[str, Mapping[str, float]]:
    """Return what `ray job submit --entrypoint-num-cpus N` reserves as long as this search lasts, by its node's id.

    Nothing where this is no job, or it reserves nothing.
    """
    job = (_read_job().get("metadata") or {}).get("job_submission_id")
    if job is None:
        return {}
    from ray.dashboard.modules.job.common import JobInfo, JobInfoStorageClient

    key = JobInfoStorageClient.JOB_DATA_KEY.format(job_id=job)
    kept = _internal_kv_get(key, namespace=ray._private.ray_constants.KV_NAMESPACE_JOB)
    info = JobInfo.from_json(json.loads(kept)) if kept else None
    if info is None or info.driver_node_id is None:
        return {}
    amounts = {
        "CPU": info.entrypoint_num_cpus,
        "GPU": info.entrypoint_num_gpus,
        "memory": info.entrypoint_memory,
    }
    return {info.driver_node_id: {name: float(amount or 0) for name, amount in amounts.items()}}

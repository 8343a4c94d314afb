"""Ray's job server: where a retraining runs, so that it outlives the replica that started it."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from serve.errors import BusyError
from train.system.machine.memory import ask_to_keep_freed

UNKNOWN = "UNKNOWN"
CLUSTER = "OCRTUNE_CLUSTER"
"""Variable in which a job finds its cluster: Ray's own names any cluster of the machine where there are several."""
NO_JOB = "status code 404"
"""Stands in what Ray's client says of a job that its cluster does not know."""
FAILURES = (RuntimeError, ValueError, OSError)
"""Of Ray's client; a server that went away since it was found is an OSError (`requests`)."""


class Jobs(Protocol):
    """Starts commands on the cluster and tells their states."""

    def submit(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a command as the job `name`; raise BusyError if it cannot be."""

    def state(self, name: str) -> tuple[str, str]:
        """Return a job's state and the cluster's message about it.

        The state is PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED as Ray has it, or UNKNOWN. Raises BusyError
        if it cannot be asked for.
        """

    def stop(self, name: str) -> None:
        """End a job and what it started, soon; raise BusyError if it cannot be asked for."""

    def cluster(self) -> str:
        """Return what names the cluster: one that is started later is another one."""


class RayJobs:
    """The job server of the cluster that this process belongs to; needs Ray's dashboard."""

    def submit(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a command on the head node."""
        import shlex

        try:
            self._client().submit_job(
                entrypoint=shlex.join(command),
                submission_id=name,
                runtime_env={
                    "env_vars": {**ask_to_keep_freed(), **environment, CLUSTER: find_cluster_address()}
                },
            )
        except FAILURES as error:
            raise _unreachable(error) from error

    def state(self, name: str) -> tuple[str, str]:
        """Return the job's state; UNKNOWN after the cluster that ran it has ended."""
        try:
            found = self._client().get_job_info(name)
        except FAILURES as error:
            if NO_JOB not in str(error):
                raise _unreachable(error) from error
            return UNKNOWN, "the cluster that ran it has ended"
        return found.status.value, found.message or ""

    def stop(self, name: str) -> None:
        """End the job, if it has not ended."""
        try:
            self._client().stop_job(name)
        except FAILURES as error:
            raise _unreachable(error) from error

    def cluster(self) -> str:
        """Return the cluster's address, whose port is another one for each cluster that a server starts."""
        return find_cluster_address()

    def _client(self) -> Any:
        from ray.job_submission import JobSubmissionClient

        try:
            # Goes before RAY_ADDRESS; without it the client would look for any cluster on this machine.
            os.environ["RAY_API_SERVER_ADDRESS"] = find_cluster_address()
            return JobSubmissionClient()
        except FAILURES as error:
            raise _unreachable(error) from error


def find_cluster_address() -> str:
    """Return host:port of the Ray cluster that this process belongs to."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


def _unreachable(error: Exception) -> BusyError:
    return BusyError(
        "retraining needs Ray's job server",
        " ".join(str(error).split())[:300],
        "start Ray with its dashboard, end other Ray clusters on this machine, or try again",
    )

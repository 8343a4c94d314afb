"""The Ray Train backend for Paddle: the workers of a trial join one process group before they train."""

import os
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import GetTimeoutError
from ray.train.backend import Backend, BackendConfig

from train.backends import BACKENDS

SHUTDOWN_TIMEOUT_S = 5.0


@BACKENDS.register("paddle")
@dataclass
class PaddleBackendConfig(BackendConfig):
    """Selects `PaddleBackend` in Ray Train; NCCL where the workers have GPUs, Gloo elsewhere."""

    @property
    def backend_cls(self) -> type["PaddleBackend"]:
        """The class that Ray Train calls."""
        return PaddleBackend


class PaddleBackend(Backend):
    """Opens Paddle's process group on every worker, and closes it.

    Every worker sees only the GPU that Ray lent it, as device 0: a thread's default device is then the right one.
    Paddle's Gloo fails a collective after 30 s, which cannot be set: workers on CPUs must be about equally fast.
    """

    def on_start(self, worker_group: Any, backend_config: BackendConfig) -> None:
        """Tell every worker all addresses and let them join together."""
        endpoints = worker_group.execute(free_endpoint)
        joining = [
            worker_group.execute_single_async(rank, join_group, rank, endpoints)
            for rank in range(len(endpoints))
        ]
        ray.get(joining)

    def on_shutdown(self, worker_group: Any, backend_config: BackendConfig) -> None:
        """Close the groups; a worker that hangs in a collective is left to Ray, which ends its process."""
        try:
            ray.get(worker_group.execute_async(leave_group), timeout=SHUTDOWN_TIMEOUT_S)
        except GetTimeoutError:
            return


def free_endpoint() -> str:
    """Return `ip:port` of this node with a free port."""
    from ray.train._internal.utils import get_address_and_port

    address, port = get_address_and_port()
    return f"{address}:{port}"


def group_environment(rank: int, endpoints: list[str], on_gpu: bool) -> dict[str, str]:
    """Return the environment variables from which Paddle learns its place among the workers."""
    return {
        "PADDLE_TRAINER_ID": str(rank),
        "PADDLE_TRAINERS_NUM": str(len(endpoints)),
        "PADDLE_TRAINER_ENDPOINTS": ",".join(endpoints),
        "PADDLE_CURRENT_ENDPOINT": endpoints[rank],
        "PADDLE_MASTER": endpoints[0],
        "PADDLE_DISTRI_BACKEND": "nccl" if on_gpu else "gloo",
        "FLAGS_selected_gpus": "0" if on_gpu else "",
    }


def join_group(rank: int, endpoints: list[str]) -> None:
    """Join Paddle's process group as worker `rank`; a worker alone has none."""
    on_gpu = bool(ray.get_runtime_context().get_accelerator_ids().get("GPU"))
    os.environ.update(group_environment(rank, endpoints, on_gpu))
    if len(endpoints) > 1:
        import paddle

        paddle.distributed.init_parallel_env()


def leave_group() -> None:
    """Leave the process group, if there is one."""
    import paddle

    if paddle.distributed.is_initialized():
        paddle.distributed.destroy_process_group()

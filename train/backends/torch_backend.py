"""Ray Train's own backend for torch: a process group of NCCL where the workers have GPUs, of Gloo elsewhere."""

from typing import Any

from train.backends import BACKENDS


@BACKENDS.register("torch")
def torch_backend() -> Any:
    """Return the configuration that Ray's TorchTrainer uses; imported late, as it loads torch."""
    from ray.train.torch import TorchConfig

    return TorchConfig()

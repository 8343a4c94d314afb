"""Where torch computes in this process, and how it says that there is not enough memory."""

from typing import Any

WORDINGS = (
    "DefaultCPUAllocator: can't allocate memory",  # on a CPU torch has no class of its own for that
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def current_device() -> Any:
    """Return the GPU that this process was given, or the CPU; Ray sets each worker's own as the current one."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def ran_out(error: BaseException) -> bool:
    """Return whether an allocation failed: torch's own, or one of the libraries under it."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(wording in str(error) for wording in WORDINGS)


def release_cache() -> None:
    """Give the cached blocks of the GPU back."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()

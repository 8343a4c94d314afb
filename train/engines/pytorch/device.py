"""Where torch computes in this process, and how it says that there is not enough memory."""

from typing import Any

from train.engine import Engine

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


class OnTorch(Engine):
    """What every engine of torch says of its device and its memory."""

    @classmethod
    def device(cls) -> str:
        """Return torch's name of the GPU or the CPU."""
        return str(current_device())

    @classmethod
    def ran_out(cls, error: BaseException) -> bool:
        """Return whether an allocation failed: torch's own, or one of the libraries under it."""
        import torch

        if isinstance(error, MemoryError | torch.OutOfMemoryError):
            return True
        return isinstance(error, RuntimeError) and any(wording in str(error) for wording in WORDINGS)

    @classmethod
    def release(cls) -> None:
        """Give the cached blocks of the GPU back, too."""
        import torch

        super().release()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

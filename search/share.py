"""What of the cluster a trial has, and what its time costs."""

from collections.abc import Mapping

from train.config import Frozen


class TrialShare(Frozen):
    """What a trial reserves, over all its workers.

    Attributes:
        cpus: cores.
        gpus: 0 without any.
    """

    cpus: float = 1.0
    gpus: float = 0.0

    @property
    def heads(self) -> tuple[str, ...]:
        """What `seconds` returns, in words."""
        return ("CPU time", "GPU time") if self.gpus else ("CPU time",)

    def seconds(self, trial_seconds: float) -> tuple[float, ...]:
        """Return the CPU seconds and, where there are GPUs, the GPU seconds of so many seconds of a trial."""
        cpu = self.cpus * trial_seconds
        return (cpu, self.gpus * trial_seconds) if self.gpus else (cpu,)

    def __str__(self) -> str:
        parts = [f"{self.cpus:g} CPU{'s' if self.cpus != 1 else ''}"]
        parts += [f"{self.gpus:g} GPU{'s' if self.gpus != 1 else ''}"] if self.gpus else []
        return " and ".join(parts)


def share_of(resources: Mapping[str, float], workers: int) -> TrialShare:
    """Return a trial's share; `resources` are one worker's, or the trial's own with no workers."""
    factor = max(1, workers)
    return TrialShare(cpus=factor * resources.get("CPU", 0.0), gpus=factor * resources.get("GPU", 0.0))

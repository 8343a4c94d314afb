"""What the engines share: a pretrained network made ready for a charset, and its layer groups."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from train.config import TrialConfig
from train.data.charset import Charset
from train.data.images import HEIGHT_PX
from train.engines.base import Engine, Images, T, World
from train.engines.head import fit_head
from train.models import MODELS
from train.models.onnx_weights import reinflate


class NetworkEngine(Engine):
    """An engine whose network comes from `train/models` under the names that all frameworks share."""

    framework: ClassVar[str]

    def __init__(
        self, config: TrialConfig, charset: Charset, calibration: Images | None, world: World | None = None
    ) -> None:
        self._config, self.charset, self._world = config, charset, world or World()
        self._model = MODELS.get(config.model)
        weights = Path(config.weights) if config.weights else None
        self._begin()
        self._network = self._model.network(self.framework, weights)
        fit_head(self._network, self._model.head, self._model.charset(weights), charset, config.seed)
        self._place()
        if calibration is not None:
            self._calibrate(calibration)
        self._groups = {name: self._model.group(name) for name in self._network.arrays()}
        self._parameters = self._network.parameters()
        if self._world.size > 1:
            self._copy_from_first_worker()

    def _begin(self) -> None:
        """Seed the framework."""

    def _place(self) -> None:
        """Move the network to where it computes."""

    def _calibrate(self, calibration: Images) -> None:
        """Give the batch norms the statistics of typical images."""
        images = self._network.tensor(calibration)
        reinflate(self._network, lambda: self._logits(images))

    @abstractmethod
    def _copy_from_first_worker(self) -> None:
        """Start all workers from the same bits: calibration may round differently on another machine."""

    @abstractmethod
    def _resampled(self, images: Any, size: tuple[int, int]) -> Any:
        """Return image tensors resampled bilinearly to (height, width)."""

    @abstractmethod
    def _gather(self, items: list[T]) -> list[list[T]]:
        """Return every worker's items."""

    def _logits(self, images: Any) -> Any:
        """Return (N, T, C) logits of padded lines, resampled to the configured width if there is one."""
        if self._config.fit_width:
            images = self._resampled(images, (HEIGHT_PX, self._config.fit_width))
        return self._network.logits(images)

    def _is_live(self, layer: str, plan: Mapping[str, float]) -> bool:
        """Whether a layer is a batch norm that uses the statistics of the batch under a plan."""
        group = self._groups.get(f"{layer}._mean")
        return self._config.batch_norm == "live" and group is not None and plan[group] > 0

    def gather(self, items: Sequence[T]) -> list[T]:
        """Collect from all workers; alone, return the items."""
        if self._world.size == 1:
            return list(items)
        return [item for part in self._gather(list(items)) for item in part]

    def weights(self) -> dict[str, Any]:
        """Return copies of parameters and batch statistics by shared name."""
        return self._network.arrays()

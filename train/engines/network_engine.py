"""What the engines share: a pretrained network made ready for a charset, and its layer groups."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from train.config import TrialConfig
from train.data.charset import Charset
from train.data.images import HEIGHT_PX
from train.engine import Batch, Engine, Features, Images, T, World
from train.engines.adapters import Adapters, find_adapter_settings
from train.engines.alignment import distillation_loss
from train.engines.average import MovingAverage
from train.engines.dropout import drops, epoch_seed, set_dropout
from train.engines.head import fit_head, load_published_head
from train.engines.levels import group_shares
from train.engines.objectives import OBJECTIVES
from train.errors import ModelError, UsageError
from train.models import MODELS
from train.models.network import STATISTICS, Parts
from train.models.weights.reinflation import pooled, reinflate
from train.tasks import TASKS
from train.techniques import build_technique, uniform


class NetworkEngine(Engine):
    """An engine whose network comes from `train/models` under the names that all frameworks share."""

    framework: ClassVar[str]
    compiles: ClassVar[bool] = False

    def __init__(
        self, config: TrialConfig, charset: Charset, calibration: Images | None, world: World | None = None
    ) -> None:
        self._config, self.charset, self._world = config, charset, world or World()
        if config.compile and not self.compiles:
            raise UsageError(
                "compile needs an engine that compiles training steps",
                config.engine,
                "set engine: torch, or leave it out",
            )
        self._model = MODELS.get(config.model)
        self._objective = OBJECTIVES.get(TASKS.get(config.task).objective)[self.framework]
        self._distillation = build_technique(config.technique).distillation
        weights = Path(config.weights) if config.weights else None
        self._begin()
        self._network = self._model.network(self.framework, weights)
        wanted = find_adapter_settings(config)
        # A checkpoint of adapters holds no head: there it must begin as it always did.
        begins = calibration is not None and weights is not None and wanted is None
        origin = partial(load_published_head, self._model, self.framework) if begins else None
        fit_head(self._network, self._model.head, self._model.charset(weights), charset, config.seed, origin)
        self._place()
        if calibration is not None and wanted is None:
            self._calibrate(calibration)
        self._groups = {name: self._model.group(name) for name in self._network.arrays()}
        decay, example_px = config.optimiser.layer_decay, self._model.input.example_px
        self._places = group_shares(self._network, self._groups, decay, example_px)
        self._parameters = self._network.parameters()
        self._dropouts = set_dropout(config, self._network, self._model)
        if self._world.size > 1:
            self._copy_from_first_worker()
        self._adapters = Adapters(self._network, wanted, config.seed) if wanted else None
        # What the optimiser steps: the adapters, where there are some, and not the weights themselves.
        self._learning = self._adapters.parameters() if self._adapters else self._parameters
        self._moving = self._moving_average()

    @classmethod
    def objectives(cls) -> tuple[str, ...]:
        """Return those that are written for the framework."""
        return tuple(name for name in OBJECTIVES.names() if cls.framework in OBJECTIVES.get(name))

    def _moving_average(self) -> MovingAverage | None:
        """Return the average of what learns and, where they are live, of the batch statistics."""
        if not self._config.optimiser.ema:
            return None
        live = self._config.batch_norm == "live"
        statistics = {n: t for n, t in self._network.tensors().items() if live and n.endswith(STATISTICS)}
        return MovingAverage(self._network, self._learning | statistics, self._config.optimiser.ema)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Let the network hold the average of its weights, if there is one, as long as the context lasts."""
        if self._moving is None:
            yield
            return
        try:
            with self._moving.in_place():
                self._merge()
                yield
        finally:
            self._merge()

    def _merge(self) -> None:
        """Set the weights to what their adapters make of them, if there are some."""
        if self._adapters is not None:
            self._adapters.merge()

    def _begin(self) -> None:
        """Seed the framework, and what else it needs before there is a network."""
        self._seed(self._config.seed)

    def _place(self) -> None:
        """Move the network to where it computes."""

    def _calibrate(self, calibration: Images) -> None:
        """Give the batch norms the statistics of typical images."""
        with self._without_gradients():
            images = self._network.tensor(calibration)
            reinflate(self._network, partial(self._run_layers, images))

    def renew_statistics(self, batches: Iterable[Images]) -> None:
        """Measure what passes through each batch norm, while all of them normalise a batch by its own statistics."""
        self.apply_plan(uniform(1.0))
        with self._without_gradients():
            seen = [
                self._network.norm_inputs(partial(self._run_layers, self._network.tensor(images)))
                for images in batches
            ]
            self._load_learned({"weights": self._network.arrays() | pooled(seen)})

    @abstractmethod
    def _copy_from_first_worker(self) -> None:
        """Start all workers from the same bits: calibration may round differently on another machine."""

    @abstractmethod
    def _without_gradients(self) -> AbstractContextManager[Any]:
        """Compute no gradients as long as the context lasts."""

    @property
    @abstractmethod
    def _functional(self) -> Any:
        """The framework's `nn.functional`."""

    @abstractmethod
    def _gather(self, items: list[T]) -> list[list[T]]:
        """Return every worker's items."""

    def _loss(self, outputs: Any, batch: Batch) -> Any:
        """Return the mean loss per sample of raw outputs in float32, the teacher's share included."""
        loss = self._objective.loss(outputs, batch.targets, self._config.label_smoothing)
        settings = self._distillation
        if settings is None:
            return loss
        if batch.teacher is None:  # the labels alone would be another technique
            raise ValueError("a technique with a teacher needs batches that it has read")
        lacking = distillation_loss(
            self._network, self._functional, outputs, batch.teacher, settings.temperature
        )
        return settings.labels_weight * loss + settings.teacher_weight * lacking

    def _logits(self, images: Any) -> Any:
        """Return the raw outputs of images: of lines (N, T, C), resampled to the configured width if there is one."""
        return self._network.logits(self._fitted(images))

    def _read(self, images: Any) -> Any:
        """Return what the task decodes of image tensors: what an exported graph gives."""
        return self._objective.read(self._logits(images))

    def _fitted(self, images: Any) -> Any:
        if self._config.fit_width:
            size = [HEIGHT_PX, self._config.fit_width]
            return self._functional.interpolate(images, size, mode="bilinear", align_corners=False)
        return images

    def _training_outputs(self, images: Images | Features) -> Any:
        """Return what the loss compares, for arrays: of images, or of what the backbone made of them."""
        if isinstance(images, Features):
            return self._outputs(images)
        return self._compared(self._network.tensor(images))

    def _compared(self, images: Any) -> Any:
        """Return what the loss compares, of image tensors; what is read may be a part of it."""
        return self._run_layers(images)

    def _run_layers(self, images: Any) -> Any:
        """Return the same, layer by layer: a compiled network calls no hook that its layers got later."""
        return self._network.training_logits(self._fitted(images))

    def _outputs(self, images: Images | Features) -> Any:
        """Return the raw outputs of arrays: of images, or of what the backbone made of them."""
        if isinstance(images, Features):
            return self._parts().rest(self._network.layer, self._network.tensor(images.values))
        return self._logits(self._network.tensor(images))

    def _parts(self) -> Parts:
        if self._network.parts is None:
            raise ModelError(
                "a network must be cut behind its backbone", self._config.model, "train it on images"
            )
        return self._network.parts

    @property
    def has_features(self) -> bool:
        """Whether the network is cut."""
        return self._network.parts is not None

    def features(self, images: Images) -> Features:
        """Run the backbone alone; its batch norms are never live while it is frozen."""
        with self._without_gradients():
            found = self._parts().backbone(self._network.layer, self._fitted(self._network.tensor(images)))
        return Features(self._network.array_of(found))

    def _multiplier(self, name: str, plan: Mapping[str, float]) -> float:
        """Return a parameter's learning-rate multiplier under a plan; 0 where no gradient is wanted."""
        if self._adapters is not None and name not in self._adapters.weights():
            return 0.0
        place = self._places[name]
        return plan[place.group] * place.share

    def _trains(self, layer: str, plan: Mapping[str, float]) -> bool:
        """Whether a layer trains in another mode than it reads under a plan.

        That are batch norms that use the statistics of the batch, and dropout.
        """
        group = self._groups.get(f"{layer}._mean")
        live = self._config.batch_norm == "live" and group is not None and plan[group] > 0
        return live or drops(layer, self._dropouts, plan)

    def begin_epoch(self, epoch: int) -> None:
        """Seed the framework, where there is dropout."""
        if self._dropouts:
            self._seed(epoch_seed(self._config, epoch, self._world.rank))

    @abstractmethod
    def _seed(self, seed: int) -> None:
        """Seed the framework's generator."""

    def gather(self, items: Sequence[T]) -> list[T]:
        """Collect from all workers; alone, return the items."""
        if self._world.size == 1:
            return list(items)
        return [item for part in self._gather(list(items)) for item in part]

    def synchronise(self) -> None:
        """Average the batch norms' running statistics."""
        if self._world.size > 1 and self._config.batch_norm == "live":
            averaged = self._moving.statistics() if self._moving else []
            statistics = [t for n, t in self._network.tensors().items() if n.endswith(STATISTICS)]
            self._average(statistics + averaged)

    @abstractmethod
    def _average(self, tensors: list[Any]) -> None:
        """Replace every tensor by its mean over the workers."""

    def weights(self) -> dict[str, Any]:
        """Return copies of parameters and batch statistics by shared name: averaged, adapters merged."""
        with self._averaged():
            return self._network.arrays()

    def _stored_weights(self) -> dict[str, Any]:
        """Return what training goes on from: adapters alone where there are some, as the rest is as published."""
        return self._adapters.arrays() if self._adapters else self._network.arrays()

    def _stored_average(self) -> dict[str, Any]:
        """Return the moving average, empty if there is none."""
        return self._moving.arrays() if self._moving else {}

    def _load_learned(self, state: Mapping[str, Any]) -> None:
        """Set the weights of a state and their average, which starts anew where the state has none."""
        self._load_weights(state["weights"])
        if self._moving is not None and state.get("average"):
            self._moving.assign(state["average"])
        elif self._moving is not None:
            self._moving.start_anew()

    def _load_weights(self, weights: Mapping[str, Any]) -> None:
        """Set what `_stored_weights` or `weights` returned."""
        if self._adapters is not None and weights.keys() == self._learning.keys():
            self._adapters.assign(weights)
            return
        self._network.assign(weights)
        if self._adapters is not None:
            self._adapters.start_anew()

"""PyTorch engine: training of the networks in `train/models` on a CPU or a GPU."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from train.config import TrialConfig
from train.data.charset import Charset
from train.engine import GROUPS, Batch, Features, Images, T, World
from train.engines import ENGINES
from train.engines.adapters import adapted
from train.engines.network_engine import NetworkEngine
from train.engines.objectives import map_tensors
from train.engines.pytorch import optimiser as torch_optimiser
from train.engines.pytorch.device import OnTorch, current_device


@ENGINES.register("torch")
class TorchEngine(OnTorch, NetworkEngine):
    """One torch network and its optimiser."""

    framework: ClassVar[str] = "torch"
    compiles: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ("torch", "transformers")

    def __init__(
        self, config: TrialConfig, charset: Charset, calibration: Images | None, world: World | None = None
    ) -> None:
        super().__init__(config, charset, calibration, world)
        import torch

        self._plan: Mapping[str, float] = dict.fromkeys(GROUPS, 1.0)
        self._optimiser = torch_optimiser.build(
            config.optimiser, self._learning, {name: self._places[adapted(name)] for name in self._learning}
        )
        self._scaler = torch.amp.GradScaler(self._device) if config.precision == "fp16" else None
        # Widths change from batch to batch: one graph for all of them, not one for each.
        self._compiled = torch.compile(self._run_layers, dynamic=True) if config.compile else None

    def _begin(self) -> None:
        super()._begin()
        self._device = current_device()

    def _seed(self, seed: int) -> None:
        import torch

        torch.manual_seed(seed)

    def _place(self) -> None:
        import torch

        # Kernels with the channels last: oneDNN and cuDNN compute on such, and outputs follow them through the network.
        self._network.layer.to(self._device, memory_format=torch.channels_last)

    def _without_gradients(self) -> AbstractContextManager[Any]:
        import torch

        return cast(AbstractContextManager[Any], torch.no_grad())

    @property
    def _functional(self) -> Any:
        from torch.nn import functional

        return functional

    def apply_plan(self, plan: Mapping[str, float]) -> None:
        """Freeze and scale by group; batch norms of learning groups are live if the configuration says so."""
        import torch

        self._plan = plan
        for name, parameter in self._parameters.items():
            parameter.requires_grad_(self._multiplier(name, plan) > 0)
        for name, module in self._network.layer.named_modules():
            # cuDNN back-propagates through recurrent layers in training mode only; without dropout modes are alike.
            module.training = self._trains(name, plan) or isinstance(module, torch.nn.RNNBase)

    def train_step(self, batch: Batch, learning_rate: float, update: bool) -> float:
        """Run forward and backward; at an update average over workers, clip and step."""
        with self._autocast():
            outputs = self._training_outputs(batch.images)
        loss = self._loss(map_tensors(outputs, lambda part: part.float()), batch)
        scaled = loss * (batch.share / self._config.optimiser.accumulate)
        (self._scaler.scale(scaled) if self._scaler else scaled).backward()
        if update:
            self._update(learning_rate)
        return float(loss.detach())

    def _compared(self, images: Any) -> Any:
        """Return what the loss compares, by the compiled network if one is asked for."""
        return super()._compared(images) if self._compiled is None else self._compiled(images)

    def _autocast(self) -> AbstractContextManager[Any]:
        import torch

        if self._config.precision == "fp32":
            return nullcontext()
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[self._config.precision]
        return cast(AbstractContextManager[Any], torch.autocast(self._device.type, dtype))

    def _update(self, learning_rate: float) -> None:
        import torch

        gradients = [p.grad for p in self._parameters.values() if p.grad is not None]
        if self._world.size > 1:
            self._average(gradients)
        if self._adapters:
            self._adapters.take_gradients()
        torch_optimiser.set_rates(self._optimiser, learning_rate, self._plan)
        if self._scaler:
            self._scaler.unscale_(self._optimiser)
        torch.nn.utils.clip_grad_norm_(list(self._learning.values()), self._config.optimiser.clip_norm)
        if self._scaler:
            self._scaler.step(self._optimiser)
            self._scaler.update()
        else:
            self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        if self._adapters:
            self._adapters.merge()
            for parameter in self._parameters.values():
                parameter.grad = None
        if self._moving:
            self._moving.update()

    def predict(self, images: Images | Features) -> Images:
        """Run the network with stored batch statistics, in float32: an exported graph is compared with it."""
        import torch

        modes = {module: module.training for module in self._network.layer.modules()}
        self._network.layer.eval()
        # GPUs round what goes into convolutions to 11 bits unless told otherwise; training may.
        exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with self._averaged(), exact, torch.inference_mode():
            outputs = map_tensors(self._outputs(images), lambda part: part.float())
            read = self._objective.read(outputs).cpu().numpy()
        for module, training in modes.items():
            module.training = training
        return np.asarray(read, np.float32)

    def _gather(self, items: list[T]) -> list[list[T]]:
        import torch

        parts: list[Any] = [None] * self._world.size
        torch.distributed.all_gather_object(parts, items)
        return parts

    def _copy_from_first_worker(self) -> None:
        import torch

        for tensor in self._network.layer.state_dict().values():
            torch.distributed.broadcast(tensor, src=0)

    def _average(self, tensors: list[Any]) -> None:
        """Replace every tensor by its mean over the workers, in one message."""
        import torch

        with torch.no_grad():
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
            torch.distributed.all_reduce(flat)
            parts = torch.split(flat / self._world.size, [tensor.numel() for tensor in tensors])
            for tensor, part in zip(tensors, parts, strict=True):
                tensor.copy_(part.view_as(tensor))

    def state(self) -> dict[str, Any]:
        """Return weights by shared name and optimiser arrays by `shared name|accumulator`."""
        scaler = self._scaler.state_dict() if self._scaler else {}
        return {
            "weights": self._stored_weights(),
            "optimiser": torch_optimiser.accumulators(self._optimiser, self._learning),
            "scaler": {key: np.asarray(value) for key, value in scaler.items()},
            "average": self._stored_average(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Set weights and, where the state has them, the optimiser's accumulators."""
        self._load_learned(state)
        if state.get("optimiser"):
            torch_optimiser.set_accumulators(self._optimiser, self._learning, state["optimiser"])
        # Another framework's scaler starts anew: it finds its scale within a few steps.
        if self._scaler is not None and state.get("scaler", {}).keys() == self._scaler.state_dict().keys():
            self._scaler.load_state_dict({k: v.item() for k, v in state["scaler"].items()})

    @property
    def forms(self) -> int:
        """How many times `export` writes the weights."""
        from train.engines.pytorch import export as torch_export

        return 1 if torch_export.find_absent(self._config) else 2

    def export(self, directory: Path) -> dict[str, str]:
        """Write inference.onnx, and for PaddleOCR the same weights in Paddle where it is installed."""
        from train.engines.pytorch import export as torch_export

        with self._averaged():
            torch_export.export_graph(self._network.layer, self._read, self._model.input, directory)
        return torch_export.export_for_paddleocr(self, self._config, directory)

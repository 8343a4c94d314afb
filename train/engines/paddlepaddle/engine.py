"""PaddlePaddle engine: dynamic-graph training of the networks in `train/models`."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np

from train.config import TrialConfig
from train.data.charset import Charset
from train.engine import Batch, Features, Images, T, World
from train.engines import ENGINES
from train.engines.adapters import adapted
from train.engines.network_engine import NetworkEngine
from train.engines.objectives import map_tensors
from train.engines.paddlepaddle import cpu as paddle_cpu
from train.models.paddle_network import load_paddle

paddle_cpu.prepare()  # before anything imports paddle


@ENGINES.register("paddle")
class PaddleEngine(NetworkEngine):
    """One Paddle network and its optimiser."""

    framework: ClassVar[str] = "paddle"
    packages: ClassVar[tuple[str, ...]] = ("paddle", "paddlex")

    def __init__(
        self, config: TrialConfig, charset: Charset, calibration: Images | None, world: World | None = None
    ) -> None:
        super().__init__(config, charset, calibration, world)
        import paddle

        self._optimiser = _optimiser(config, self._learning)
        self._scaler = paddle.amp.GradScaler() if config.precision == "fp16" else None

    @classmethod
    def device(cls) -> str:
        """Return Paddle's name of the GPU or the CPU."""
        return str(load_paddle().device.get_device())

    @classmethod
    def release(cls) -> None:
        """Give the cached blocks of the GPU back, too."""
        super().release()
        import paddle

        if paddle.device.is_compiled_with_cuda():
            paddle.device.cuda.empty_cache()

    def _begin(self) -> None:
        load_paddle().disable_static()  # dynamic mode is per thread, and a reused actor trains in a new one
        super()._begin()

    def _seed(self, seed: int) -> None:
        import paddle

        paddle.seed(seed)

    def _without_gradients(self) -> AbstractContextManager[Any]:
        return cast(AbstractContextManager[Any], load_paddle().no_grad())

    @property
    def _functional(self) -> Any:
        from paddle.nn import functional

        return functional

    def apply_plan(self, plan: Mapping[str, float]) -> None:
        """Freeze and scale by group; batch norms of learning groups are live if the configuration says so."""
        for name, parameter in self._parameters.items():
            parameter.stop_gradient = self._multiplier(name, plan) == 0
        for name, parameter in self._learning.items():
            parameter.optimize_attr["learning_rate"] = self._multiplier(adapted(name), plan)
        self._network.layer.eval()
        for name, layer in self._network.layer.named_sublayers():
            if self._trains(name, plan):
                layer.train()

    def train_step(self, batch: Batch, learning_rate: float, update: bool) -> float:
        """Run forward and backward; at an update average over workers, clip and step."""
        with self._autocast():
            outputs = self._training_outputs(batch.images)
        loss = self._loss(map_tensors(outputs, lambda part: part.astype("float32")), batch)
        scaled = loss * (batch.share / self._config.optimiser.accumulate)
        (self._scaler.scale(scaled) if self._scaler else scaled).backward()
        if update:
            self._update(learning_rate)
        return float(loss)

    def _autocast(self) -> AbstractContextManager[Any]:
        import paddle

        if self._config.precision == "fp32":
            return nullcontext()
        dtype = {"bf16": "bfloat16", "fp16": "float16"}[self._config.precision]
        return cast(AbstractContextManager[Any], paddle.amp.auto_cast(dtype=dtype, level="O1"))

    def _update(self, learning_rate: float) -> None:
        if self._world.size > 1:
            self._average([p.grad for p in self._parameters.values() if p.grad is not None])
        if self._adapters:
            self._adapters.take_gradients()
        self._optimiser.set_lr(learning_rate)
        if self._scaler:
            self._scaler.step(self._optimiser)
            self._scaler.update()
        else:
            self._optimiser.step()
        self._optimiser.clear_grad(set_to_zero=False)
        if self._adapters:
            self._adapters.merge()
            for parameter in self._parameters.values():
                parameter.clear_gradient(set_to_zero=False)
        if self._moving:
            self._moving.update()

    def predict(self, images: Images | Features) -> Images:
        """Run the network with stored batch statistics, in float32: an exported graph is compared with it."""
        import paddle

        network = self._network.layer
        modes = {layer: layer.training for layer in network.sublayers()}
        network.eval()
        with paddle.no_grad(), self._averaged(), in_float32():
            read = self._objective.read(self._outputs(images)).numpy()
        for layer, training in modes.items():
            layer.training = training
        return np.asarray(read, np.float32)

    def _gather(self, items: list[T]) -> list[list[T]]:
        import paddle

        parts: list[list[T]] = []
        paddle.distributed.all_gather_object(parts, items)
        return parts

    def _copy_from_first_worker(self) -> None:
        import paddle

        with paddle.no_grad():
            for tensor in self._network.layer.state_dict().values():
                paddle.distributed.broadcast(tensor, src=0)

    def _average(self, tensors: list[Any]) -> None:
        """Replace every tensor by its mean over the workers, in one message."""
        import paddle

        with paddle.no_grad():
            flat = paddle.concat([tensor.reshape([-1]) for tensor in tensors])
            paddle.distributed.all_reduce(flat)
            parts = paddle.split(flat / self._world.size, [tensor.size for tensor in tensors])
            for tensor, part in zip(tensors, parts, strict=True):
                paddle.assign(part.reshape(tensor.shape), tensor)

    def state(self) -> dict[str, Any]:
        """Return weights by structure name and optimiser arrays by `structure name|accumulator`."""
        structure = {p.name: name for name, p in self._learning.items()}
        optimiser: dict[str, Any] = {}
        for key, value in self._optimiser.state_dict().items():
            owner = next((name for name in structure if key.startswith(f"{name}_")), None)
            if owner is not None:
                optimiser[f"{structure[owner]}|{key.removeprefix(owner)}"] = value.numpy()
        scaler = (
            {} if self._scaler is None else {k: np.asarray(v) for k, v in self._scaler.state_dict().items()}
        )
        return {
            "weights": self._stored_weights(),
            "optimiser": optimiser,
            "scaler": scaler,
            "average": self._stored_average(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Set weights and, where the state has them, the optimiser's accumulators."""
        import paddle

        self._load_learned(state)
        accumulators, owners = {}, {}
        for key, value in state.get("optimiser", {}).items():
            name, accumulator = key.split("|")
            parameter = owners[name] = self._learning[name]
            accumulators[f"{parameter.name}{accumulator}"] = paddle.to_tensor(value, dtype="float32")
        if accumulators:
            self._optimiser.set_state_dict(accumulators)
            # Taken over at once: Paddle refuses a parameter that thaws while loaded state is left.
            block = paddle.static.default_main_program().global_block()
            self._optimiser._create_accumulators(block, list(owners.values()))
        # Another framework's scaler starts anew: it finds its scale within a few steps.
        if self._scaler is not None and state.get("scaler", {}).keys() == self._scaler.state_dict().keys():
            self._scaler.load_state_dict({k: v.item() for k, v in state["scaler"].items()})

    def export(self, directory: Path) -> dict[str, str]:
        """Write inference.json, inference.pdiparams and inference.onnx."""
        from train.engines.paddlepaddle.export import export_graph

        with self._averaged():
            export_graph(self._network.layer, self._read, self._model.input, directory)
        return {}

    def export_for_paddleocr(self, directory: Path) -> None:
        """Write inference.json and inference.pdiparams alone."""
        from train.engines.paddlepaddle.export import save_graph

        with self._averaged():
            save_graph(self._network.layer, self._read, self._model.input, directory)


@contextmanager
def in_float32() -> Iterator[None]:
    """Let no GPU round what goes into products to 11 bits, as it does by default, as long as the context lasts."""
    import paddle

    core: Any = paddle.base.core  # the switches are in wheels for GPUs alone
    if not core.is_compiled_with_cuda():
        yield
        return
    convolutions, matrices = core.get_cudnn_switch(), core.get_cublas_switch()
    core.set_cudnn_switch(False)
    core.set_cublas_switch(False)
    try:
        yield
    finally:
        core.set_cudnn_switch(convolutions)
        core.set_cublas_switch(matrices)


def _optimiser(config: TrialConfig, parameters: dict[str, Any]) -> Any:
    import paddle

    settings = config.optimiser
    clip = paddle.nn.ClipGradByGlobalNorm(settings.clip_norm)
    common: dict[str, Any] = {
        "learning_rate": settings.learning_rate,
        "parameters": list(parameters.values()),
        "grad_clip": clip,
        "weight_decay": settings.weight_decay,
    }
    if settings.name == "adamw":
        decayed = {p.name for p in parameters.values() if p.ndim > 1}
        return paddle.optimizer.AdamW(**common, apply_decay_param_fun=lambda name: name in decayed)
    if settings.name == "adam":
        return paddle.optimizer.Adam(**common)
    return paddle.optimizer.Momentum(**common, momentum=0.9, use_nesterov=True)

"""PaddlePaddle engine: dynamic-graph training of the networks in `train/models`."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np

from train.config import TrialConfig
from train.data.charset import Charset
from train.data.images import HEIGHT_PX
from train.engines import ENGINES, paddle_cpu
from train.engines.base import Batch, Engine, Images, T, World
from train.engines.paddle_head import fit_head
from train.engines.paddle_loss import ctc_loss
from train.models import MODELS
from train.models.onnx_weights import reinflate

paddle_cpu.prepare()  # before anything imports paddle
STATISTICS = ("._mean", "._variance")


@ENGINES.register("paddle")
class PaddleEngine(Engine):
    """One Paddle network and its optimiser."""

    def __init__(
        self, config: TrialConfig, charset: Charset, calibration: Images | None, world: World | None = None
    ) -> None:
        import paddle

        self._config, self.charset, self._world = config, charset, world or World()
        self._model = MODELS.get(config.model)
        weights = Path(config.weights) if config.weights else None
        paddle.disable_static()  # dynamic mode is per thread, and a reused actor trains in a new one
        paddle.seed(config.seed)
        self._network = self._model.network(weights)
        fit_head(self._model.head(self._network), self._model.charset(weights), charset, config.seed)
        if calibration is not None:
            images = paddle.to_tensor(calibration)
            with paddle.no_grad():
                reinflate(self._network, lambda: self._logits(images))
        self._groups = self._model.groups(self._network)
        self._parameters = dict(self._network.named_parameters())
        self._optimiser = _optimiser(config, self._parameters)
        self._scaler = paddle.amp.GradScaler() if config.precision == "fp16" else None
        self._copy_from_first_worker()

    def apply_plan(self, plan: Mapping[str, float]) -> None:
        """Freeze and scale by group; batch norms of learning groups are live if the configuration says so."""
        for name, parameter in self._parameters.items():
            multiplier = plan[self._groups[name]]
            parameter.stop_gradient = multiplier == 0
            parameter.optimize_attr["learning_rate"] = multiplier
        self._network.eval()
        if self._config.batch_norm == "live":
            for name, layer in self._network.named_sublayers():
                if f"{name}._mean" in self._groups and plan[self._groups[f"{name}._mean"]] > 0:
                    layer.train()

    def train_step(self, batch: Batch, learning_rate: float, update: bool) -> float:
        """Run forward and backward; at an update average over workers, clip and step."""
        import paddle

        with self._autocast():
            logits = self._logits(paddle.to_tensor(batch.images))
        loss = ctc_loss(logits.astype("float32"), batch.targets, self._config.label_smoothing)
        scaled = loss * (batch.share / self._config.optimiser.accumulate)
        (self._scaler.scale(scaled) if self._scaler else scaled).backward()
        if update:
            self._update(learning_rate)
        return float(loss)

    def _logits(self, images: Any) -> Any:
        """Return (N, T, C) logits of padded lines, resampled to the configured width if there is one."""
        if self._config.fit_width:
            from paddle.nn import functional

            size = [HEIGHT_PX, self._config.fit_width]
            images = functional.interpolate(images, size, mode="bilinear", align_corners=False)
        return self._model.logits(self._network, images)

    def _autocast(self) -> AbstractContextManager[Any]:
        import paddle

        if self._config.precision == "fp32":
            return nullcontext()
        dtype = {"bf16": "bfloat16", "fp16": "float16"}[self._config.precision]
        return cast(AbstractContextManager[Any], paddle.amp.auto_cast(dtype=dtype, level="O1"))

    def _update(self, learning_rate: float) -> None:
        if self._world.size > 1:
            self._average([p.grad for p in self._parameters.values() if p.grad is not None])
        self._optimiser.set_lr(learning_rate)
        if self._scaler:
            self._scaler.step(self._optimiser)
            self._scaler.update()
        else:
            self._optimiser.step()
        self._optimiser.clear_grad(set_to_zero=False)

    def predict(self, images: Images) -> Images:
        """Run the network with stored batch statistics."""
        import paddle

        modes = {layer: layer.training for layer in self._network.sublayers()}
        self._network.eval()
        with paddle.no_grad():
            logits = self._logits(paddle.to_tensor(images))
            probabilities = paddle.nn.functional.softmax(logits, axis=-1).numpy()
        for layer, training in modes.items():
            layer.training = training
        return np.asarray(probabilities, np.float32)

    def gather(self, items: Sequence[T]) -> list[T]:
        """Collect from all workers; alone, return the items."""
        if self._world.size == 1:
            return list(items)
        import paddle

        parts: list[list[T]] = []
        paddle.distributed.all_gather_object(parts, list(items))
        return [item for part in parts for item in part]

    def synchronise(self) -> None:
        """Average the batch norms' running statistics."""
        if self._world.size > 1 and self._config.batch_norm == "live":
            # Paddle keeps them as parameters that take no gradient, not as buffers.
            self._average([p for name, p in self._parameters.items() if name.endswith(STATISTICS)])

    def _copy_from_first_worker(self) -> None:
        """Start all workers from the same bits: calibration may round differently on another machine."""
        if self._world.size > 1:
            import paddle

            with paddle.no_grad():
                for parameter in self._parameters.values():
                    paddle.distributed.broadcast(parameter, src=0)

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
        structure = {p.name: name for name, p in self._parameters.items()}
        optimiser: dict[str, Any] = {}
        for key, value in self._optimiser.state_dict().items():
            owner = next((name for name in structure if key.startswith(f"{name}_")), None)
            if owner is not None:
                optimiser[f"{structure[owner]}|{key.removeprefix(owner)}"] = value.numpy()
        scaler = (
            {} if self._scaler is None else {k: np.asarray(v) for k, v in self._scaler.state_dict().items()}
        )
        return {"weights": self.weights(), "optimiser": optimiser, "scaler": scaler}

    def weights(self) -> dict[str, Any]:
        """Return parameters and buffers by structure name."""
        return {name: tensor.numpy() for name, tensor in self._network.state_dict().items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Set weights and, where the state has them, the optimiser's accumulators."""
        import paddle

        self._network.set_state_dict(dict(state["weights"]))
        accumulators, owners = {}, {}
        for key, value in state.get("optimiser", {}).items():
            name, accumulator = key.split("|")
            parameter = owners[name] = self._parameters[name]
            accumulators[f"{parameter.name}{accumulator}"] = paddle.to_tensor(value)
        if accumulators:
            self._optimiser.set_state_dict(accumulators)
            # Taken over at once: Paddle refuses a parameter that thaws while loaded state is left.
            block = paddle.static.default_main_program().global_block()
            self._optimiser._create_accumulators(block, list(owners.values()))
        if self._scaler is not None and state.get("scaler"):
            self._scaler.load_state_dict({k: v.item() for k, v in state["scaler"].items()})

    def export(self, directory: Path) -> None:
        """Write inference.json, inference.pdiparams and inference.onnx."""
        from train.engines.paddle_export import export_graph

        export_graph(self._network, self._logits, directory)


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

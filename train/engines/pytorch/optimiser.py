"""torch's optimisers, and their state under the names and shapes that checkpoints hold: Paddle's.

A run that began in one framework therefore goes on in the other with the momentum that it had.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from train.config import OptimiserConfig
from train.engines.levels import GroupShare
from train.models.network import Array
from train.models.torch_network import to_shared

BETAS = (0.9, 0.999)
MOMENTUM = 0.9
MOMENTS = {"exp_avg": "_moment1_0", "exp_avg_sq": "_moment2_0", "momentum_buffer": "_velocity_0"}
POWERS = ("_beta1_pow_acc_0", "_beta2_pow_acc_0")
FORGOTTEN = 10**6  # steps after which no bias is left to correct

Multipliers = Mapping[str, float]


def build(settings: OptimiserConfig, parameters: Mapping[str, Any], places: Mapping[str, GroupShare]) -> Any:
    """Return an optimiser with a parameter group for every `place` of its parameters.

    AdamW decays matrices and kernels alone, as the Paddle engine has it. On a CPU a step of Adam's is one pass over
    the memory, where torch by itself makes ten.
    """
    import torch

    members: dict[tuple[GroupShare, bool], list[Any]] = {}
    for name, parameter in parameters.items():
        decays = settings.name != "adamw" or parameter.ndim > 1
        members.setdefault((places[name], decays), []).append(parameter)
    param_groups = [
        {"params": params, "place": place, "weight_decay": settings.weight_decay if decays else 0.0}
        for (place, decays), params in members.items()
    ]
    if settings.name == "sgd":
        rate = settings.learning_rate
        return torch.optim.SGD(param_groups, lr=rate, momentum=MOMENTUM, nesterov=True)
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.name]
    on_cpu = all(parameter.device.type == "cpu" for parameter in parameters.values())
    return kind(param_groups, lr=settings.learning_rate, betas=BETAS, fused=on_cpu or None)


def set_rates(optimiser: Any, learning_rate: float, multipliers: Multipliers) -> None:
    """Set every parameter group's rate."""
    for group in optimiser.param_groups:
        place = group["place"]
        group["lr"] = learning_rate * (multipliers[place.group] * place.share)


def accumulators(optimiser: Any, parameters: Mapping[str, Any]) -> dict[str, Array]:
    """Return copies of the optimiser's arrays by `name|accumulator`."""
    found: dict[str, Array] = {}
    for name, parameter in parameters.items():
        for key, value in optimiser.state.get(parameter, {}).items():
            if key in MOMENTS:
                array = to_shared(name, value.cpu().numpy().copy())
                found[f"{name}|{MOMENTS[key]}"] = array
            elif key == "step":
                for power, beta in zip(POWERS, BETAS, strict=True):
                    # float64, from which the step is found again exactly.
                    found[f"{name}|{power}"] = np.array([beta ** (float(value) + 1)])
    return found


def set_accumulators(optimiser: Any, parameters: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Continue from what `accumulators` returned, or from the Paddle engine's."""
    import torch

    keys = {shared: key for key, shared in MOMENTS.items()}
    optimiser.state.clear()
    for full_name, array in arrays.items():
        name, accumulator = full_name.split("|")
        parameter = parameters[name]
        if accumulator in keys:
            value = torch.from_numpy(to_shared(name, np.array(array, np.float32)))
            # In the parameter's order of memory, as the optimiser makes them itself.
            optimiser.state[parameter][keys[accumulator]] = torch.empty_like(parameter).copy_(value)
        elif accumulator == POWERS[1]:
            optimiser.state[parameter]["step"] = torch.tensor(float(_steps(float(array.item()))))


def _steps(power: float) -> int:
    """Return n of beta2 ** (n + 1)."""
    return round(math.log(power) / math.log(BETAS[1])) - 1 if power > 0 else FORGOTTEN

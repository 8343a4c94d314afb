"""`engine: auto`: of the engines that are installed, the one whose training step is the fastest here.

    python -m train.engines.choice [--model NAME ...]

Each engine takes its steps in a process of its own: no framework gets in another's way, or stays loaded.
"""

import argparse
import importlib.util
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

if __name__ == "__main__":
    from train.system.cli import main_guard

    main_guard("train.engines.choice")

from train.config import TrialConfig
from train.engine import GROUPS, Features, World
from train.engines import ENGINES
from train.errors import ModelError, UsageError
from train.models import MODELS
from train.system.cli import Parser
from train.system.machine.memory import ask_to_keep_freed
from train.system.machine.processes import end_with_parent
from train.system.machine.processor import count_cores
from train.tasks import TASKS

AUTO = "auto"
REPOSITORY = Path(__file__).resolve().parent.parent.parent
POLL_S = 0.2
STEPS = 3  # the first ones build what later ones reuse; the fastest counts


@dataclass(frozen=True)
class EngineChoice:
    """An engine, and why it is the one."""

    engine: str
    reason: str


def resolve(
    engine: str,
    models: Sequence[str],
    threads: int | None = None,
    weights: str | None = None,
    limit_s: float | None = None,
) -> str:
    """Return the engine to use, saying why if it is `auto` that was asked for.

    Args:
        engine: as asked for; empty if the configurations say it.
        models: to be trained.
        threads: that a training process will have; None for what each framework takes by itself.
        weights: that they start from; None for their official ones.
        limit_s: seconds after which the engines that have shown their steps are enough; None to wait for all.

    Raises:
        UsageError: if the engine that is asked for has no network of one of the models.
    """
    if engine != AUTO:
        if engine:
            check_holds(engine, models)
        return engine
    choice = choose(models, threads, weights, limit_s)
    print(f"engine: {choice.engine} - {choice.reason}", flush=True)
    return choice.engine


def choose(
    models: Sequence[str], threads: int | None, weights: str | None = None, limit_s: float | None = None
) -> EngineChoice:
    """Measure the installed engines on all `models`; raise ModelError if none can train them."""
    able = [name for name in ENGINES.names() if is_installed(name) and holds(name, models)]
    if not able:
        raise ModelError(
            "an engine must be installed that holds the model",
            f"none for {', '.join(models)}",
            "install paddlepaddle or torch and transformers, as pyproject.toml pins them",
        )
    if len(able) == 1:
        return EngineChoice(able[0], "the only one installed that holds the model")
    enough = Event()
    with ThreadPoolExecutor(count_places(threads, len(able))) as pool:
        runs = {pool.submit(measure, name, models, threads, weights, enough): name for name in able}
        try:
            left = wait(runs, limit_s).not_done
            while left and all(math.isinf(run.result()) for run in runs if run.done()):
                left = wait(left, return_when=FIRST_COMPLETED).not_done
        finally:
            enough.set()
    choice = find_fastest({name: run.result() for run, name in runs.items()})
    late = " and ".join(sorted(runs[run] for run in left if math.isinf(run.result())))
    return (
        replace(choice, reason=f"{choice.reason}; {late} took over {limit_s:.0f} s to show")
        if late
        else choice
    )


def count_places(threads: int | None, engines: int) -> int:
    """Return how many engines can be measured side by side, each on cores of its own; None threads may be all cores."""
    return max(1, min(engines, count_cores() // threads)) if threads else 1


def is_installed(engine: str) -> bool:
    """Whether an engine's packages are there."""
    return all(importlib.util.find_spec(package) is not None for package in ENGINES.get(engine).packages)


def holds(engine: str, models: Sequence[str]) -> bool:
    """Whether every model has a network in an engine's framework."""
    return all(engine in MODELS.get(model).frameworks() for model in models)


def check_holds(engine: str, models: Sequence[str]) -> None:
    """Raise UsageError, naming the engines that would do, if an engine lacks one of the models."""
    if engine != AUTO and not holds(engine, models):
        others = ", ".join(name for name in ENGINES.names() if holds(name, models)) or "none holds them all"
        raise UsageError(
            f"the engine {engine} must hold every model",
            ", ".join(models),
            f"choose the engine {AUTO} or: {others}",
        )


def find_fastest(seconds: Mapping[str, float]) -> EngineChoice:
    """Return the engine with the shortest step, in seconds for all models together."""
    best = min(seconds, key=lambda name: seconds[name])
    if math.isinf(seconds[best]):
        raise ModelError("an engine must train here", "none does", "see the errors above")
    figures = ", ".join(
        f"{name} {value:.2f} s" for name, value in sorted(seconds.items()) if value < math.inf
    )
    return EngineChoice(best, f"its steps are the fastest here: {figures}")


def measure(
    engine: str,
    models: Sequence[str],
    threads: int | None,
    weights: str | None = None,
    enough: Event | None = None,
) -> float:
    """Return the seconds of a step of every model, measured in a new process.

    Infinite if it cannot, or is not done when `enough` is set.
    """
    command = [sys.executable, "-m", "train.engines.choice", "--measure", engine, "--model", *models]
    command += ["--parent", str(os.getpid())]
    command += ["--weights", str(Path(weights).absolute())] if weights else []
    environment = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **ask_to_keep_freed(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        while True:
            try:
                said, errors = run.communicate(timeout=POLL_S)
                break
            except subprocess.TimeoutExpired:
                if enough and enough.is_set():
                    run.kill()
                    return math.inf
    if run.returncode:
        print(f"engine {engine} cannot train here: {errors.strip()[-300:]}", file=sys.stderr)
        return math.inf
    return float(json.loads(said.splitlines()[-1]))


def step_seconds(engine_name: str, model: str, weights: str | None = None) -> float:
    """Return the seconds of a full training step on images of a usual size, in this process."""
    task = MODELS.get(model).task
    charset, batch = TASKS.get(task).example(TASKS.get(task).timed)
    assert not isinstance(batch.images, Features)
    config = TrialConfig(task=task, engine=engine_name, model=model, weights=weights)
    engine = ENGINES.get(engine_name)(config, charset, batch.images, World())
    engine.apply_plan(dict.fromkeys(GROUPS, 1.0))
    seconds = []
    for _ in range(STEPS):
        started = time.perf_counter()
        engine.train_step(batch, learning_rate=0.0, update=True)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    usual = TrialConfig().model
    parse = Parser(
        prog="python -m train.engines.choice",
        description="Measure which engine's training step is the fastest here.",
    )
    parse.add_argument(
        "--model",
        nargs="+",
        default=[usual],
        metavar="NAME",
        help=f"models that must train (default: {usual})",
    )
    parse.add_argument(
        "--threads", type=int, metavar="N", help="of a training process (default: each framework's own)"
    )
    parse.add_argument("--weights", metavar="DIR", help="that the models start from (default: official ones)")
    parse.add_argument("--measure", help=argparse.SUPPRESS)
    parse.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    return parse


def main(arguments: Sequence[str]) -> None:
    """Say which engine `auto` is here, and why."""
    chosen = parser().parse_args(arguments)
    if chosen.measure:
        end_with_parent(chosen.parent)
        seconds = [step_seconds(chosen.measure, model, chosen.weights) for model in chosen.model]
        print(json.dumps(sum(seconds)))
    else:
        resolve(AUTO, chosen.model, chosen.threads, chosen.weights)

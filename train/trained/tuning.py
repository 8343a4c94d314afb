"""Settings that need no training, such as a detector's thresholds, chosen on what a trained network predicts."""

from collections.abc import Iterator
from dataclasses import replace

from train.checkpoint import Checkpoint
from train.config import TrialConfig, flatten
from train.data.batching.batches import Indices
from train.data.dataset import Dataset
from train.engine import Engine, Images
from train.tasks import TASKS, Task
from train.trained.loaded import Loaded, load_network


def tuned(checkpoint: Checkpoint, val: Dataset) -> Checkpoint:
    """Return a checkpoint with the settings that do best on the validation split; the weights stay as they are.

    Its metrics are then those with them. A task without such settings returns the very checkpoint.
    """
    if not TASKS.get(checkpoint.config.task).tunes:
        return checkpoint
    return tune(load_network(checkpoint, val), val).checkpoint


def tune(network: Loaded, val: Dataset) -> Loaded:
    """Return the network with the settings of its task that do best on the validation split, as `tuned` does."""
    if not network.task.tunes:
        return network
    checkpoint = network.checkpoint
    config = chosen(network.engine, network.task, val)
    task = TASKS.get(config.task)(config, checkpoint.charset)
    better = Loaded(network.engine, task, checkpoint=replace(checkpoint, config=config))
    before, after = network.read(val).scores, better.read(val).scores
    print(
        f"chosen after training: {_said(checkpoint.config, config)}; "
        f"{task.terms.short[0]} {before.primary:.3f} before, {after.primary:.3f} with them",
        flush=True,
    )
    return better.with_metrics(after.metrics())


def chosen(engine: Engine, task: Task, val: Dataset) -> TrialConfig:
    """Return the task's configuration with the settings that do best with a network's outputs."""
    return task.tuned(_outputs(engine, task, val), val)


def _outputs(engine: Engine, task: Task, data: Dataset) -> Iterator[tuple[Indices, Images]]:
    for indices in task.evaluation_batches(data):
        yield indices, engine.predict(task.evaluation_batch(data, indices))


def _said(before: TrialConfig, after: TrialConfig) -> str:
    """Return the settings that differ, with their new values."""
    changed = flatten(after.model_dump()).items() - flatten(before.model_dump()).items()
    return ", ".join(f"{key} {value:g}" for key, value in sorted(changed)) or "nothing else than before"

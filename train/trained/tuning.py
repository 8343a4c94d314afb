"""Settings that need no training, such as a detector's thresholds, chosen on what a trained network predicts."""

from dataclasses import replace

from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.dataset import Dataset
from train.system.dotted import flatten
from train.tasks import TASKS, Sizes
from train.trained.loaded import Assembled, Loaded, load_network


def with_tuned_settings(
    checkpoint: Checkpoint, val: Dataset, learnt: Sizes | None = None, chosen: TrialConfig | None = None
) -> Checkpoint:
    """Return a checkpoint with the settings that do best on the validation split; the weights stay as they are.

    The metrics are measured with the chosen settings. For a task without any it is the same checkpoint.

    Args:
        checkpoint: of a network.
        val: the validation split.
        learnt: sizes of the images that it was trained on; None for a pretrained one, or if they are not known.
        chosen: holds what was chosen on more samples, of which that alone counts; None to choose on this split.
    """
    if not TASKS.get(checkpoint.config.task).tunes:
        return checkpoint
    return tune(load_network(checkpoint, val), val, learnt, chosen).checkpoint


def tune(
    network: Loaded, val: Dataset, learnt: Sizes | None = None, chosen: TrialConfig | None = None
) -> Loaded:
    """Return the network with the settings of its task that do best on the validation split (`with_tuned_settings`)."""
    if not network.task.tunes:
        return network
    checkpoint = network.checkpoint
    if chosen is None:
        config = choose_settings(network, val, learnt)
    else:
        config = checkpoint.config.model_copy(update={"detection": chosen.detection})
    task = TASKS.get(config.task)(config, checkpoint.charset)
    better = Loaded(network.engine, task, checkpoint=replace(checkpoint, config=config)).with_outputs_of(
        network
    )
    before, after = network.read(val).scores, better.read(val).scores
    print(
        f"chosen after training: {_describe_changes(checkpoint.config, config)}; "
        f"{task.terms.short[0]} {before.primary:.3f} before, {after.primary:.3f} with them",
        flush=True,
    )
    return better.with_metrics(after.metrics())


def choose_settings(network: Assembled, val: Dataset, learnt: Sizes | None = None) -> TrialConfig:
    """Return the task's configuration with the settings that do best with a network's outputs."""
    outputs = ((indices, network.output(val, indices)) for indices in network.task.evaluation_batches(val))
    return network.task.tuned(outputs, val, learnt)


def _describe_changes(before: TrialConfig, after: TrialConfig) -> str:
    """Return the settings that differ, with their new values."""
    changed = flatten(after.model_dump()).items() - flatten(before.model_dump()).items()
    return ", ".join(f"{key} {value:g}" for key, value in sorted(changed)) or "nothing else than before"

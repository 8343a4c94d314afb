"""Models to read with - a bundle, a checkpoint, a pretrained one - and what they predict."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.bundle import Bundle, load_bundle
from train.checkpoint import Checkpoint
from train.config import TrialConfig, config_from_mapping
from train.data.dataset import Dataset
from train.errors import UsageError
from train.reading.settings import ReadingSettings
from train.steps.fits import check_model, models_for
from train.system.machine.processor import count_cores
from train.system.onnx_session import run
from train.tasks import TASKS, Task

DETECTION = "detection"


@dataclass(frozen=True)
class Read:
    """A model to read with.

    Attributes:
        config: that it was trained with, or would be.
        bundle: None for one that its framework runs.
        checkpoint: None for a pretrained one, as it is.
        text_model: behind its outputs; None for reading greedily.
        precision: of the bundle's graph, `float32` or `int8`.
    """

    config: TrialConfig
    bundle: Bundle | None = None
    checkpoint: Checkpoint | None = None
    text_model: ReadingSettings | None = None
    precision: str = "float32"


def detector(source: str, engine: str | None = None) -> Read:
    """Return the detector in a bundle's folder, or the pretrained one of that name, run by `engine`.

    Raises:
        CheckpointError, UsageError: if it is no detector, or there is none.
    """
    from train.models import MODELS

    if source in MODELS.names():
        check_model(source, DETECTION)
        return Read(TrialConfig(task=DETECTION, model=source, engine=engine or TrialConfig().engine))
    if not Path(source).is_dir():
        raise UsageError(
            "--detection must be a bundle's folder or a pretrained detector",
            source,
            f"check the path, or choose from: {', '.join(models_for(DETECTION))}",
        )
    bundle = load_bundle(Path(source))
    bundle.require_task(DETECTION)
    return Read(config_from_mapping(bundle.manifest.config, source), bundle)


def read(
    model: Read, data: Dataset, threads: int | None = None, *, words: bool = False
) -> tuple[Task, list[Any]]:
    """Return the model's task and its predictions, in dataset order; with `words`, those of `Recognition.by_words`.

    A graph is run on so many cores, by default on all of this process.
    """
    if model.bundle and model.bundle.has_graph:
        return _read_graph(model, model.bundle, data, threads or count_cores(), words)
    from train.loop import assemble
    from train.steps import validation

    checkpoint = model.checkpoint
    if model.bundle:  # without a graph: on the weights that it was trained on
        state = {"weights": model.bundle.weights()}
        checkpoint = Checkpoint(model.config, model.bundle.charset, 0, {}, state)
    engine, task = assemble(model.config, data, checkpoint)
    task = _as_asked(task, model, words)
    return task, validation.read(engine, task, data)[0]


def _as_asked(task: Any, model: Read, words: bool) -> Any:
    task = task.reading_with(model.text_model) if model.text_model else task
    return task.by_words if words else task


def _read_graph(
    model: Read, bundle: Bundle, data: Dataset, threads: int, words: bool
) -> tuple[Task, list[Any]]:
    """Read with onnxruntime on `threads` cores, without a framework."""
    task = _as_asked(TASKS.get(model.config.task)(model.config, bundle.charset), model, words)
    session = bundle.session(threads, model.precision)
    found: dict[int, Any] = {}
    for indices in task.evaluation_batches(data):
        output = run(session, task.evaluation_batch(data, indices))
        found |= zip(indices.tolist(), task.decode(output, data, indices), strict=True)
    return task, [found[index] for index in range(len(data))]

"""A teacher: a trained model that says, for every batch, what a student of distillation should read.

It sees the same lines as the student, changed alike, each as wide as its own configuration has them.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from train.bundle import MANIFEST, load_bundle
from train.checkpoint import META, load_checkpoint
from train.config import DistillationSettings, TrialConfig
from train.data.batching.batches import Indices
from train.data.charset import BLANK, Charset
from train.data.dataset import Dataset
from train.engine import Batch, Features, Images, World
from train.engines import ENGINES
from train.errors import ModelError, UsageError
from train.models import MODELS
from train.system.onnx_session import run
from train.tasks import TASKS, Batches, Task
from train.techniques import build_technique

log = logging.getLogger(__name__)
Read = Callable[[Images], Images]
Reach = npt.NDArray[np.float64]
SHOWN = 40
LEAST_KNOWN = 1e-6  # a teacher this sure of characters that its student lacks says nothing about the others


class Teacher:
    """Reads images and puts what it reads into a student's classes and steps."""

    def __init__(
        self,
        read: Read,
        charset: Charset,
        student: Charset,
        temperature: float,
        fit_width: int | None = None,
    ) -> None:
        """Take who reads, in which classes; raise UsageError if the two charsets share no character.

        Args:
            read: (N, 3, 48, W) images to (N, T, charset.classes) probabilities.
            charset: the teacher's classes.
            student: the classes to teach.
            temperature: by which the teacher is softened.
            fit_width: pixels that its lines are resampled to, 0 for their own width; None for as the student has them.
        """
        self._read, self._temperature, self._classes = read, temperature, student.classes
        self.fit_width = fit_width
        self._theirs, self._ours = shared_classes(charset, student)

    def teach(self, images: Images, steps: int, reach: Reach | None = None) -> Images:
        """Return (N, steps, C) float32: what the student should read, softened (see `Batch.teacher` and `align`)."""
        shared = self._read(images)[:, :, self._theirs]
        soft = np.zeros((len(images), steps, self._classes), np.float32)
        soft[:, :, self._ours] = soften(align(shared, steps, reach), self._temperature)
        return soft


def shared_classes(teacher: Charset, student: Charset) -> tuple[list[int], list[int]]:
    """Return the classes of teacher and student, pair by pair, that mean the same; the blanks are the first pair.

    What only the teacher knows is dropped, what only the student knows is taught to be absent.
    """
    their_class = {character: i for i, character in enumerate(teacher.characters, BLANK + 1)}
    pairs = [(BLANK, BLANK)] + [
        (their_class[c], i) for i, c in enumerate(student.characters, BLANK + 1) if c in their_class
    ]
    if len(pairs) == 1:
        raise UsageError(
            "a teacher must know characters of its student",
            f"none of {''.join(student.characters[:20])!r}",
            "choose a teacher that reads this alphabet",
        )
    theirs, ours = zip(*pairs, strict=True)
    return list(theirs), list(ours)


def align(probabilities: Images, steps: int, reach: Reach | None = None) -> Images:
    """Return (N, S, C) probabilities at `steps` output steps, (N, steps, C); the first class is the blank.

    Steps divide the image's width evenly. A student's step lies between the centres of two of the teacher's and gets
    their linear interpolation; the outermost half steps repeat the first or the last. What the student alone sees is
    padding: blanks.

    Args:
        probabilities: of the teacher's steps.
        steps: of the student.
        reach: (N,) how many times as much of each line's width the student's image shows; None for the same.
    """
    count, teacher_steps, _ = probabilities.shape
    if reach is None and teacher_steps == steps:
        return probabilities
    wider = np.ones(count) if reach is None else reach
    centres = np.outer(wider, np.arange(steps) + 0.5) * teacher_steps / steps - 0.5
    within = np.clip(centres, 0, teacher_steps - 1)
    before = np.floor(within).astype(int)[:, :, None]
    after = np.minimum(before + 1, teacher_steps - 1)
    share = (within[:, :, None] - before).astype(np.float32)
    first, second = (np.take_along_axis(probabilities, places, axis=1) for places in (before, after))
    found = np.asarray((1 - share) * first + share * second, np.float32)
    padding = centres > teacher_steps - 0.5
    found[padding] = 0
    found[padding, BLANK] = 1
    return found


def soften(probabilities: Images, temperature: float) -> Images:
    """Return p ** (1 / temperature), normalised: the softmax of the logits divided by the temperature.

    Args:
        probabilities: (..., C) of the classes that teacher and student share: the rest of 1 went to others.
        temperature: above 0.

    Returns:
        the same shape, each step summing to 1; 0 everywhere in a step of which less than LEAST_KNOWN is there.
    """
    enough = probabilities.sum(-1, keepdims=True) >= LEAST_KNOWN
    peak = probabilities.max(-1, keepdims=True)
    # Divided by the peak first, the largest is 1 at any temperature.
    powers = np.power(probabilities / np.where(enough, peak, 1), 1 / temperature, dtype=np.float32)
    return np.where(enough, powers / np.where(enough, powers.sum(-1, keepdims=True), 1), 0).astype(np.float32)


class Taught:
    """Batches that a teacher has read, those to train on alone."""

    def __init__(self, config: TrialConfig, source: Batches, teacher: Teacher) -> None:
        self._source, self._teacher, self._steps = source, teacher, MODELS.get(config.model).steps
        self._own: Batches | None = None
        if teacher.fit_width is not None and teacher.fit_width != config.fit_width:
            assert isinstance(source, Task)  # `feature_cache` stands in for none where a teacher reads
            self._own = source.at_width(teacher.fit_width)

    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Return the source's batch and what the teacher reads in its lines."""
        batch = self._source.batch(data, indices, epoch)
        steps = self._steps(_images(batch).shape[3])
        if self._own is None:
            return replace(batch, teacher=self._teacher.teach(_images(batch), steps))
        seen = self._own.batch(data, indices, epoch)
        reach = _spans(batch) / _spans(seen)
        return replace(batch, teacher=self._teacher.teach(_images(seen), steps, reach))

    def evaluation_batch(self, data: Dataset, indices: Indices) -> Images | Features:
        """Return the source's."""
        return self._source.evaluation_batch(data, indices)


def _images(batch: Batch) -> Images:
    assert not isinstance(batch.images, Features)  # `feature_cache` has none where a teacher reads
    return batch.images


def _spans(batch: Batch) -> Reach:
    """Return (N,) the pixels of each line's width that a batch shows."""
    if batch.spans_px is None:
        return np.full(len(batch.images), float(_images(batch).shape[3]))
    return batch.spans_px.astype(np.float64)


def read_by_teacher(source: Batches, config: TrialConfig, student: Charset) -> Batches:
    """Return the batches read by the configuration's teacher; the source itself if it has none."""
    teacher = build_teacher(config, student)
    return Taught(config, source, teacher) if teacher else source


def build_teacher(config: TrialConfig, student: Charset) -> Teacher | None:
    """Return the teacher of a configuration, ready to read; None if its technique has none.

    Raises:
        UsageError: if it is not there, is what the student starts from, or knows none of its characters.
        CheckpointError, ModelError: if its folder is damaged, or what it needs is not installed.
    """
    settings = check_teacher(config)
    if settings is None:
        return None
    if settings.teacher in MODELS.names():
        read, charset, fit_width = _published(settings.teacher, config, student)
    elif _is_bundle(settings.teacher):
        read, charset, fit_width = _from_bundle(Path(settings.teacher), config)
    else:
        read, charset, fit_width = _from_checkpoint(Path(settings.teacher), config)
    teacher = Teacher(read, charset, student, settings.temperature, fit_width)
    if lacking := sorted(set(student.characters) - set(charset.characters)):
        shown = "".join(lacking[:SHOWN])
        log.warning("the teacher lacks %d of the student's characters: %s", len(lacking), shown)
    return teacher


def check_teacher(config: TrialConfig) -> DistillationSettings | None:
    """Return the distillation that a configuration asks for, its teacher looked for but not loaded.

    Raises:
        UsageError: if it is not there, is what the student starts from, or the task has nothing to teach.
    """
    settings = build_technique(config.technique).distillation
    if settings is None:
        return None
    if not TASKS.get(config.task).spells:
        raise UsageError(
            "a teacher teaches to read texts", f"the task {config.task}", "choose another technique"
        )
    find_teacher(settings.teacher)
    start = config.weights or config.model
    if settings.teacher == start or Path(settings.teacher).resolve() == Path(start).resolve():
        raise UsageError(
            "a teacher must not be what its student starts from",
            settings.teacher,
            "choose a better model, or the folder of one that was trained further",
        )
    return settings


def find_teacher(teacher: str) -> None:
    """Raise UsageError if a teacher's name is neither a registered model nor the folder of a trained one."""
    if teacher in MODELS.names() or _is_bundle(teacher) or (Path(teacher) / META).is_file():
        return
    raise UsageError(
        "a teacher must be a registered model, or the folder of a bundle or checkpoint",
        f"{teacher!r} (no {MANIFEST} or {META} in {Path(teacher).absolute()})",
        "give an absolute path that every machine which trains can read, or choose from: "
        f"{', '.join(MODELS.names())}",
    )


def _is_bundle(teacher: str) -> bool:
    return (Path(teacher) / MANIFEST).is_file()


def _published(name: str, config: TrialConfig, student: Charset) -> tuple[Read, Charset, int]:
    """Read with a model's published weights, as the student's configuration has lines resampled.

    Its head is cut to the characters that both know: the same probabilities as dropping the others, sooner.
    """
    frameworks = MODELS.get(name).frameworks()
    _, ours = shared_classes(MODELS.get(name).charset(None), student)
    both = Charset(tuple(student.characters[i - 1] for i in ours[1:]))
    engine = config.engine if config.engine in frameworks else frameworks[0]
    settings = TrialConfig(task=config.task, engine=engine, model=name, fit_width=config.fit_width)
    return ENGINES.get(engine)(settings, both, None, World()).predict, both, config.fit_width


def _from_checkpoint(folder: Path, config: TrialConfig) -> tuple[Read, Charset, int]:
    """Read with a checkpoint in its own engine."""
    checkpoint = load_checkpoint(folder)
    _check_task(folder, checkpoint.config.task, config)
    engine = ENGINES.get(checkpoint.config.engine)(checkpoint.config, checkpoint.charset, None, World())
    engine.load({"weights": checkpoint.state["weights"]})
    return engine.predict, checkpoint.charset, checkpoint.config.fit_width


def _from_bundle(folder: Path, config: TrialConfig) -> tuple[Read, Charset, int]:
    """Read with onnxruntime on as many threads as the frameworks have here."""
    bundle = load_bundle(folder)
    _check_task(folder, bundle.manifest.task, config)
    session = bundle.session(int(os.environ.get("OMP_NUM_THREADS", "0")))
    fit_width = int(bundle.manifest.config.get("fit_width", 0))
    return lambda images: run(session, images), bundle.charset, fit_width


def _check_task(folder: Path, task: str, config: TrialConfig) -> None:
    if task != config.task:
        raise ModelError(
            "a teacher must have its student's task", f"{folder}: {task}", f"choose one for {config.task}"
        )

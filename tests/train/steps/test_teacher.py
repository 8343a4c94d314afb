"""Distillation: its loss, how a teacher's classes and steps become the student's, and who may teach."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.real_lines import RECOGNISERS, config, few_lines, run, whole_batches
from train.checkpoint import Checkpoint
from train.data.batching.batches import training_batches
from train.data.charset import Charset
from train.engine import Batch, Images, World
from train.engines import alignment
from train.engines.alignment import following
from train.errors import UsageError
from train.export import export_checkpoint
from train.loop import TrainingData, assemble, train
from train.run import main
from train.steps.teacher import Taught, Teacher, align, check_teacher, read_by_teacher, shared_classes, soften
from train.techniques import uniform

Array = npt.NDArray[np.float32]
ALPHABET = "ABCDEFGH"
charsets = st.sets(st.sampled_from(ALPHABET)).map(lambda found: Charset(("X", *sorted(found))))
temperatures = st.sampled_from([0.05, 0.5, 1.0, 2.0, 20.0])
EACH_ENGINE = pytest.mark.parametrize("name", RECOGNISERS)


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return few_lines(data_dir)


def logits_of(seed: int, steps: int, classes: int, lines: int = 2) -> Array:
    values = np.random.default_rng(seed).normal(0, 4, (lines, steps, classes))
    return values.astype(np.float32)


def softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float32)


def distill(teacher: str = "pp-ocrv6-small", **options: Any) -> dict[str, Any]:
    return {"technique": {"name": "distill", "options": {"teacher": teacher, **options}}}


def divergence(name: str, logits: Array, teacher: Array, temperature: float) -> float:
    framework, functional = import_module(name), import_module(f"{name}.nn.functional")
    tensor = framework.to_tensor if name == "paddle" else framework.tensor
    return float(alignment.divergence(functional, tensor(logits), tensor(teacher), temperature))


@EACH_ENGINE
def test_the_divergence_is_the_one_computed_by_hand(name: str) -> None:
    """Half and half against a quarter and three: ln(4/3) / 2; a step without a teacher adds nothing."""
    logits = np.float32([[[0, 2 * np.log(3)], [5, 1]], [[0, 0], [0, 0]]])
    teacher = np.float32([[[0.5, 0.5], [0, 0]], [[1, 0], [0.5, 0.5]]])
    lines = [np.log(4 / 3) / 2, np.log(2)]
    assert divergence(name, logits, teacher, 2.0) == pytest.approx(np.mean(lines), abs=1e-4)


@EACH_ENGINE
def test_a_student_that_reads_as_its_teacher_lacks_nothing(name: str) -> None:
    logits = logits_of(0, 5, 6)
    own = soften(softmax(logits), 3.0)
    assert divergence(name, logits, own, 3.0) == pytest.approx(0, abs=1e-4)
    assert divergence(name, logits, own[:, ::-1].copy(), 3.0) > 0.1


@given(st.integers(0, 1000), temperatures)
def test_softened_probabilities_are_those_of_divided_logits(seed: int, temperature: float) -> None:
    logits = logits_of(seed, 4, 7)
    found = soften(softmax(logits), temperature)
    np.testing.assert_allclose(found, softmax(logits / np.float32(temperature)), atol=2e-3)


@given(charsets, charsets, temperatures, st.integers(0, 1000))
def test_every_character_is_taught_as_the_teacher_reads_it(
    known: Charset, student: Charset, temperature: float, seed: int
) -> None:
    read = softmax(logits_of(seed, 3, known.classes) / 4)
    taught = Teacher(lambda _: read, known, student, temperature).teach(np.zeros((2, 3, 48, 32)), 3)
    assert taught.shape == (2, 3, student.classes)
    assert taught.dtype == np.float32
    np.testing.assert_allclose(taught.sum(-1), 1, atol=1e-5)
    shared = [c for c in student.characters if c in known.characters]
    theirs = [0, *(known.characters.index(c) + 1 for c in shared)]
    ours = [0, *(student.characters.index(c) + 1 for c in shared)]
    np.testing.assert_allclose(taught[:, :, ours], soften(read[:, :, theirs], temperature), atol=1e-6)
    others = set(range(student.classes)) - set(ours)
    assert not taught[:, :, sorted(others)].any()


def test_where_the_teacher_is_sure_of_what_the_student_lacks_nothing_is_taught() -> None:
    read = np.float32([[[0, 0, 1], [0.9, 0.1, 0], [0.2, 0, 0.8]]])
    teach = Teacher(lambda _: read, Charset(("A", "B")), Charset(("A",)), 1.0).teach
    np.testing.assert_allclose(teach(np.zeros((1, 3, 48, 24)), 3), [[[0, 0], [0.9, 0.1], [1, 0]]], atol=1e-6)


def test_charsets_without_a_common_character_are_refused() -> None:
    with pytest.raises(UsageError, match="must know characters of its student"):
        shared_classes(Charset(("A", "B")), Charset(("C",)))


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_aligned_steps_stay_probabilities_in_order(given_steps: int, steps: int, seed: int) -> None:
    read = softmax(logits_of(seed, given_steps, 3))
    found = align(read, steps)
    assert found.shape == (2, steps, 3)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
    rising = np.linspace(0, 1, given_steps, dtype=np.float32).reshape(1, -1, 1)
    assert (np.diff(align(rising, steps)[0, :, 0]) >= -1e-6).all()


def test_aligned_steps_are_interpolated_between_the_centres() -> None:
    read = np.float32([0, 1, 2, 3]).reshape(1, 4, 1)
    assert align(read, 4) is read
    assert align(read, 2).ravel().tolist() == [0.5, 2.5]
    assert align(read[:, :2], 4).ravel().tolist() == [0, 0.25, 0.75, 1]


@EACH_ENGINE
def test_the_loss_mixes_labels_and_teacher(name: str, data: TrainingData) -> None:
    """What the teacher's part is, is computed here from what the student reads."""
    settings = config(engine=name, **distill(temperature=2.0))
    engine, task = assemble(settings, data.train)
    plain = task.batch(data.train, np.arange(3), epoch=1)
    steps = engine.predict(plain.images).shape[1]
    teacher = softmax(logits_of(1, steps, engine.charset.classes, lines=3))
    batch = Batch(plain.images, plain.targets, teacher=teacher)

    def loss(alpha: float) -> float:
        student: Any = assemble(config(engine=name, **distill(temperature=2.0, alpha=alpha)), data.train)[0]
        student.apply_plan(uniform(1.0))
        return float(student.train_step(batch, 1e-3, update=False))

    reads = soften(engine.predict(plain.images), 2.0)
    path = following(np.log(reads), teacher)
    teacher = np.take_along_axis(teacher, path[:, :, None], axis=1)
    lacking = (teacher * np.log(teacher / reads)).sum((1, 2)).mean()
    labels = loss(1.0)
    assert loss(0.0) == pytest.approx(4 * lacking, rel=1e-3)
    assert loss(0.25) == pytest.approx(0.25 * labels + 0.75 * 4 * lacking, rel=1e-3)


@EACH_ENGINE
def test_a_batch_that_nobody_read_is_refused(name: str, data: TrainingData) -> None:
    engine, task = assemble(config(engine=name, **distill()), data.train)
    with pytest.raises(ValueError, match="teacher"):
        engine.train_step(task.batch(data.train, np.arange(2), epoch=1), 1e-3, update=True)


def brightness(images: Images) -> Images:
    """Read of every line how bright it is, at each of its steps."""
    level = (images.mean(axis=(1, 2, 3)) + 1) / 2
    return np.tile(np.stack([level, 1 - level], -1)[:, None], (1, images.shape[3] // 8, 1))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_worker_has_its_own_lines_read(size: int, data: TrainingData) -> None:
    settings = config(fit_width=320)
    engine, task = assemble(settings, data.train)
    some = Charset(engine.charset.characters[:1])
    source = Taught(settings, task, Teacher(brightness, some, engine.charset, 1.0))
    order = training_batches(data.train.widths, 5, seed=0, epoch=1)
    whole = [source.batch(data.train, indices, 1).teacher for indices in order]
    for rank in range(size):
        mine = whole_batches(source, data.train, order, 1, World(rank, size))
        for batch, teacher in zip(mine, whole, strict=True):
            assert batch.teacher is not None
            assert teacher is not None
            np.testing.assert_array_equal(batch.teacher, teacher[rank::size])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (distill("pp-ocrv7"), r"registered model, or the folder.*'pp-ocrv7'.*absolute path.*pp-ocrv6-small"),
        (distill("runs/nowhere/best"), r"no manifest.json or checkpoint.json in /.*runs/nowhere/best"),
        (distill("pp-ocrv6-tiny"), "must not be what its student starts from"),
        ({"weights": "some/best", **distill("some/../some/best")}, "must not be what its student starts from"),
        (distill(""), "teacher"),
        (distill(alpha=1.5), "alpha"),
        (distill(temperature=0), "temperature"),
        ({"technique": {"name": "distill"}}, "teacher: Field required"),
    ],
)  # fmt: skip
def test_bad_teachers_are_refused_at_once(
    changes: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: TrainingData
) -> None:
    (tmp_path / "some/best").mkdir(parents=True)
    (tmp_path / "some/best/manifest.json").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=says):
        check_teacher(config(**changes))
    with pytest.raises(UsageError, match=says):
        train(config(**changes), data, lambda *_: pytest.fail("nothing may be trained"))


def test_a_teacher_of_another_alphabet_is_refused_before_training(data: TrainingData) -> None:
    with pytest.raises(UsageError, match="must know characters"):
        read_by_teacher(assemble(config(), data.train)[1], config(**distill()), Charset(("\ue000",)))


def test_the_command_line_looks_for_the_teacher_before_the_data(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("technique: {name: distill, options: {teacher: /nowhere}}", encoding="utf-8")
    with pytest.raises(UsageError, match="'/nowhere'"):
        main(["--data", "/no/data", "--config", str(path), "--output", str(tmp_path / "out")])


@pytest.fixture(scope="module", params=RECOGNISERS)
def checkpoint(request: pytest.FixtureRequest, data: TrainingData) -> Checkpoint:
    """A teacher that one of the frameworks trained, at another width than its students."""
    [(_, made)] = run(config(engine=request.param, epochs=1, fit_width=320), data)
    return made


@pytest.mark.slow
def test_a_checkpoint_of_any_framework_and_its_bundle_teach_alike(
    checkpoint: Checkpoint, data: TrainingData, tmp_path: Path
) -> None:
    checkpoint.save(tmp_path / "checkpoint")
    export_checkpoint(checkpoint, data.val, tmp_path / "bundle")
    taught_by: dict[str, Array] = {}
    for kind in ("checkpoint", "bundle"):
        for name in RECOGNISERS:
            settings = config(engine=name, **distill(str(tmp_path / kind), alpha=0.0))
            engine, task = assemble(settings, data.train)
            engine.apply_plan(uniform(1.0))
            batch = read_by_teacher(task, settings, engine.charset).batch(data.train, np.arange(4), epoch=1)
            assert batch.teacher is not None
            assert batch.teacher.shape == engine.predict(batch.images).shape
            taught_by[f"{kind}, {name}"] = batch.teacher
            losses = [engine.train_step(batch, 1e-4, update=True) for _ in range(3)]
            assert losses[-1] < losses[0]
    first = next(iter(taught_by.values()))
    for teacher in taught_by.values():
        np.testing.assert_allclose(teacher, first, atol=2e-3)


@pytest.mark.slow
@EACH_ENGINE
def test_a_published_teacher_teaches_what_it_reads(
    name: str, data: TrainingData, reads: Callable[[str, Images, Charset], Array]
) -> None:
    settings = config(engine=name, augmentation={"probability": 0.0}, **distill(temperature=1.0))
    engine, task = assemble(settings, data.train)
    batch = read_by_teacher(task, settings, engine.charset).batch(data.train, np.arange(4), epoch=1)
    assert batch.teacher is not None
    np.testing.assert_allclose(batch.teacher, reads(name, batch.images, engine.charset), atol=1e-3)


@pytest.fixture
def reads(data: TrainingData) -> Callable[[str, Images, Charset], Array]:
    """What the published model reads with its whole dictionary, in the characters of another charset."""

    def read(name: str, images: Images, charset: Charset) -> Array:
        engine, _ = assemble(config(engine=name, model="pp-ocrv6-small", charset="keep"), data.train)
        found = engine.predict(images)[:, :, [0, *engine.charset.encode("".join(charset.characters))]]
        return np.asarray(found / found.sum(-1, keepdims=True), np.float32)

    return read

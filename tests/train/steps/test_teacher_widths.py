"""A teacher that has learnt lines of another width than its student's."""

from pathlib import Path

import numpy as np
import pytest

from tests.real_lines import config, few_lines
from train.data.charset import Charset, domain_charset
from train.data.images import bucket_width
from train.engine import Images
from train.steps.teacher import Taught, Teacher, align
from train.tasks.recognition import Recognition


def test_what_the_student_alone_sees_is_blank() -> None:
    ramp = np.float32([0, 1, 2, 3]).reshape(1, 4, 1)
    read = np.concatenate([np.zeros_like(ramp), ramp], axis=2)
    twice = align(read, 4, np.array([2.0]))
    assert twice[0].tolist() == [[0, 0.5], [0, 2.5], [1, 0], [1, 0]]
    assert align(read, 2, np.array([0.5]))[0, :, 1].tolist() == [0, 1]


@pytest.mark.parametrize(("mine", "theirs"), [(0, 320), (320, 0), (256, 320)])
def test_a_teacher_of_another_width_reads_lines_at_its_own(mine: int, theirs: int, data_dir: Path) -> None:
    """It writes the same character wherever there is no padding of the student's alone."""
    data = few_lines(data_dir)
    settings, charset = config(fit_width=mine), domain_charset(data.train.texts)
    task, everyone = Recognition(settings, charset), np.arange(len(data.train))
    seen: list[Images] = []

    def read(images: Images) -> Images:
        seen.append(images)
        return np.tile(np.float32([0, 1]), (len(images), images.shape[3] // 8, 1))

    source = Taught(settings, task, Teacher(read, Charset(charset.characters[:1]), charset, 1.0, theirs))
    batch = source.batch(data.train, everyone, 1)
    own = Recognition(config(fit_width=theirs), charset).batch(data.train, everyone, 1)
    assert np.array_equal(seen[0], own.images)
    assert batch.teacher is not None
    assert isinstance(batch.images, np.ndarray)
    buckets = [bucket_width(int(width)) for width in data.train.widths]
    assert len(set(buckets)) > 1
    for line, bucket in zip(batch.teacher, buckets, strict=True):
        steps = len(line) if mine else bucket // 8
        assert line.argmax(-1).tolist() == [1] * steps + [0] * (batch.images.shape[3] // 8 - steps)

"""A study has its name from its first trial on: what fails before that is one line, and leaves nothing behind."""

import errno
import os
from pathlib import Path

import pytest
import ray
from ray.exceptions import RayTaskError

from search.settings import StudySettings
from search.storage.beginning import FAILURE, keeping_the_name
from search.storage.files import BEGUN, CLOCK, EARLIER, JOURNAL
from search.storage.journal import Journal
from search.storage.location import NameTakenError
from train.errors import DataError, StartError, StorageError

LEFT = (*BEGUN, CLOCK, EARLIER, JOURNAL)


@pytest.fixture
def study(tmp_path: Path) -> StudySettings:
    """A study that has come as far as it can before its first trial."""
    settings = StudySettings(name="new", storage=str(tmp_path))
    settings.local_folder.mkdir()
    for name in LEFT:
        (settings.local_folder / name).write_text("", encoding="utf-8")
    return settings


def left(study: StudySettings) -> list[str]:
    return sorted(path.name for path in study.local_folder.iterdir())


def fail(error: BaseException, study: StudySettings, resume: bool = False) -> None:
    with keeping_the_name(study, resume):
        raise error


@pytest.mark.parametrize("error", [DataError("a rule", "a value", "a remedy"), KeyboardInterrupt()])
def test_our_own_errors_are_told_as_they_are(error: BaseException, study: StudySettings) -> None:
    with pytest.raises(type(error)) as raised:
        fail(error, study)
    assert raised.value is error
    assert left(study) == []


def test_an_error_of_another_process_is_told_as_its_own(study: StudySettings, local_cluster: None) -> None:
    @ray.remote
    def decode() -> None:
        raise DataError("an image must be readable", "x.png", "replace it")

    @ray.remote
    def read() -> None:
        raise RuntimeError("first\nlast")

    with pytest.raises(DataError) as raised, keeping_the_name(study, resume=False):
        ray.get(decode.remote())
    assert not isinstance(raised.value, RayTaskError)
    assert str(raised.value) == "an image must be readable, got x.png; replace it"
    with pytest.raises(StartError) as other, keeping_the_name(study, resume=False):
        ray.get(read.remote())
    assert "got RuntimeError: last; see " in str(other.value)


def test_any_other_error_becomes_a_line_and_a_file(study: StudySettings) -> None:
    with pytest.raises(StartError) as raised:
        fail(ZeroDivisionError("division by zero"), study)
    assert len(str(raised.value).splitlines()) == 1
    assert left(study) == [FAILURE]
    assert "ZeroDivisionError" in (study.local_folder / FAILURE).read_text(encoding="utf-8")


def test_a_study_that_has_begun_keeps_its_name(study: StudySettings) -> None:
    Journal(study.local_folder / JOURNAL, {}).on_trial_start(
        0, [], type("Trial", (), {"trial_id": "a", "config": {}})
    )
    for error in (ZeroDivisionError(), DataError("a", "b", "c")):
        with pytest.raises(type(error)):
            fail(error, study)
    assert left(study) == sorted(LEFT)


def test_a_search_on_another_machine_that_began_meanwhile_keeps_its_files(study: StudySettings) -> None:
    with pytest.raises(NameTakenError):
        fail(NameTakenError("a", "b", "c"), study)
    assert left(study) == sorted(LEFT)


def test_a_full_disk_interrupts_a_study_that_is_resumed_and_no_new_one(study: StudySettings) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(StorageError, match="make room, and --resume"):
        fail(full, study, resume=True)
    with pytest.raises(StartError):
        fail(full, study)


def test_a_study_that_is_resumed_keeps_its_name(study: StudySettings) -> None:
    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError(), study, resume=True)
    assert left(study) == sorted(LEFT)

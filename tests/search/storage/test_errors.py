"""An unwritable storage interrupts a study, whoever meets it and however Tune wraps what it raises."""

import errno
from collections.abc import Callable

import pytest
from ray.tune import TuneError

from search.storage.errors import storage_errors
from train.errors import ParityError, StorageError


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def denied() -> None:
    raise PermissionError(errno.EACCES, "Permission denied", "/data/a.png")


def test_a_missing_right_is_no_lack_of_room() -> None:
    with pytest.raises(StorageError) as caught, storage_errors():
        wrapped(denied)
    assert "the right to what is read and written, got Permission denied: /data/a.png; give it" in str(
        caught.value
    )
    assert str(caught.value).endswith("and --resume")
    assert "room" not in str(caught.value)


def unsaved() -> None:
    raise StorageError("a checkpoint must be written whole", "no space", "make room")


def wrapped(work: Callable[[], None]) -> None:
    """Raise as Tune does what one of its callbacks raises."""
    try:
        work()
    except Exception:
        raise TuneError("Traceback ...")  # noqa: B904 - as Tune does


@pytest.mark.parametrize("work", [full, unsaved])
@pytest.mark.parametrize("wrap", [True, False])
def test_it_says_that_the_study_can_go_on(work: Callable[[], None], wrap: bool) -> None:
    with pytest.raises(StorageError, match="make room") as caught, storage_errors():
        wrapped(work) if wrap else work()
    assert caught.value.exit_status == 3


def differing() -> None:
    raise ParityError("a", "b", "c") from OSError(errno.ENOSPC, "No space left on device")


def test_our_own_errors_stay_what_they_are_whatever_they_came_of() -> None:
    with pytest.raises(ParityError), storage_errors():
        differing()


def missing() -> None:
    raise FileNotFoundError(errno.ENOENT, "no such file")


@pytest.mark.parametrize("work", [missing, lambda: 1 // 0])
def test_another_error_stays_what_it_is(work: Callable[[], None]) -> None:
    with pytest.raises(TuneError), storage_errors():
        wrapped(work)

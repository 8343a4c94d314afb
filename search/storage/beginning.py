"""A study begins with its first trial: whatever fails before that leaves its name free, and is said in one line."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ray.exceptions import RayError, RayTaskError

from search.settings import StudySettings
from search.storage.errors import storage_errors
from search.storage.files import STUDY_FILE
from search.storage.journal import read_journal
from search.storage.location import NameTakenError, withdraw
from train.errors import OcrError, StartError
from train.system.files import write_whole

FAILURE = "error.txt"


@contextmanager
def keeping_the_name(settings: StudySettings, resume: bool) -> Iterator[None]:
    """Leave a new study's name free if what happens inside fails before the first trial.

    Raises:
        OcrError: as it was raised here or in a process of Ray's.
        StorageError: where the files of a study that has begun cannot be written.
        StartError: for any other failure, which is written to FAILURE.
    """
    try:
        yield
    except BaseException as error:
        found = find_own_error(error)
        if resume or has_begun(settings.local_folder) or isinstance(found, NameTakenError):
            with storage_errors():
                if found is error:
                    raise
                raise found from error
        with suppress(OSError, OcrError):
            withdraw(settings)
        if isinstance(found, OcrError) or not isinstance(found, Exception):
            raise found from None
        raise _start_error(found, settings.local_folder / FAILURE) from error


def has_begun(folder: Path) -> bool:
    """Return whether a trial of the study has been started."""
    return (folder / STUDY_FILE).exists() and bool(read_journal(folder))


def find_own_error(error: BaseException) -> BaseException:
    """Return our own error that a process of Ray's has raised, and any other as it is."""
    cause = error.cause if isinstance(error, RayTaskError) else None
    return cause if isinstance(cause, OcrError) else error


def _start_error(error: Exception, file: Path) -> StartError:
    cause = error.cause if isinstance(error, RayTaskError) else error
    lines = str(cause).strip().splitlines() or [""]
    told = lines[0] if isinstance(cause, RayError) else lines[-1]  # frameworks say it at the end
    found = f"{type(cause).__name__}: {told[:300]}"
    where = "see above"
    with suppress(OSError):
        words = "".join(traceback.format_exception(error))
        write_whole(file, words.encode(errors="backslashreplace"))
        where = f"see {file}"
    return StartError(
        "a search must come to its first trial", found, f"{where}; mended, the same command begins"
    )

"""When the study's own files cannot be written: an interruption, not a failure."""

from collections.abc import Iterator
from contextlib import contextmanager

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from train.errors import OcrError, StorageError, explain_refusal, make_storage_error


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the error of a full or unwritable disk into StorageError, which says that the search can go on later."""
    try:
        yield
    except OcrError:  # it says what it is, whatever it came of
        raise
    except Exception as error:
        found = next(filter(is_unwritable, walk_causes(error)), None)
        if found is None:
            raise
        if isinstance(found, StorageError):
            raise found from error
        raise make_storage_error(found, "the study's files must be written", "--resume") from error


def walk_causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came of: Tune raises one of its own for what a callback raises."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def is_unwritable(error: BaseException) -> bool:
    """Return whether an error says that files cannot be written; SQLite's and Optuna's are those of optuna.db."""
    if isinstance(error, OSError):
        return explain_refusal(error) is not None
    return isinstance(error, StorageError | OperationalError | StorageInternalError)

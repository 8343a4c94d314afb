"""Which bundle serves each task, and which ones did before: a small file that outlives the server.

It only keeps the record: the `apply` function that it is given puts a bundle to work.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from serve.errors import ConflictError, UnknownError
from train.bundle import load_bundle
from train.errors import CheckpointError
from train.files import locked, write_whole

FILE = "versions.json"
PRETRAINED = "pretrained"

Apply = Callable[[str, Path | None], None]


class Version(BaseModel):
    """A model that serves a task, or did.

    Attributes:
        version: 1 and up for each task; a bundle that comes back keeps its number.
        name: of the bundle, for people; `pretrained` without one.
        directory: absolute path of the bundle; None for the pretrained model.
        since: UTC, ISO 8601, when it first came.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    name: str
    directory: Path | None
    since: str


class _TaskVersions(BaseModel):
    """The versions of one task.

    Attributes:
        versions: all that ever served it, by number.
        stack: numbers; the last one serves, and a rollback goes to the one before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    versions: tuple[Version, ...] = ()
    stack: tuple[int, ...] = ()

    @property
    def current(self) -> Version | None:
        return self.versions[self.stack[-1] - 1] if self.stack else None

    def with_version(self, name: str, directory: Path | None) -> "_TaskVersions":
        """Return the task with that model on top of the stack."""
        recorded = next((v for v in self.versions if v.directory == directory), None)
        if recorded is not None:
            return self.model_copy(update={"stack": (*self.stack, recorded.version)})
        now = datetime.now(UTC).isoformat(timespec="seconds")
        version = Version(version=len(self.versions) + 1, name=name, directory=directory, since=now)
        return _TaskVersions(versions=(*self.versions, version), stack=(*self.stack, version.version))


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    tasks: dict[str, _TaskVersions] = {}


class Versions:
    """The versions in a folder; any number of processes may use it at a time."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; it is made with the first change."""
        self._folder = folder

    def begin(self, task: str, directory: Path | None) -> Version:
        """Record the bundle that the server was started with; return the version that is to serve.

        A promoted bundle goes on to serve after a restart, unless the server is now started with another bundle
        than it was before the promotion.

        Args:
            task: e.g. `recognition`.
            directory: the bundle named at the start; None for the pretrained model.
        """
        directory = directory and directory.resolve()
        with locked(self._folder):
            record = self._read()
            recorded = record.tasks.get(task, _TaskVersions())
            if recorded.current and recorded.versions[recorded.stack[0] - 1].directory == directory:
                return recorded.current
            name = PRETRAINED if directory is None else _make_name(directory)
            return self._write(
                record, task, recorded.model_copy(update={"stack": ()}).with_version(name, directory)
            )

    def current(self, task: str) -> Version | None:
        """Return what serves a task; None before `begin`."""
        return self._read().tasks.get(task, _TaskVersions()).current

    def history(self, task: str) -> list[Version]:
        """Return all that ever served a task, the oldest first."""
        return list(self._read().tasks.get(task, _TaskVersions()).versions)

    def named(self, task: str, name: str) -> Version:
        """Return the latest version of that name; raise UnknownError if none had it."""
        for version in reversed(self.history(task)):
            if name in (version.name, str(version.version)):
                return version
        names = ", ".join(version.name for version in self.history(task)) or "none"
        raise UnknownError(f"a {task} bundle must have served before", repr(name), f"choose from: {names}")

    def promote(self, task: str, name: str, directory: Path | None, apply: Apply) -> Version:
        """Put a bundle to work, and record it once it works.

        Raises:
            ConflictError: if it is no whole bundle for the task, or serves already.
        """
        directory = directory and directory.resolve()
        _require_bundle(task, directory)
        with locked(self._folder):
            record = self._read()
            recorded = record.tasks.get(task, _TaskVersions())
            if recorded.current and recorded.current.directory == directory:
                raise ConflictError(f"a promoted bundle must be new to {task}", name, "it serves already")
            apply(task, directory)
            return self._write(record, task, recorded.with_version(name, directory))

    def rollback(self, task: str, apply: Apply) -> Version:
        """Put the version before to work again; raise ConflictError if there is none."""
        with locked(self._folder):
            record = self._read()
            recorded = record.tasks.get(task, _TaskVersions())
            if len(recorded.stack) < 2:
                raise ConflictError(
                    f"{task} must have served another bundle before", "none", "promote one first"
                )
            earlier = recorded.model_copy(update={"stack": recorded.stack[:-1]})
            assert earlier.current is not None
            _require_bundle(task, earlier.current.directory)
            apply(task, earlier.current.directory)
            return self._write(record, task, earlier)

    def _read(self) -> _Record:
        path = self._folder / FILE
        try:
            return _Record.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return _Record()
        except ValidationError as error:
            raise CheckpointError(
                f"{FILE} must be as the server wrote it",
                f"{path}: {error.errors()[0]['msg']}",
                "restore it, or remove it: the server then starts with the bundles that it is given",
            ) from error

    def _write(self, record: _Record, task: str, recorded: _TaskVersions) -> Version:
        changed = record.model_copy(update={"tasks": {**record.tasks, task: recorded}})
        write_whole(self._folder / FILE, changed.model_dump_json(indent=1), durable=True)
        assert recorded.current is not None
        return recorded.current


def _require_bundle(task: str, directory: Path | None) -> None:
    if directory is None:
        return
    try:
        found = load_bundle(directory).manifest.task
    except CheckpointError as error:
        raise ConflictError(error.rule, error.value, error.remedy) from error
    if found != task:
        raise ConflictError(
            f"a bundle must be one for {task}", f"{directory.name} for {found}", "name another"
        )


def _make_name(directory: Path) -> str:
    """Return `vin/best` of runs/vin/best: `best` alone tells nothing."""
    return "/".join(directory.parts[-2:])

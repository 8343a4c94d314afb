"""Which model serves each task, and which ones did before: a small file that outlives the server.

It only keeps the record: the `apply` function that it is given puts a model to work.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from serve.errors import ConflictError, UnknownError
from serve.inference.model import load_model, published_names
from serve.settings import Settings
from train.bundle import ONNX, load_bundle
from train.errors import CheckpointError, OcrError
from train.system.files import locked, replace_file

FILE = "versions.json"
PRETRAINED = "pretrained"
"""What earlier servers called every pretrained model; the one that they put to work is `UNNAMED`."""
UNNAMED = {
    "recognition": "pp-ocrv6-small",
    "detection": "pp-ocrv6-small",
    "orientation": "ch-ppocr-mobile-v2",
}

Apply = Callable[[str, str], None]
"""Puts a model to work: task, and a bundle's folder or a pretrained model's name."""


class Version(BaseModel):
    """A model that serves a task, or did.

    Attributes:
        version: 1 and up for each task; a model that comes back keeps its number.
        name: of the bundle, for people; the pretrained model's own.
        directory: absolute path of the bundle; None for a pretrained model.
        since: UTC, ISO 8601, when it first came.
        graph: sha256 of the bundle's graph: another one in the same folder is another version; empty if not known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    name: str
    directory: Path | None
    since: str
    graph: str = ""

    @property
    def source(self) -> str:
        """The bundle's folder or the pretrained model's name, as the command line takes them."""
        return self.name if self.directory is None else str(self.directory)

    def is_same(self, other: "Version") -> bool:
        """Say whether both are one model."""
        alike = not (self.graph and other.graph) or self.graph == other.graph
        return self.source == other.source and alike


class _TaskVersions(BaseModel):
    """The versions of one task.

    Attributes:
        versions: all that ever served it, by number.
        stack: numbers; the last one serves, and a rollback goes to the one before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    versions: tuple[Version, ...] = ()
    stack: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _numbers_are_right(self) -> Self:
        numbers = [version.version for version in self.versions]
        if numbers != list(range(1, len(numbers) + 1)) or not {*self.stack} <= {*numbers}:
            raise ValueError(f"versions {numbers} and stack {list(self.stack)}")
        return self

    @property
    def current(self) -> Version | None:
        return self.versions[self.stack[-1] - 1] if self.stack else None

    @property
    def first(self) -> Version | None:
        return self.versions[self.stack[0] - 1] if self.stack else None

    def with_version(self, model: Version) -> "_TaskVersions":
        """Return the task with that model on top of the stack."""
        recorded = next((v for v in self.versions if v.is_same(model)), None)
        if recorded is not None:
            return self.model_copy(update={"stack": (*self.stack, recorded.version)})
        version = model.model_copy(update={"version": len(self.versions) + 1})
        return _TaskVersions(versions=(*self.versions, version), stack=(*self.stack, version.version))

    def naming(self, pretrained: str) -> "_TaskVersions":
        """Return the task with that name for the pretrained model of an earlier server, which gave it none."""
        named = (
            v.model_copy(update={"name": pretrained}) if v.directory is None and v.name == PRETRAINED else v
            for v in self.versions
        )
        return self.model_copy(update={"versions": tuple(named)})


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    tasks: dict[str, _TaskVersions] = {}


class Versions:
    """The versions in a folder; any number of processes may use it at a time."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`; it is made with the first change."""
        self._folder = folder

    def begin(self, task: str, source: str | Path, *, anew: bool = False) -> Version:
        """Record the model that the server was started with; return the version that is to serve.

        A promoted model goes on to serve after a restart, unless the server is now started with another model
        than it was before the promotion.

        Args:
            task: e.g. `recognition`.
            source: the bundle's folder or the pretrained model's name, as given at the start.
            anew: that one serves, whatever was promoted.
        """
        directory = None if source in published_names(task) else Path(source).resolve()
        # `best` of runs/vin/best alone tells nothing
        named = _describe("/".join(directory.parts[-2:]) if directory else str(source), directory)
        with locked(self._folder):
            record = self._read()
            pretrained = named.name if named.directory is None else UNNAMED[task]
            found = record.tasks.get(task, _TaskVersions())
            recorded = found.naming(pretrained)
            if not (recorded.first and recorded.first.is_same(named)) or anew:
                recorded = recorded.model_copy(update={"stack": ()}).with_version(named)
            if recorded.current and recorded == found:
                return recorded.current
            return self._write(record, task, recorded)

    def current(self, task: str) -> Version | None:
        """Return what serves a task; None before `begin`."""
        return self._read().tasks.get(task, _TaskVersions()).current

    def settled(self, task: str) -> Version | None:
        """Return the same, once nothing is being promoted."""
        with locked(self._folder):
            return self.current(task)

    def history(self, task: str) -> list[Version]:
        """Return all that ever served a task, the oldest first."""
        return list(self._read().tasks.get(task, _TaskVersions()).versions)

    def named(self, task: str, name: str) -> Version:
        """Return the latest version of that name or number; raise UnknownError if none had it."""
        for version in reversed(self.history(task)):
            pretrained = version.directory is None and name == PRETRAINED
            if pretrained or name in (version.name, str(version.version)):
                return version
        names = ", ".join(version.name for version in self.history(task)) or "none"
        raise UnknownError(f"a {task} bundle must have served before", repr(name), f"choose from: {names}")

    def promote(
        self,
        task: str,
        name: str,
        directory: Path | None,
        apply: Apply,
        judge: Callable[[], object] = lambda: None,
    ) -> Version:
        """Put a model to work, and record it once it works: a bundle, or without one the pretrained model `name`.

        `judge` raises ConflictError where it is not to be; another one may have been promoted while this one waited.

        Raises:
            ConflictError: if it is no whole bundle for the task, or serves already.
        """
        directory = directory and directory.resolve()
        _require_bundle(task, directory)
        model = _describe(name, directory)
        with locked(self._folder):
            judge()
            record = self._read()
            recorded = record.tasks.get(task, _TaskVersions())
            if recorded.current and recorded.current.is_same(model):
                raise ConflictError(f"a promoted model must be new to {task}", name, "it serves already")
            return self._write(record, task, recorded.with_version(model), lambda: apply(task, model.source))

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
            _require_bundle(task, earlier.current.directory, earlier.current.graph)
            source = earlier.current.source
            return self._write(record, task, earlier, lambda: apply(task, source))

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

    def _write(
        self, record: _Record, task: str, recorded: _TaskVersions, apply: Callable[[], None] | None = None
    ) -> Version:
        """Record a task's versions; `apply` is called when the draft is on the disk, before it replaces the file."""
        changed = record.model_copy(update={"tasks": {**record.tasks, task: recorded}})
        with replace_file(self._folder / FILE, durable=True) as draft:
            draft.write_text(changed.model_dump_json(indent=1), encoding="utf-8")
            if apply:
                apply()
        assert recorded.current is not None
        return recorded.current


def _require_bundle(task: str, directory: Path | None, graph: str = "") -> None:
    """Refuse a folder that holds no bundle for the task, or another one than that with this graph."""
    if directory is None:
        return
    try:
        manifest = load_bundle(directory).manifest
    except CheckpointError as error:
        raise ConflictError(error.rule, error.value, error.remedy) from error
    if manifest.task != task:
        raise ConflictError(
            f"a bundle must be one for {task}", f"{directory.name} for {manifest.task}", "name another"
        )
    if graph and manifest.files.get(ONNX) != graph:
        raise ConflictError("the folder must hold the bundle that served", directory, "restore it")


def _describe(name: str, directory: Path | None) -> Version:
    """Return a model as it is recorded, but for its number."""
    since = datetime.now(UTC).isoformat(timespec="seconds")
    graph = "" if directory is None else load_bundle(directory).manifest.files.get(ONNX, "")
    return Version(version=0, name=name, directory=directory, since=since, graph=graph)


def find_serving(task: str, settings: Settings, *, anew: bool = False) -> Version:
    """Return what is to serve a task: the model that the settings name, or what was promoted in its place since.

    Raises:
        CheckpointError: what was promoted is gone or damaged.
        UsageError, CheckpointError: so is what the settings name.
    """
    named = settings.sources()[task]
    load_model(task, named)
    version = Versions(settings.storage).begin(task, named, anew=anew)
    try:
        load_model(task, version.source)
    except OcrError as error:
        raise CheckpointError(
            f"the model that was promoted for {task} must be there",
            f"{version.source} (version {version.version} in {settings.storage / FILE}): {error.rule}",
            f"restore it, or serve {named} with --as-named",
        ) from error
    return version

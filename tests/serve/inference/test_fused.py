"""Models in the processes that speak HTTP: what is promoted while one of them begins. No model is loaded here."""

import asyncio
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ray.exceptions import ActorDiedError, RayTaskError

from serve.api.ingress import Ingress, _open_fused
from serve.inference.fused import FusedModel, require_all
from serve.inference.runners import RUNNERS
from serve.loop.versions import Versions
from serve.settings import Settings
from tests.serve.loop.loop_parts import make_bundle
from train.errors import ModelError

TASK, FIRST, SECOND = "recognition", "pp-ocrv6-small", "pp-ocrv6-tiny"


class Named:
    """A runner that tells which model it is of."""

    opening: dict[str, Any] = {}  # noqa: RUF012  (what happens while a model is opened)
    tuning: Any = {"tried": {"CPUExecutionProvider float32 threads=1 batch=1": 9.0}, "agreement": None}  # noqa: RUF012

    def __init__(self, source: str, threads: int, cores: int | None) -> None:
        self.source, self.model = source, SimpleNamespace(version=source)
        self.opening.pop(source, lambda: None)()

    @classmethod
    def count(cls, settings: Settings) -> int:
        return 1

    async def name(self) -> str:
        return self.source


def ingress_of(storage: Path) -> Any:
    """Return a process that speaks HTTP, with what was the recorded model when it began."""
    settings = Settings(storage=storage, recognition=FIRST, topology="fused")
    (plain, *_) = cast(Any, Ingress).func_or_class.__bases__  # without what Ray Serve puts around it
    process = object.__new__(plain)
    process._settings, process._fused = settings, {TASK: FusedModel(TASK, FIRST, settings, given=False)}
    process._services, process._passed_over = SimpleNamespace(forget=lambda: None), {}
    return process


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Versions:
    monkeypatch.setitem(RUNNERS, TASK, Named)
    versions = Versions(tmp_path)
    versions.begin(TASK, FIRST)
    return versions


def test_a_process_that_began_since_the_others_opened_a_model_uses_it_too(
    tmp_path: Path, versions: Versions
) -> None:
    async def run() -> str:
        process = ingress_of(tmp_path)
        await process.use_model(TASK, SECOND)
        return str(await process._fused[TASK].call("name"))

    assert asyncio.run(run()) == SECOND


def test_what_is_promoted_while_a_process_follows_the_record_stays(
    tmp_path: Path, versions: Versions
) -> None:
    """The model that it was about to follow is not the latest any more, and what is being promoted is not lost."""

    async def run() -> str:
        process = ingress_of(tmp_path)
        versions.promote(TASK, SECOND, None, lambda *_: None)
        await process.open_model(TASK, FIRST)  # as all are told before they change over

        def change_over() -> None:
            versions.rollback(TASK, lambda *_: process._fused[TASK].use(FIRST))

        Named.opening[SECOND] = change_over
        await process._follow()
        assert not Named.opening
        return str(await process._fused[TASK].call("name"))

    assert asyncio.run(run()) == FIRST


def test_a_process_that_begins_again_serves_what_was_promoted(
    tmp_path: Path, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the bundle that the command line names was exported anew since: that is for the next start."""
    monkeypatch.setitem(RUNNERS, "detection", Named)
    named = make_bundle(tmp_path / "best")
    versions.begin(TASK, named)
    versions.promote(TASK, SECOND, None, lambda *_: None)
    shutil.rmtree(named)
    make_bundle(tmp_path / "other").rename(named)
    models = _open_fused(Settings(storage=tmp_path, recognition=str(named), topology="fused"), given=False)
    assert asyncio.run(models[TASK].call("name")) == SECOND
    assert asyncio.run(models["detection"].call("name")) == FIRST


def test_a_folder_that_holds_another_model_by_now_is_looked_into_once(
    tmp_path: Path, versions: Versions
) -> None:
    """A search may have written its winner where what was promoted lay."""

    async def run() -> str:
        process = ingress_of(tmp_path)
        bundle = make_bundle(tmp_path / "best")
        versions.promote(TASK, "best", bundle, lambda *_: None)
        Named.opening[str(bundle)] = lambda: None
        await process._follow()
        assert not Named.opening, "it was opened"
        Named.opening[str(bundle)] = lambda: pytest.fail("again")
        await process._follow()
        Named.opening.clear()
        return str(await process._fused[TASK].call("name"))

    assert asyncio.run(run()) == FIRST


def test_what_a_process_raises_is_told_in_its_own_words() -> None:
    """In Ray's they are a traceback, which would go to the client; one that died begins anew, with the model."""
    refused = ModelError("a model must fit", "a large one", "promote another")
    told = RayTaskError("open_model", "Traceback of another process", refused).as_instanceof_cause()
    require_all("open_model", [None, ActorDiedError()])
    with pytest.raises(ModelError) as caught:
        require_all("open_model", [None, ActorDiedError(), told])
    assert str(caught.value) == str(refused)


def test_what_is_promoted_must_run_on_the_gpu_of_its_process(
    tmp_path: Path, versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_gpu = {"tried": {"CUDAExecutionProvider float32 threads=1 batch=1": 1.0}, "agreement": None}
    with monkeypatch.context() as first:
        first.setattr(Named, "tuning", on_gpu)
        model = FusedModel(TASK, FIRST, Settings(storage=tmp_path, recognition=FIRST), given=True)
    with pytest.raises(ModelError, match="must run there, got CPUExecutionProvider"):
        model.open(SECOND)

"""Which bundle serves: promoted and rolled back, kept over restarts, right with many processes."""

import errno
import json
import multiprocessing
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from serve.errors import ConflictError, UnknownError
from serve.loop.versions import FILE, PRETRAINED, Versions, find_serving
from serve.settings import Settings
from tests.serve.loop.loop_parts import make_bundle
from train.bundle import FILES
from train.errors import CheckpointError
from train.system.files import locked, write_whole

TASK, SMALL, TINY = "recognition", "pp-ocrv6-small", "pp-ocrv6-tiny"


class Deployed(list[tuple[str, str]]):
    """Remembers what was put to work."""

    def __call__(self, task: str, source: str) -> None:
        self.append((task, source))


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    return Versions(tmp_path / "storage")


@pytest.fixture
def applied() -> Deployed:
    return Deployed()


def test_a_server_begins_with_what_it_is_given(versions: Versions, tmp_path: Path) -> None:
    assert versions.current(TASK) is None
    first = versions.begin(TASK, SMALL)
    assert (first.version, first.name, first.directory) == (1, SMALL, None)
    second = versions.begin(TASK, make_bundle(tmp_path / "vin" / "best"))
    assert (second.version, second.name) == (2, "vin/best")
    assert versions.current(TASK) == second
    assert versions.current("detection") is None


def test_promote_and_roll_back(versions: Versions, applied: Deployed, tmp_path: Path) -> None:
    versions.begin(TASK, SMALL)
    a, b = (make_bundle(tmp_path / name) for name in "ab")
    assert versions.promote(TASK, "a", a, applied).version == 2
    assert versions.promote(TASK, "b", b, applied).version == 3
    assert versions.rollback(TASK, applied).directory == a
    assert versions.rollback(TASK, applied).version == 1
    assert applied == [(TASK, str(a)), (TASK, str(b)), (TASK, str(a)), (TASK, SMALL)]
    with pytest.raises(ConflictError, match="promote one first"):
        versions.rollback(TASK, applied)
    assert [v.name for v in versions.history(TASK)] == [SMALL, "a", "b"]


def test_one_that_comes_back_keeps_its_number(versions: Versions, applied: Deployed, tmp_path: Path) -> None:
    versions.begin(TASK, SMALL)
    a = make_bundle(tmp_path / "a")
    versions.promote(TASK, "a", a, applied)
    versions.rollback(TASK, applied)
    assert versions.promote(TASK, "a", versions.named(TASK, "a").directory, applied).version == 2
    assert versions.named(TASK, "1").name == versions.named(TASK, PRETRAINED).name == SMALL


def test_a_promoted_bundle_survives_a_restart(versions: Versions, applied: Deployed, tmp_path: Path) -> None:
    start, better, other = (make_bundle(tmp_path / name) for name in ("start", "better", "other"))
    versions.begin(TASK, start)
    versions.promote(TASK, "better", better, applied)
    again = Versions(tmp_path / "storage")
    assert again.begin(TASK, start).directory == better
    assert again.begin(TASK, other).directory == other
    with pytest.raises(ConflictError):
        again.rollback(TASK, applied)


def test_what_cannot_be_deployed_is_not_recorded(versions: Versions, tmp_path: Path) -> None:
    versions.begin(TASK, SMALL)

    def fails(task: str, source: str) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        versions.promote(TASK, "a", make_bundle(tmp_path / "a"), fails)
    current = versions.current(TASK)
    assert current is not None
    assert current.name == SMALL


def test_only_a_whole_bundle_for_the_task_is_promoted(
    versions: Versions, applied: Deployed, tmp_path: Path
) -> None:
    versions.begin(TASK, SMALL)
    damaged = make_bundle(tmp_path / "damaged")
    (damaged / FILES[0]).write_text("other", encoding="utf-8")
    foreign = make_bundle(tmp_path / "foreign", "detection")
    for directory in (damaged, foreign, tmp_path / "nothing"):
        with pytest.raises(ConflictError):
            versions.promote(TASK, "x", directory, applied)
    assert applied == []


def test_what_serves_is_not_promoted_again(versions: Versions, applied: Deployed, tmp_path: Path) -> None:
    a = make_bundle(tmp_path / "a")
    versions.begin(TASK, a)
    with pytest.raises(ConflictError, match="serves already"):
        versions.promote(TASK, "a", a, applied)


def test_a_bundle_that_is_gone_is_not_rolled_back_to(
    versions: Versions, applied: Deployed, tmp_path: Path
) -> None:
    a, b = (make_bundle(tmp_path / name) for name in "ab")
    versions.begin(TASK, a)
    versions.promote(TASK, "b", b, applied)
    (a / FILES[0]).unlink()
    with pytest.raises(ConflictError):
        versions.rollback(TASK, applied)
    current = versions.current(TASK)
    assert current is not None
    assert current.directory == b


def test_an_unknown_name_is_refused_with_the_known_ones(versions: Versions) -> None:
    versions.begin(TASK, SMALL)
    with pytest.raises(UnknownError, match=SMALL):
        versions.named(TASK, "../../etc")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"tasks": {"recognition": {"stack": ["x"]}}}',
        '{"tasks": {"recognition": {"stack": [1]}}}',
    ],
)
def test_a_damaged_file_is_named(versions: Versions, tmp_path: Path, content: str) -> None:
    versions.begin(TASK, SMALL)
    (tmp_path / "storage" / FILE).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=FILE):
        versions.current(TASK)


def _promote(storage: Path, bundles: list[Path]) -> None:
    versions = Versions(storage)
    for bundle in bundles:
        with suppress(ConflictError):
            versions.promote(TASK, bundle.name, bundle, lambda *_: None)


def test_two_processes_lose_no_promotion(versions: Versions, tmp_path: Path) -> None:
    versions.begin(TASK, SMALL)
    bundles = [make_bundle(tmp_path / f"b{number}") for number in range(12)]
    context = multiprocessing.get_context("fork")
    parts = (bundles[::2], bundles[1::2])
    processes = [context.Process(target=_promote, args=(tmp_path / "storage", part)) for part in parts]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    books = json.loads((tmp_path / "storage" / FILE).read_bytes())["tasks"][TASK]
    assert sorted(books["stack"]) == list(range(1, 14))
    assert {version["name"] for version in books["versions"][1:]} == {bundle.name for bundle in bundles}


def test_a_pretrained_model_is_recorded_by_its_name(
    versions: Versions, applied: Deployed, tmp_path: Path
) -> None:
    """Started under another name, that one serves; promoted again, it is the one that served."""
    a = make_bundle(tmp_path / "a")
    versions.begin(TASK, SMALL)
    versions.promote(TASK, "a", a, applied)
    assert versions.begin(TASK, SMALL).directory == a
    assert versions.begin(TASK, TINY).source == TINY
    versions.begin(TASK, a)
    earlier = versions.named(TASK, TINY)
    versions.promote(TASK, earlier.name, earlier.directory, applied)
    assert applied == [(TASK, str(a)), (TASK, TINY)]
    assert versions.begin(TASK, a, anew=True).directory == a


def test_a_record_without_the_name_takes_that_of_the_start(versions: Versions, tmp_path: Path) -> None:
    """Earlier servers called every pretrained model the same."""
    version = {"version": 1, "name": PRETRAINED, "directory": None, "since": "2026-01-01T00:00:00+00:00"}
    record = {"tasks": {TASK: {"versions": [version], "stack": [1]}}}
    write_whole(tmp_path / "storage" / FILE, json.dumps(record))
    assert versions.begin(TASK, TINY).version == 1
    current = versions.current(TASK)
    assert current is not None
    assert current.source == TINY


def test_another_bundle_in_the_same_folder_is_another_version(
    versions: Versions, applied: Deployed, tmp_path: Path
) -> None:
    best = make_bundle(tmp_path / "best")
    versions.begin(TASK, best)
    versions.promote(TASK, "a", make_bundle(tmp_path / "a"), applied)
    shutil.rmtree(best)
    make_bundle(tmp_path / "other").rename(best)
    assert versions.begin(TASK, best).version == 3


def test_what_was_promoted_and_is_gone_is_named_with_the_way_back(tmp_path: Path) -> None:
    settings = Settings(storage=tmp_path / "storage")
    versions = Versions(settings.storage)
    versions.begin(TASK, SMALL)
    gone = make_bundle(tmp_path / "gone")
    versions.promote(TASK, "gone", gone, lambda *_: None)
    assert find_serving(TASK, settings).directory == gone
    shutil.rmtree(gone)
    with pytest.raises(CheckpointError, match=rf"{gone} \(version 2 .*--as-named"):
        find_serving(TASK, settings)
    assert find_serving(TASK, settings, anew=True).source == SMALL


def test_a_full_disk_is_told_before_anything_is_put_to_work(
    versions: Versions, applied: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions.begin(TASK, SMALL)
    bundle = make_bundle(tmp_path / "a")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        versions.promote(TASK, "a", bundle, applied)
    assert applied == []


def test_a_model_is_judged_when_its_turn_has_come(
    versions: Versions, applied: Deployed, tmp_path: Path
) -> None:
    """Another one may have been promoted while it waited: what it was compared with serves no more."""
    first = versions.begin(TASK, SMALL)
    a, b = (make_bundle(tmp_path / name) for name in "ab")

    def judge() -> None:
        with pytest.raises(BlockingIOError), locked(tmp_path / "storage", wait=False):
            pass
        if versions.current(TASK) != first:
            raise ConflictError("it must be compared with what serves", "another one", "compare it again")

    versions.promote(TASK, "a", a, applied, judge)
    with pytest.raises(ConflictError, match="compared with what serves"):
        versions.promote(TASK, "b", b, applied, judge)
    assert applied == [(TASK, str(a))]

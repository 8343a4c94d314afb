"""A study's files in a folder or behind a URI: what is put there comes back, and what cannot work is refused."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from search.experiment.publishing import PublishedFiles
from search.experiment.snapshot import SNAPSHOT
from search.preflight.data import with_other_lines
from search.settings import StudySettings
from search.storage.files import FIRST_OTHERS_FOLDER, JOURNAL, OTHERS_FOLDER, STUDY_FILE
from search.storage.location import (
    Location,
    NameTakenError,
    check_folder,
    check_name,
    fetch_study,
    load_settings,
    locate,
    publish,
    study_exists,
    withdraw,
)
from tests.s3 import s3_server
from tests.search.driver import ENVIRONMENT, Process, label_arguments, write_labels
from tests.search.tiny_search import Gate, tiny_search, write_tiny_space
from train.errors import UsageError
from train.system.files import write_whole
from train.system.filesystems import open_filesystem

EPOCHS, LINES = 4, 24


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    with s3_server() as found:
        yield found


def settings(storage: str, **changes: Any) -> StudySettings:
    return StudySettings.model_validate({"name": "some", "storage": storage} | changes)


def begin(study: StudySettings) -> None:
    write_whole(study.local_folder / STUDY_FILE, study.model_dump_json())
    publish(study, STUDY_FILE)


def test_a_file_uri_is_a_folder(tmp_path: Path) -> None:
    study = settings((tmp_path / "my runs").as_uri())
    assert (study.remote, study.local_folder) == (False, tmp_path / "my runs" / "some")
    assert locate(study).filesystem is None
    assert locate(study).path == str(tmp_path / "my runs" / "some")


def test_a_study_is_resumed_where_nothing_of_it_lies(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    study = settings(uri, name="moved", seed=3)
    assert not study_exists(study)
    begin(study)
    assert study_exists(study)
    monkeypatch.chdir(tmp_path / "there")
    with pytest.raises(UsageError, match="must be new"):
        check_folder(study, resume=False)
    fetch_study(settings(uri, name="moved"))
    assert load_settings(study.local_folder) == study
    withdraw(study)
    assert not study_exists(study)
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match="--resume needs"):
        check_folder(settings(uri, name="other"), resume=True)


def test_who_fails_leaves_the_study_that_another_machine_has_begun_meanwhile(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = settings(uri, name="both")
    for machine in ("first", "second"):
        (tmp_path / machine).mkdir()
    monkeypatch.chdir(tmp_path / "second")
    check_folder(study, resume=False)
    monkeypatch.chdir(tmp_path / "first")
    begin(study)
    monkeypatch.chdir(tmp_path / "second")
    with pytest.raises(NameTakenError):
        check_name(study, resume=False)
    withdraw(study)
    assert study_exists(study)


def test_what_has_grown_here_is_not_replaced_by_an_earlier_copy(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = settings(uri, name="grown")
    begin(study)
    copy, here = PublishedFiles(study), study.local_folder / JOURNAL
    here.write_text("one\n", encoding="utf-8")
    copy.on_trial_result(0, [], None)
    here.write_text("one\ntwo\n", encoding="utf-8")
    copy.on_trial_result(0, [], None)  # too early
    fetch_study(study)
    assert here.read_text(encoding="utf-8") == "one\ntwo\n"
    here.unlink()
    fetch_study(study)
    assert here.read_text(encoding="utf-8") == "one\n"
    here.write_text("one\ntwo\n", encoding="utf-8")
    copy.on_trial_complete(0, [], None)
    here.write_text("one\n", encoding="utf-8")
    fetch_study(study)
    assert here.read_text(encoding="utf-8") == "one\ntwo\n"


def test_folders_are_copied_and_deleted_whole(uri: str, tmp_path: Path) -> None:
    for name in ("summary.json", "best/inference.onnx", "best/deep/er.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode() * 1000)
    place = locate(settings(uri, name="whole"))
    place.put_all(tmp_path)
    found = {each.path.removeprefix(f"{place.path}/"): each.size for each in files(place)}
    assert found == {
        name: 1000 * len(name) for name in ("summary.json", "best/inference.onnx", "best/deep/er.txt")
    }
    place.inside(".workers").delete_folder()  # there is none
    place.inside(".workers").delete_folders("vin-1-")
    place.inside("best").delete_folders("dee")
    assert not place.holds("best/deep/er.txt")
    assert place.holds("summary.json")
    place.delete_folder()
    assert not place.holds("summary.json")


def test_a_file_that_vanished_meanwhile_leaves_no_empty_copy(tmp_path: Path) -> None:
    place = Location(str(tmp_path / "there"))
    with pytest.raises(FileNotFoundError):
        place._copy(tmp_path / "gone.json", "gone.json")
    assert not place.holds("gone.json")


@pytest.mark.parametrize("drawn", [OTHERS_FOLDER, FIRST_OTHERS_FOLDER])
def test_lines_of_other_kinds_are_drawn_anew_where_a_study_goes_on(
    drawn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "search.preflight.data.make_other_lines", lambda folder, *_, **__: folder / "list.txt"
    )
    begun = StudySettings(name="turn", task="orientation", storage=str(tmp_path))
    begun = begun.model_copy(update={"general_labels": f"/gone/{drawn}/list.txt"})
    assert with_other_lines(begun, resume=True).general_labels == str(tmp_path / drawn / "list.txt")
    assert with_other_lines(begun, resume=False) == begun, "a new study's are named by a person"
    own = begun.model_copy(update={"general_labels": "/gone/mine.txt"})
    assert with_other_lines(own, resume=True) == own


def test_the_stand_in_of_another_study_is_not_overwritten(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    begin(settings(uri, name="twice"))
    elsewhere = uri.replace("/runs?", "/others?")
    with pytest.raises(UsageError, match="belongs to the one in"):
        fetch_study(settings(elsewhere, name="twice"))
    fetch_study(settings(f"{uri}&region=eu-central-1", name="twice"))  # the same place, named in another way


@pytest.mark.parametrize(
    ("storage", "says"),
    [
        ("s4://bucket/runs", "s4"),
        ("s3://me:secret@bucket/runs", "must not hold a password"),
        ("s3://", "must name a bucket"),
        ("s3://bucket/runs?endpoint=nowhere", "endpoint"),
        ("s3:///runs", "s3:///runs"),
    ],
)
def test_a_uri_that_cannot_be_opened_is_refused(storage: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        open_filesystem(storage, "--storage")
    assert "secret" not in str(caught.value)


def test_a_file_system_without_buckets_has_a_root() -> None:
    """As hdfs://host:port, which `serve/read.py` opens for the paths on it."""
    assert open_filesystem("mock://", "IMAGES")[1] == ""


def test_a_bucket_that_does_not_exist_is_refused(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="credentials"):
        begin(settings(uri.replace("shared", "missing")))


@pytest.mark.slow
def test_a_killed_search_goes_on_from_another_machine(data_dir: Path, tmp_path: Path, uri: str) -> None:
    """The second process finds nothing but the URI: its own folder is empty."""
    labels, gate = write_labels(data_dir, tmp_path / "labels", LINES, 12), Gate(tmp_path / "gate.json")
    study, environment = ["--storage", uri, "--name", "cut"], ENVIRONMENT | gate.environment
    gate.stop(after=2.5 * LINES)
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    killed = tiny_search(
        *study, *label_arguments(labels), "--space", write_tiny_space(tmp_path, EPOCHS), "--test-fraction", 0,
        "--max-epochs", 5 * EPOCHS, "--trials", 2, "--concurrent", 1, environment=environment, cwd=tmp_path / "here",
    )  # fmt: skip
    killed.wait_for(" epoch   1/")
    gate.stop(after=2.5 * LINES, free=tuple(reported(killed)[:1]))
    killed.wait_for(" epoch   2/", count=2)  # the first trial has ended
    gate.wait_until_stopped(killed)
    place = locate(settings(uri, name="cut"))
    wait_for_snapshot(place)
    killed.kill()
    first, second = dict.fromkeys(reported(killed))
    gate.open()
    resumed = tiny_search(*study, "--resume", environment=environment, cwd=tmp_path / "there")
    assert resumed.wait() == 0, resumed.output
    again = reported(resumed)
    assert 0 < again.count(second) < EPOCHS, "the unfinished trial began again, or had ended"
    assert first not in again, "a finished trial was trained again"
    check_result(place, {first, second})


def reported(run: Process) -> list[str]:
    """Return the trial of every epoch that was reported."""
    return [line.split()[0] for line in run.lines if f"/{EPOCHS} " in line and " loss " in line]


def wait_for_snapshot(place: Location) -> None:
    """Wait until another snapshot is in the storage, of what Tune knows by now."""
    now = datetime.now(UTC)
    until = time.monotonic() + 300
    while not any(each.mtime > now for each in files(place) if each.path.endswith(SNAPSHOT)):
        assert time.monotonic() < until, "Tune writes no snapshot"
        time.sleep(0.1)


def files(place: Location) -> list[fs.FileInfo]:
    assert place.filesystem is not None
    found = place.filesystem.get_file_info(fs.FileSelector(place.path, recursive=True, allow_not_found=True))
    return [each for each in found if each.is_file]


def check_result(place: Location, trials: set[str]) -> None:
    """The URI holds every trial, whole, with what is to be served."""
    assert place.filesystem is not None
    with place.filesystem.open_input_stream(f"{place.path}/summary.json") as stream:
        summary = json.loads(stream.read())
    assert {trial["id"] for trial in summary["trials"]} == trials
    assert [(trial["state"], trial["epochs"]) for trial in summary["trials"]] == [("finished", EPOCHS)] * 2
    for name in ("best/inference.onnx", "best.yaml", "optuna.db", "report.html", "study.json"):
        assert place.holds(name), name
    checkpoints = [each.path.removeprefix(f"{place.path}/") for each in files(place)]
    assert {path.split("/")[0] for path in checkpoints if path.endswith("checkpoint.json")} >= trials

"""The command line: what cannot work says so at once, with a remedy and its exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.arguments import parser
from search.preflight.fingerprint import LAYOUT
from search.records.facts import DataSummary
from search.report.follow_up import list_commands
from search.run import settings_of
from search.settings import StudySettings
from search.storage.files import FINGERPRINT, STUDY_FILE
from search.storage.location import load_settings
from search.storage.lock import LOCK, hold
from train.errors import UsageError
from train.system import cli

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty storage; measuring engines and starting Ray, which take time, are failures."""
    monkeypatch.setattr("search.preflight.engine.resolve", lambda *_: pytest.fail("engines were measured"))
    monkeypatch.setattr("search.study.start_ray", lambda: pytest.fail("Ray was started"))
    return tmp_path / "runs"


def status_of(*arguments: object) -> int:
    from search.run import main

    return cli.run(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--space", "quik"], "choose from: detection, from-scratch, "),
        (["--space", "nowhere.yaml"], "check the path"),
        (["--model", "pp-ocrv6-tinny"], "choose from: "),
        (["--space", "quick", "--model", "pp-ocrv6-tiny", "--model", "ocr"], "'ocr'; choose from: "),
        (["--data", "x", "--train-labels", "y"], "leave one of them out"),
        (["--option", "text_key"], "--option text_key=text"),
        (["--time-budget", "soon"], "30m or 1h30m"),
        (["--time-budget", "5s"], "--time-budget: "),
        (["--trials", "0"], "--trials: "),
        (["--autoscaling"], "no --concurrent; for example "),
        (["--gpus-per-trial", "1.5"], "for example 0.25"),
        (["--cpus-per-trial", "inf"], "--cpus-per-trial: Input should be a finite number"),
        (["--workers-per-trial", "-1"], "--workers-per-trial: "),
        (["--test-fraction", "1"], "--test-fraction: "),
        (["--resume", "--name", "never-begun"], "leave out --resume"),
    ],
)
def test_bad_usage_is_refused_with_a_remedy(
    arguments: list[str], says: str, storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(*arguments, "--storage", storage) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert says in errors
    assert not storage.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--trails", "3"],
            "unrecognized arguments: --trails 3; did you mean --trials?",
        ),
        (
            ["--trials", "many"],
            "argument --trials: invalid int value: 'many';",
        ),
    ],
)
def test_unknown_options_and_values_exit_with_2_and_one_line(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        status_of(*arguments)
    assert left.value.code == 2
    assert capsys.readouterr().err == f"error: {says} see python search/run.py --help\n"


def test_a_space_of_ones_own_with_a_misspelt_technique_is_refused(
    storage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = tmp_path / "mine.yaml"
    space.write_text("parameters: {technique.name: {choice: [full, frosen]}}", encoding="utf-8")
    assert status_of("--space", space, "--storage", storage) == 2
    assert "'frosen'; did you mean frozen? choose from: discriminative, distill" in capsys.readouterr().err


def test_data_that_is_not_there_does_not_claim_the_name(
    storage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert status_of("--data", tmp_path / "nothing", "--name", "mine", "--storage", storage) == 1
        assert "must exist" in capsys.readouterr().err
    missing = ["--train-labels", tmp_path / "no.txt", "--val-labels", tmp_path / "no.txt"]
    assert status_of(*missing, "--storage", storage) == 1
    assert not storage.exists()


def test_bad_samples_are_listed_before_any_work(
    storage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, val = tmp_path / "train.txt", tmp_path / "val.txt"
    for path in (train, val):
        lines = "".join(f"line{i}.png\t{path.stem}{i}\n" for i in range(9))
        path.write_text(lines, encoding="utf-8")
    given = ["--train-labels", train, "--val-labels", val, "--test-fraction", 0]
    assert status_of(*given, "--storage", storage) == 1
    errors = capsys.readouterr().err
    assert "train.txt:1" in errors
    assert "python -m train.data.check" in errors


def test_a_name_is_taken_once(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (storage / "mine").mkdir(parents=True)
    (storage / "mine" / "study.json").write_text("{}", encoding="utf-8")
    assert status_of("--name", "mine", "--storage", storage) == 2
    assert capsys.readouterr().err.endswith("; add --resume, or choose another --name\n")
    assert (storage / "mine" / "study.json").read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize(
    "more",
    [
        ["--data", "plates"],
        ["--texts", "plates", "--name", "plates"],
        ["--name", "studies.db"],
        ["--name", "line-cache"],
    ],
)
def test_a_study_has_a_folder_to_itself(
    more: list[str], storage: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (storage / "plates").mkdir(parents=True)
    monkeypatch.chdir(storage)
    assert status_of("--storage", storage, *more) == 2
    assert "a study must have a folder to itself" in capsys.readouterr().err
    assert not list((storage / "plates").iterdir())


def write_begun(folder: Path, **begun_with: str) -> StudySettings:
    """Write what a study that was interrupted has left; return its settings."""
    settings = StudySettings(name=folder.name, storage=str(folder.parent), models=("pp-ocrv6-tiny",))
    folder.mkdir(parents=True)
    (folder / STUDY_FILE).write_text(settings.model_dump_json(), encoding="utf-8")
    (folder / FINGERPRINT).write_text(json.dumps(begun_with), encoding="utf-8")
    return settings


def state_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return when each file of a study was written, and what is in it."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("more", [["--resume"], ["--resume", "--time-budget", "2h"], []])
def test_a_second_search_of_a_study_that_runs_changes_nothing(
    more: list[str], storage: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("search.storage.lock.LOOK_S", 0.2)
    write_begun(storage / "mine", layout=LAYOUT)
    with hold(storage / "mine"):
        before = state_of(storage)
        assert status_of("--name", "mine", "--storage", storage, *more) == 2
        assert state_of(storage) == before
    [error] = capsys.readouterr().err.splitlines()
    assert error.startswith("error: one search at a time may work on a study, got another one does in ")


def test_of_two_new_searches_of_one_name_one_is_refused(
    storage: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing tells the second one that the name is taken but the first one's lock."""
    monkeypatch.setattr("search.storage.lock.LOOK_S", 0.2)
    with hold(storage / "mine"):
        assert status_of("--name", "mine", "--storage", storage) == 2
        assert state_of(storage).keys() == {LOCK}
    assert "one search at a time" in capsys.readouterr().err


@pytest.mark.parametrize("begun_with", [{}, {"charset": "01"}, {"layout": "1"}])
def test_a_study_that_an_earlier_version_began_is_not_resumed(
    begun_with: dict[str, str], storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_begun(storage / "old", **begun_with)
    before = state_of(storage)
    assert status_of("--name", "old", "--storage", storage, "--resume") == 2
    [error] = capsys.readouterr().err.splitlines()
    assert "must be resumed by the version that began it" in error
    assert error.endswith("--name NEW --fork old")
    del (after := state_of(storage))[LOCK]
    assert after == before


def test_a_study_that_lies_elsewhere_now_is_not_resumed(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_begun(storage / "mine", layout=LAYOUT)
    moved = storage.rename(storage.with_name("moved"))
    assert status_of("--name", "mine", "--storage", moved, "--resume") == 2
    assert f"begun as {storage / 'mine'}; move it back" in capsys.readouterr().err


def test_a_study_is_named_after_its_data() -> None:
    chosen = parser().parse_args(["--data", "some/vin/"])
    assert settings_of(chosen).name == "vin"
    assert settings_of(parser().parse_args([])).name == "demo"


def test_an_interrupted_search_says_how_to_go_on(
    storage: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(settings: StudySettings, resume: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("search.study.run_study", interrupt)
    assert status_of("--name", "mine", "--storage", storage) == 3
    assert capsys.readouterr().err == "interrupted; no trial has begun: the same command begins again\n"
    write_begun(storage / "mine")
    assert status_of("--name", "mine", "--storage", storage) == 3
    assert f"--name mine --storage {storage} --resume" in capsys.readouterr().err


def test_resume_reads_the_settings_that_the_study_began_with(tmp_path: Path) -> None:
    begun = StudySettings(name="a b", data="some", time_budget_s=60, storage=str(tmp_path), models=("m",))
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "study.json").write_text(begun.model_dump_json(), encoding="utf-8")
    assert load_settings(begun.local_folder) == begun
    assert "--name 'a b'" in begun.resume_command
    with pytest.raises(UsageError, match="leave out --resume"):
        load_settings(tmp_path / "other")


def test_the_commands_that_follow_are_for_the_same_data(tmp_path: Path) -> None:
    labels = tmp_path / "rec_gt_val.txt"
    labels.write_text("", encoding="utf-8")
    found = DataSummary(path="", samples={}, origins={"val": labels.name})

    def following(**changes: object) -> dict[str, str]:
        settings = StudySettings.model_validate({"name": "x", "storage": "runs", "seed": 5} | changes)
        return list_commands(settings, found, settings.local_folder)

    folder = following(data=str(tmp_path), test_fraction=0.2)
    assert next(iter(folder)) == "evaluate"
    alone = list_commands(StudySettings(name="x", storage="runs"), found, tmp_path, several=False)
    assert folder.keys() - alone.keys() == {"export another trial"}
    assert f"--bundle runs/x/best --labels {labels}" in folder["evaluate"]
    assert f"--data {tmp_path} --config runs/x/best.yaml --seed 5 --test-fraction 0.2" in str(folder)
    lists = {"train": ["t.txt", "u.txt"], "val": "v.txt"}  # as an earlier version wrote it
    files = following(labels=lists, data_format="image_json", data_options={"text_key": "text"})
    assert files["evaluate"].endswith("--labels v.txt --format image_json --option=text_key=text")
    assert "--train-labels t.txt --train-labels u.txt --val-labels v.txt --format image_json" in str(files)
    told = following(data=str(tmp_path), reading="f.yaml", texts="t.txt", precision=0.9)
    assert told["train the winner again"].endswith("--reading f.yaml --texts t.txt --precision 0.9")
    settings = StudySettings(name="x", storage="runs")
    without_a_winner = list_commands(settings, found, settings.local_folder, exported=False)
    assert list(without_a_winner) == ["repeat the search", "watch or read the curves"]
    curves = {one["watch or read the curves"] for one in (folder, files, without_a_winner)}
    assert curves == {"tensorboard --logdir runs/x"}


def test_a_broken_study_file_is_refused(tmp_path: Path) -> None:
    for text in ("", "{}", json.dumps({"name": "x", "storage": "y", "colour": 1})):
        (tmp_path / "study.json").write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=r"study\.json"):
            load_settings(tmp_path)


def test_help_comes_from_anywhere_and_names_the_exit_statuses(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "search" / "run.py"), "--help"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    assert "3 interrupted, can be resumed" in done.stdout
    assert "--time-budget" in done.stdout

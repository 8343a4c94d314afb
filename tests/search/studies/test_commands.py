"""Looking at studies: what their files tell, whole or cut, old or new; without any training."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from search.records.evidence import Confirmation, Evidence
from search.records.result import StudyResult, baseline_to_json, write_result
from search.records.sample_rows import ROWS, SplitRows, read_rows, write_rows
from search.report.summary import write_summary
from search.report.terminal import terminal_table
from search.settings import StudySettings
from search.storage.files import JOURNAL, RESULT_FILE, STUDY_FILE, SUMMARY_FILE
from search.storage.journal import Journal, read_journal
from search.storage.lock import hold
from search.studies.commands import main
from search.studies.compare import compare_studies
from search.studies.export import find_trial
from search.studies.read import read_result, read_study
from tests.search.made_result import N, result
from train.errors import CheckpointError, UsageError
from train.scoring.intervals import Gain, Interval


def report(trial: Any, index: int) -> dict[str, Any]:
    """Return what Tune hands to a callback for a trial's report."""
    told = trial.history[index]
    return {
        **told.scores.values(),
        "epoch": told.epoch, "loss": told.loss, "score": told.scores.primary, "time_total_s": told.seconds,
        "time_this_iter_s": 1.0, "timestamp": 1_700_000_000, "done": index == len(trial.history) - 1,
        "array": np.zeros(3), "infinite": float("inf"),
    }  # fmt: skip


def write_study(storage: Path, found: StudyResult, ended: bool = True, **settings: Any) -> Path:
    """Write the files of a study as a search leaves them."""
    folder = storage / found.name
    folder.mkdir(parents=True)
    said = StudySettings(name=found.name, storage=str(storage), data=found.data.path, **settings)
    (folder / "study.json").write_text(said.model_dump_json())
    known = {"baselines": [baseline_to_json(b) for b in found.baselines], "max_epochs": found.max_epochs}
    journal = Journal(folder / JOURNAL, known)
    for record in found.trials:
        trial = SimpleNamespace(
            trial_id=record.id, config=record.config.model_dump(mode="json"), error_file="e.txt"
        )
        journal.on_trial_start(0, [], trial)
        for index in range(len(record.history)):
            journal.on_trial_result(0, [], trial, report(record, index))
        if record.state == "failed":
            journal.on_trial_error(0, [], trial)
    if ended:
        write_result(found, folder)
        write_summary(found, folder / "summary.json")
    return folder


def rows(right: int, digest: str = "same") -> SplitRows:
    return SplitRows(digest=digest, rows=tuple((1.0, float(i < right)) for i in range(N)))


def named(name: str) -> StudyResult:
    return result().model_copy(update={"name": name})


def test_show_prints_what_the_search_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    validation, test = result().comparisons
    against = validation.model_copy(update={"baseline": result().baseline})
    found = result().model_copy(update={"comparisons": (against, test)})
    write_study(tmp_path, found)
    main(["show", "vin", "--storage", str(tmp_path)])
    assert capsys.readouterr().out == terminal_table(found) + "\n"


def test_a_winner_that_was_chosen_for_more_than_its_score_is_shown_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    second = result().ranked[1]
    assert second.best is not None
    again = Confirmation(
        trial=second.id, epoch=second.best.epoch, selected=0.7, seeds=(1, 2), scores=(0.6, 0.7), mean=0.65,
        interval=Interval(low=0.6, high=0.7), rank=(0.65, 0.65, 0.0),
    )  # fmt: skip
    gain = Gain(difference=-0.1, interval=Interval(low=-0.2, high=0.0))
    evidence = Evidence(confirmations=(again,), chosen=second.id, folds=2, differences={"t01": gain})
    found = result().model_copy(update={"evidence": evidence})
    write_study(tmp_path, found)
    read = read_result(read_study(tmp_path / "vin"))
    assert read.winner is not None and read.winner.id == second.id  # noqa: PT018
    assert find_trial(read_study(tmp_path / "vin"), "1").id == second.id
    main(["show", "vin", "--storage", str(tmp_path)])
    out = capsys.readouterr().out
    assert f"Winner {second.id}" in out
    assert "65.0 % in the mean" in out
    assert "Trial t01 against the winner: -10.0 points" in out


def test_list_tells_finished_running_and_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(tmp_path, named("done"))
    write_study(tmp_path, named("cut"), ended=False)
    running = hold(write_study(tmp_path, named("now"), ended=False))
    main(["list", "--storage", str(tmp_path), "--json"])
    told = {study["name"]: study for study in json.loads(capsys.readouterr().out)}
    assert {name: study["state"] for name, study in told.items()} == {
        "done": "finished",
        "cut": "interrupted",
        "now": "running",
    }
    assert all(0 < study["best"] <= 1 and study["trials"] == 14 for study in told.values())
    assert told["done"]["interval_95"][0] < told["done"]["best"] < told["done"]["interval_95"][1]
    low, high = told["done"]["untouched_interval_95"]
    assert low < told["done"]["untouched"] < high
    running.close()
    (write_study(tmp_path, named("torn")) / STUDY_FILE).write_text("{")
    (write_study(tmp_path, named("bad")) / RESULT_FILE).write_text("[]")
    (earlier := write_study(tmp_path, named("earlier")) / RESULT_FILE).unlink()
    earlier.with_name(SUMMARY_FILE).write_text('{"data": ')
    assert main(["list", "--storage", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.out.count("interrupted") == 2
    assert [line.partition(":")[0] for line in told.err.splitlines()] == [
        "bad cannot be read",
        "earlier cannot be read",
        "torn cannot be read",
    ]


def test_a_resumed_study_is_running_though_it_was_finished(tmp_path: Path) -> None:
    with hold(write_study(tmp_path, result())):
        study = read_study(tmp_path / "vin")
    assert study.state == "running"
    assert read_result(study).comparisons == (), "what it found before is not what it finds now"


def test_a_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    folder = write_study(tmp_path, result(), ended=False)
    whole = read_journal(folder)
    with (folder / JOURNAL).open("a") as file:
        file.write('{"event": "report", "trial": "t00", "epoch": 9')
    assert read_journal(folder) == whole
    with (folder / JOURNAL).open("a") as file:  # the resumed search goes on behind a line that a kill cut
        file.write('{"event": "start"}\n{"event": "end", "trial": "t00"}\n')
    assert [trial.rows for trial in read_journal(folder)] == [trial.rows for trial in whole]


def test_an_interrupted_study_has_its_table_and_the_command_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(tmp_path, result(), ended=False)
    main(["show", "vin", "--storage", str(tmp_path)])
    out = capsys.readouterr().out
    assert "vin: interrupted, 14 trials so far" in out
    assert "t12" in out
    assert "--name vin" in out
    assert "--resume" in out
    assert "Winner" not in out


def test_a_study_of_an_earlier_version_is_read_from_tunes_files(tmp_path: Path) -> None:
    folder = write_study(tmp_path, result())
    (folder / JOURNAL).unlink()
    trial = result().trials[0]
    (folder / trial.id).mkdir()
    lines = [
        json.dumps({**report(trial, i), "array": None, "config": trial.config.model_dump(mode="json")})
        for i in range(len(trial.history))
    ]
    (folder / trial.id / "result.json").write_text("\n".join(lines) + '\n{"epoch": 9, "lo')
    (folder / "result.json").unlink()
    (record,) = read_result(read_study(folder)).trials
    assert record.history == trial.history
    assert record.state == trial.state


def test_compared_on_the_same_samples_the_gain_is_paired(tmp_path: Path) -> None:
    pair = [write_study(tmp_path, named(name)) for name in ("one", "two")]
    write_rows({"validation": rows(80)}, pair[0])
    write_rows({"validation": rows(120)}, pair[1])
    first, second = (read_study(folder) for folder in pair)
    found = compare_studies((first, second), (read_rows(pair[0]), read_rows(pair[1])))
    validation, test = found.splits
    assert validation.gain is not None
    assert validation.gain.difference == pytest.approx(40 / N)
    # every sample that changed became right: the paired interval cannot reach 0
    assert 0.15 < validation.gain.interval.low < 40 / N < validation.gain.interval.high < 0.32
    assert test.gain is None
    assert "not kept" in test.why_not
    (pair[0] / ROWS).write_text('{"validation": null}')
    with pytest.raises(
        CheckpointError, match=r"sample_rows\.json: .*; put it back from a copy, or delete it"
    ):
        read_rows(pair[0])


@pytest.mark.parametrize(
    ("change", "why"),
    [("labels", "other samples, or other labels"), ("task", "different tasks"), ("rule", "different rules")],
)
def test_scores_that_cannot_be_compared_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str, why: str
) -> None:
    one = write_study(tmp_path, named("one"))
    two = write_study(
        tmp_path, named("two"), seed=7, **({"task": "transcription"} if change == "task" else {})
    )
    write_rows({"validation": rows(80)}, one)
    write_rows({"validation": rows(90, "other" if change == "labels" else "same")}, two)
    if change == "rule":
        path = two / "result.json"
        path.write_text(path.read_text().replace("as-labelled", "case-insensitive"))
    main(["compare", "one", "two", "--storage", str(tmp_path)])
    out = capsys.readouterr().out
    assert f"cannot be compared: {why}" in out
    assert "points" not in out
    assert "seed: 0 -> 7" in out


def test_what_is_not_there_is_refused_with_what_is(tmp_path: Path) -> None:
    write_study(tmp_path, result())
    with pytest.raises(UsageError, match=r"study must be there.*\(vin\)"):
        main(["show", "nix", "--storage", str(tmp_path)])
    with pytest.raises(UsageError, match="folder with studies"):
        main(["list", "--storage", str(tmp_path / "nowhere")])
    with pytest.raises(UsageError, match=r"one of 1 to 12, or t00"):
        main(["export", "vin", "--trial", "13", "--storage", str(tmp_path), "--output", str(tmp_path / "b")])
    with pytest.raises(UsageError, match="must not replace"):
        main(["export", "vin", "--trial", "1", "--storage", str(tmp_path), "--output", str(tmp_path)])
    write_study(tmp_path, named("cut"), ended=False)
    with pytest.raises(UsageError, match="must be finished"):
        main(["compare", "vin", "cut", "--storage", str(tmp_path)])


def test_the_studies_of_a_pair_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A detector and its reader lie a folder deeper than other studies."""
    write_study(tmp_path / "both", named("recognition"))
    (tmp_path / "both" / "photos.json").write_text("{}")
    main(["list", "--storage", str(tmp_path)])
    told = capsys.readouterr().out
    assert told == f"both: a detector and its reader, listed with --storage {tmp_path}/both\n"
    with pytest.raises(UsageError, match=r"\(recognition\): --storage .*/both"):
        main(["show", "both", "--storage", str(tmp_path)])

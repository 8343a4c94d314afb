"""One small search on real images from the command line to the bundle, and what it leaves behind."""

import json
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml

from search.studies.read import read_result, read_study
from tests.search.driver import (
    MAX_EPOCHS,
    REPOSITORY,
    label_arguments,
    search,
    write_labels,
    write_space,
)
from train.bundle import load_bundle
from train.checkpoint import load_checkpoint
from train.config import TrialConfig
from train.config_file import load_config
from train.data import images
from train.data.checks.corrections import read_table
from train.data.formats.loading import load_file

pytestmark = pytest.mark.slow
TRAIN, VAL = 64, 32
REPORT = re.compile(
    r"^(\w+)  pp-ocrv6-tiny +(\w+) +lr \S+  epoch +(\d+)/2 +loss +\d+\.\d+  exact (\d\.\d+)  "
    r"similarity \d\.\d+  best (\d\.\d+) \(baseline (\d\.\d+)\)"
)


@dataclass(frozen=True)
class Ended:
    """A search that has ended."""

    labels: Path
    folder: Path
    output: str
    summary: dict[str, Any]

    @property
    def trials(self) -> list[dict[str, Any]]:
        return list(self.summary["trials"])


@pytest.fixture(scope="module")
def ended(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    folder = tmp_path_factory.mktemp("study")
    labels = write_labels(data_dir, folder / "labels", TRAIN, VAL)
    space = write_space(folder, epochs=2)
    settings = ["--trials", 2, "--max-epochs", MAX_EPOCHS, "--test-fraction", 0.2, "--seed", 3]
    run = search(*label_arguments(labels), "--space", space, "--storage", folder, "--name", "tiny", *settings)
    assert run.wait() == 0, run.output
    text = (folder / "tiny" / "summary.json").read_text(encoding="utf-8")
    return Ended(labels, folder / "tiny", run.output, json.loads(text))


def test_the_summary_says_what_was_found(ended: Ended) -> None:
    summary = ended.summary
    assert {"baseline", "best", "test", "trials", "versions", "seeds", "wall_seconds"} <= summary.keys()
    assert len({trial["id"] for trial in ended.trials}) == len(ended.trials) == 2
    for trial in ended.trials:
        assert trial.keys() == {"id", "state", "config", "score", "general", "epochs", "seconds", "reason",
                                "parts", "notes", "interval_95"}  # fmt: skip
        assert (trial["state"], trial["epochs"], trial["reason"]) == ("finished", 2, "")
        assert (trial["parts"] in (1, 2), trial["notes"]) == (True, []), "two where memory is short"
        assert 0 < trial["seconds"] < summary["wall_seconds"]
        assert 0 <= trial["interval_95"][0] <= trial["score"] <= trial["interval_95"][1] <= 1
    for measured in (summary["baseline"], summary["best"], summary["test"]["best"]):
        low, high = measured["interval_95"]
        assert low <= measured["exact_match"] <= high
    assert summary["best"]["n"] == VAL
    assert summary["test"]["best"]["n"] == round(0.2 * TRAIN)
    assert summary["data"]["samples"] == {
        "train": TRAIN - round(0.2 * TRAIN),
        "val": VAL,
        "test": round(0.2 * TRAIN),
    }
    least = max(trial["score"] for trial in ended.trials)
    near = summary["best"]["caution"]["share"] < 1
    assert summary["best"]["exact_match"] >= (summary["baseline"]["exact_match"] if near else least)


def test_different_suggestions_train_differently(ended: Ended) -> None:
    first, second = (checkpoint_weights(ended, trial["id"]) for trial in ended.trials)
    assert [trial["config"]["technique"]["name"] for trial in ended.trials] in (
        ["frozen", "full"],
        ["full", "frozen"],
    )
    assert first.keys() == second.keys()
    assert sum(not np.array_equal(first[name], second[name]) for name in first) > len(first) / 4


def checkpoint_weights(ended: Ended, trial: str) -> dict[str, Any]:
    saved = sorted((ended.folder / trial).glob("checkpoint_*/checkpoint"))
    return dict(load_checkpoint(saved[-1]).state["weights"])


def test_every_trials_checkpoint_says_the_configuration_that_trained_it(ended: Ended) -> None:
    for trial in ended.trials:
        saved = next((ended.folder / trial["id"]).glob("checkpoint_*/checkpoint"))
        assert load_checkpoint(saved).config == TrialConfig.model_validate(trial["config"])


def test_the_bundle_reads_a_real_line(ended: Ended) -> None:
    sample = load_file(ended.labels / "rec_gt_val.txt")[0]
    readings = (
        load_bundle(ended.folder / "best").recogniser(1).read([images.resize_line(images.read(sample.path))])
    )
    text, confidence = readings[0]
    assert len(text) > 5
    assert 0 < confidence <= 1


def test_the_bundle_scores_what_the_summary_says(ended: Ended) -> None:
    labels = ended.labels / "rec_gt_val.txt"
    scores = python("train/evaluate.py", "--bundle", ended.folder / "best", "--labels", labels, "--json")
    assert json.loads(scores)["n"] == VAL
    assert json.loads(scores)["exact_match"] == pytest.approx(ended.summary["best"]["exact_match"])


def python(script: str, *arguments: object) -> str:
    command = [sys.executable, script, *map(str, arguments)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_winners_configuration_trains_again(ended: Ended, tmp_path: Path) -> None:
    best = load_config(ended.folder / "best.yaml")
    assert best.model_dump(mode="json") == ended.summary["best"]["config"]
    shorter = tmp_path / "shorter.yaml"
    shorter.write_text(yaml.safe_dump(best.model_dump(mode="json") | {"epochs": 1}), encoding="utf-8")
    out = python("train/run.py", "--data", ended.labels, "--config", shorter, "--output", tmp_path / "again")
    assert "epoch   1/1" in out
    assert load_bundle(tmp_path / "again" / "best")


def test_the_report_shows_every_trial(ended: Ended) -> None:
    report = (ended.folder / "report.html").read_text(encoding="utf-8")
    assert all(trial["id"] in report for trial in ended.trials)


def test_the_results_commands_show_the_study_and_export_its_second_trial(
    ended: Ended, tmp_path: Path
) -> None:
    command, storage = "search/results.py", ["--storage", ended.folder.parent]
    shown = python(command, "show", "tiny", *storage)
    assert shown.strip() in ended.output
    told = json.loads(python(command, "list", *storage, "--json"))
    assert [(s["name"], s["state"], s["best"]) for s in told] == [
        ("tiny", "finished", ended.summary["best"]["exact_match"])
    ]
    compared = json.loads(python(command, "compare", "tiny", "tiny", *storage, "--json"))
    assert [split["gain"]["difference"] for split in compared["splits"]] == [0, 0]
    output = tmp_path / "second"
    done = python(command, "export", "tiny", "--trial", 2, *storage, "--output", output, "--json")
    second = read_result(read_study(ended.folder)).ranked[1]
    assert json.loads(done)["trial"] == second.id
    bundle, best = load_bundle(output), load_bundle(ended.folder / "best")
    assert bundle.manifest.metrics["exact_match"] == second.score
    assert (bundle.text_model is None) == (best.text_model is None)


def test_labels_are_checked_by_winner_and_trials(ended: Ended) -> None:
    check = ended.summary["label_mistakes"]
    assert check["voters"][:1] == ["winner"]
    assert len(read_table(ended.folder / "label_mistakes.tsv")) == len(check["samples"])
    assert "Possible label errors" in (ended.folder / "report.html").read_text(encoding="utf-8")


def test_progress_has_a_line_for_every_report(ended: Ended) -> None:
    found = [match.groups() for line in ended.output.splitlines() if (match := REPORT.match(line))]
    assert {(trial, epoch) for trial, _, epoch, *_ in found} == {
        (trial["id"], epoch) for trial in ended.trials for epoch in "12"
    }
    assert {technique for _, technique, *_ in found} == {"full", "frozen"}
    best = 0.0
    for *_, score, so_far, _ in found:
        best = max(best, float(score))
        assert float(so_far) == best
    assert {float(baseline) for *_, baseline in found} == {round(ended.summary["baseline"]["exact_match"], 3)}


def test_the_terminal_ends_with_the_gain_and_what_to_type_next(ended: Ended) -> None:
    assert re.search(rf"Exact match on {VAL} validation lines: .* points \(95 %: ", ended.output)
    assert re.search(rf"Exact match on {round(0.2 * TRAIN)} held-back test lines: ", ended.output)
    labels = ended.labels / "rec_gt_val.txt"
    assert f"train/evaluate.py --bundle {ended.folder / 'best'} --labels {labels}" in ended.output


def test_tensorboard_reads_every_trials_scores_and_settings(ended: Ended) -> None:
    for trial in ended.trials:
        (path,) = (ended.folder / trial["id"]).glob("events.out.tfevents.*")
        events = list(tensorboard_events(path))
        scalars = [(v.tag, e.step, v.simple_value) for e in events for v in e.summary.value]
        scores = {step: value for tag, step, value in scalars if tag == "ray/tune/exact_match"}
        assert set(scores) == {1, 2}
        assert max(scores.values()) == pytest.approx(trial["score"])
        assert {"ray/tune/loss", "ray/tune/val_loss", "ray/tune/cer"} <= {tag for tag, *_ in scalars}
        (settings,) = (
            str(v.metadata.plugin_data.content)
            for e in events
            for v in e.summary.value
            if v.tag == "_hparams_/session_start_info"
        )
        assert "optimiser/learning_rate" in settings
        assert trial["config"]["technique"]["name"] in settings


def tensorboard_events(path: Path) -> Iterator[Any]:
    """Yield the records of a TensorBoard file: a length, its checksum, an event, its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, start = path.read_bytes(), 0
    while start < len(data):
        (length,) = struct.unpack_from("<Q", data, start)
        yield Event.FromString(data[start + 12 : start + 12 + length])
        start += 16 + length


def test_a_log_says_what_is_at_work_in_plain_lines(ended: Ended) -> None:
    told = re.findall(r"^at work: .*", ended.output, re.MULTILINE)  # none of what took under two seconds
    head = r"at work: [^:]+, \d+:\d\d"
    assert all(re.match(rf"{head}(: |$)", line) for line in told)
    trials = [line for line in told if re.match(rf"{head}: ", line) and "training" in line]
    assert all(re.match(rf"{head}: \w+ (before its first batch|epoch \d)", line) for line in trials)
    assert not {"\x1b", "\r"} & set(ended.output)
    assert "\nRay dashboard: http://" in ended.output
    assert f"\ncurves: tensorboard --logdir {ended.folder}" in ended.output


def test_optuna_can_open_the_study(ended: Ended) -> None:
    storage = f"sqlite:///{ended.folder / 'optuna.db'}"
    study = optuna.load_study(study_name="ocrtune", storage=storage)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE"]
    for trial in study.trials:
        assert trial.params.keys() == {"technique.name", "optimiser.learning_rate"}
        assert trial.intermediate_values.keys() == {1, 2}
        assert max(trial.intermediate_values.values()) == trial.value

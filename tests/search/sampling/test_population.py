"""Population based training: what may change, who trained the winner's weights, and a real one on real lines."""

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.train.constants import CHECKPOINT_DIR_NAME

from search.records.trial_report import CHECKPOINT, COPIED, EPOCH, TRAINED_WITH, TrialReport, name_copied
from search.sampling.lineage import describe_stages, find_stages
from search.sampling.population import check_population, mutate
from search.settings import StudySettings
from search.storage.journal import read_journal
from spaces.space import parse_space
from tests.search.driver import label_arguments, write_labels
from tests.search.tiny_search import TINY, tiny_search
from train.config import TrialConfig, config_from_mapping
from train.config_file import load_config
from train.errors import UsageError
from train.system.dotted import flatten, nest

TEXT = """\
fixed: {task: recognition, model: pp-ocrv6-tiny, engine: paddle, charset: domain, epochs: 4, batch_size: 8}
parameters:
  technique.name: {choice: [full, frozen]}
  optimiser.learning_rate:
    - {float: [1.0e-3, 1.0e-2], log: true, when: {technique.name: frozen}}
    - {float: [1.0e-5, 1.0e-3], log: true}
  augmentation.probability: {float: [0.1, 0.4]}
"""
SPACE = parse_space(TEXT, "some", "some.yaml")


def changes(technique: str, rate: float, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    settings = nest({"technique.name": technique, "optimiser.learning_rate": rate, "epochs": 4})
    before = config_from_mapping(settings, "test").model_dump(mode="json")
    return before, mutate(before, SPACE, random.Random(seed))


@pytest.mark.parametrize("seed", range(20))
def test_a_mutation_changes_what_may_change_and_stays_in_its_range(seed: int) -> None:
    before, after = changes("frozen", 9e-3, seed)
    differ = {key for key, value in flatten(before).items() if flatten(after)[key] != value}
    assert differ <= {"optimiser.learning_rate", "augmentation.probability"}
    assert 1e-3 <= after["optimiser"]["learning_rate"] <= 1e-2
    assert 0.1 <= after["augmentation"]["probability"] <= 0.4
    assert config_from_mapping(after, "test")
    _, full = changes("full", 9e-4, seed)
    assert 1e-5 <= full["optimiser"]["learning_rate"] <= 1e-3, (
        "its own range, not that of the other technique"
    )


def test_mutations_differ() -> None:
    assert len({changes("full", 1e-4, seed)[1]["optimiser"]["learning_rate"] for seed in range(20)}) > 5


def settings(**others: Any) -> StudySettings:
    return StudySettings(name="some", storage="runs", scheduler="pbt", **others)


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ({"sampler": "tpe"}, "leave out --sampler"),
        ({"trials": 1}, "--trials 8"),
        ({"concurrent": 2}, "--cpus-per-trial"),
    ],
)
def test_what_a_population_cannot_do_is_refused(others: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check_population(settings(**others), SPACE)


def test_a_population_needs_something_to_change_and_begins_at_random() -> None:
    assert settings().chosen_sampler == "random"
    check_population(settings(), SPACE)
    nothing = SPACE.with_fixed({"optimiser.learning_rate": 1e-4, "augmentation.probability": 0.2})
    with pytest.raises(UsageError, match="none of optimiser"):
        check_population(settings(), nothing)


def report(epoch: int, rate: float, copied: str = "", name: str = "") -> TrialReport:
    config = TrialConfig.model_validate({"optimiser": {"learning_rate": rate}})
    name = name or f"checkpoint_{epoch}{rate}"
    return TrialReport.from_row(
        {EPOCH: epoch, CHECKPOINT: name, COPIED: copied, TRAINED_WITH: config.model_dump_json()}
    )


def test_stages_follow_the_weights_through_the_trials_that_trained_them() -> None:
    a = [report(epoch, 1e-4) for epoch in (1, 2, 3)]
    # b trained two epochs, then went on from a's second with another rate, was stopped, and repeated epoch 4.
    copied = f"a/{a[1].stamp.checkpoint}"
    b = [
        report(1, 1e-2),
        report(2, 1e-2),
        *(report(e, 2e-4, copied) for e in (3, 4)),
        report(4, 2e-4),
        report(5, 2e-4),
    ]
    told = [(s.trial, s.first_epoch, s.last_epoch, s.settings["optimiser.learning_rate"]) for s in
            find_stages({"a": a, "b": b}, "b", 5)]  # fmt: skip
    assert told == [("a", 1, 2, 1e-4), ("b", 3, 5, 2e-4)]
    assert [s.trial for s in find_stages({"a": a, "b": b}, "b", 1)] == ["b"]
    assert not describe_stages(find_stages({"a": a, "b": b}, "b", 1))
    assert "epochs 1-2 (trial a): optimiser.learning_rate 0.0001" in describe_stages(
        find_stages({"a": a, "b": b}, "b", 5)
    )


def test_a_name_that_a_donor_used_twice_is_the_epoch_before() -> None:
    a = [report(1, 1e-4)]
    b = [report(1, 1e-2, "", "checkpoint_0"), report(2, 2e-4, f"a/{a[0].stamp.checkpoint}", "checkpoint_0")]
    c = [report(1, 1e-3), report(3, 4e-4, "b/checkpoint_0")]
    found = find_stages({"a": a, "b": b, "c": c}, "c", 1)
    assert [(s.trial, s.first_epoch, s.last_epoch) for s in found] == [("a", 1, 1), ("b", 2, 2), ("c", 3, 3)]


def test_a_checkpoint_of_ones_own_is_not_copied() -> None:
    assert name_copied("/runs/x/a/checkpoint_1", "b") == "a/checkpoint_1"
    assert name_copied("/runs/x/a/checkpoint_1/", "a") == ""


@pytest.mark.slow
def test_a_real_population_says_how_its_winner_was_trained(data_dir: Path, tmp_path: Path) -> None:
    space = tmp_path / "some.yaml"
    model = "task: recognition, model: pp-ocrv6-tiny, engine: paddle, charset: domain"
    space.write_text(TEXT.replace(model, TINY), encoding="utf-8")
    labels = write_labels(data_dir, tmp_path / "labels", 16, 8)
    asked = ["--scheduler", "pbt", "--trials", 4, "--cpus-per-trial", 1, "--test-fraction", 0]
    run = tiny_search(
        *label_arguments(labels), "--space", space, "--storage", tmp_path, "--name", "some", *asked
    )
    assert run.wait() == 0, run.output
    folder = tmp_path / "some"
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert len(summary["trials"]) == 4
    journals = {trial.id: trial.rows for trial in read_journal(folder)}
    copies = {row[COPIED] for rows in journals.values() for row in rows if row[COPIED]}
    for donor, name in (
        copy.split("/") for copy in copies
    ):  # if any; the donor has told of what was taken over
        assert any(row[CHECKPOINT_DIR_NAME] == name for row in journals[donor])
    for trial in summary["trials"]:
        last = trial["stages"][-1]["settings"]
        assert last["optimiser.learning_rate"] == trial["config"]["optimiser"]["learning_rate"]
        stages = trial["stages"]
        assert stages[0]["first_epoch"] == 1, run.output
        assert all(b["first_epoch"] == a["last_epoch"] + 1 for a, b in itertools.pairwise(stages))
    text = (folder / "best.yaml").read_text(encoding="utf-8")
    winner = next(trial for trial in summary["trials"] if trial["id"] == summary["best"]["trial"])
    assert text.startswith("# The winning trial was trained in stages") == (len(winner["stages"]) > 1)
    assert (
        load_config(folder / "best.yaml").model_dump(mode="json") == yaml.safe_load(text) == winner["config"]
    )

"""What a forked study tries first."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from search.planning.warm_starts import MOST_FORKED, fit_configs, read_best_configs
from search.records.trial_report import EPOCH, FoldReport, Origin, TrialReport
from search.storage.files import JOURNAL
from search.storage.journal import Journal
from spaces.space import parse_space
from train.config import TrialConfig, config_from_mapping
from train.errors import UsageError
from train.system.dotted import nest

SPACE = """\
fixed: {epochs: 9}
parameters:
  technique.name: {choice: [full, frozen]}
  optimiser.learning_rate: {float: [1.0e-4, 1.0e-2], log: true}
"""


def config(rate: float, technique: str = "full") -> TrialConfig:
    flat = {"optimiser.learning_rate": rate, "technique.name": technique, "epochs": 4}
    return config_from_mapping(nest(flat), "test")


def write_trial(study: Path, name: str, settings: TrialConfig, *scores: float, folds: bool = False) -> None:
    journal = Journal(study / JOURNAL, {})
    trial = SimpleNamespace(trial_id=name, config=settings.model_dump(mode="json"))
    journal.on_trial_start(0, [], trial)
    for epoch, score in enumerate(scores, 1):
        fold = FoldReport(epoch, of=3, samples=8) if folds else None
        journal.on_trial_result(0, [], trial, TrialReport({EPOCH: epoch}, score, score, fold=fold).to_row())


def test_the_best_configurations_come_first(tmp_path: Path) -> None:
    for index in range(MOST_FORKED + 2):
        write_trial(tmp_path, f"t{index}", config(1e-3 * (index + 1)), 0.1 * index, 0.0)
    found = read_best_configs(tmp_path)
    assert [round(c.optimiser.learning_rate * 1000) for c in found] == [7, 6, 5, 4, 3]


def test_over_folds_the_mean_of_all_counts_and_not_the_luckiest(tmp_path: Path) -> None:
    write_trial(tmp_path, "stopped", config(1e-3), 0.9, folds=True)
    write_trial(tmp_path, "lucky", config(2e-3), 0.9, 0.4, folds=True)
    write_trial(tmp_path, "good", config(3e-3), 0.6, 0.6, folds=True)
    found = read_best_configs(tmp_path)
    assert [round(c.optimiser.learning_rate * 1000) for c in found] == [3, 2, 1]


def test_trials_without_a_score_are_left_out_and_changed_settings_count(tmp_path: Path) -> None:
    journal = Journal(tmp_path / JOURNAL, {})
    for name, rate in (("crashed", 1e-3), ("diverged", 2e-3), ("changed", 3e-3)):
        write_trial(tmp_path, name, config(rate), 0.9)
    journal.on_trial_error(0, [], SimpleNamespace(trial_id="crashed", error_file="error.txt"))
    journal.on_trial_result(
        0, [], SimpleNamespace(trial_id="diverged"), TrialReport.of_diverged("NaN").to_row()
    )
    origin = Origin("", config(4e-3).model_dump_json())
    later = TrialReport({EPOCH: 2}, 0.95, 0.95, origin=origin).to_row()
    journal.on_trial_result(0, [], SimpleNamespace(trial_id="changed"), later)
    assert read_best_configs(tmp_path) == [config(4e-3)]


def test_a_study_without_a_score_cannot_be_forked(tmp_path: Path) -> None:
    write_trial(tmp_path, "begun", config(1e-3))
    with pytest.raises(UsageError, match="--fork"):
        read_best_configs(tmp_path)
    with pytest.raises(UsageError, match="--fork"):
        read_best_configs(tmp_path / "none")


def test_points_lie_in_the_new_space() -> None:
    space = parse_space(SPACE, "tiny", "tiny.yaml")
    configs = [config(2e-3), config(0.5), config(3e-3, "gradual"), config(2e-3), config(4e-3, "frozen")]
    assert fit_configs(configs, space) == [
        {"technique.name": "full", "optimiser.learning_rate": 2e-3},
        {"technique.name": "frozen", "optimiser.learning_rate": 4e-3},
    ]
    assert fit_configs([config(2e-3)], space.with_fixed({"technique.name": "frozen"})) == [
        {"optimiser.learning_rate": 2e-3}
    ]

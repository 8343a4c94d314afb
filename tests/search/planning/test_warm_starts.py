"""What earlier studies teach: kept when finished, read by the next of the same task, where its space holds it."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from search.planning.warm_starts import (
    MOST_WINNERS,
    add_earlier,
    fit_winners,
    read_winners,
    remember,
    winners_file,
)
from search.records.evidence import Caution, EarlierStudy, Evidence
from search.report.summary import summary
from search.settings import StudySettings
from spaces.space import load_space, parse_space
from tests.search.made_result import result
from train.config import TrialConfig, config_from_mapping
from train.errors import UsageError
from train.scoring.intervals import Gain
from train.system.dotted import nest

SPACE = load_space("quick")


def settings(folder: Path, name: str = "new", **others: Any) -> StudySettings:
    made = StudySettings(name=name, storage=str(folder), data="data/vin", **others)
    made.local_folder.mkdir(parents=True, exist_ok=True)
    return made


def winner(rate: float = 5e-4, **others: Any) -> TrialConfig:
    flat = {
        "optimiser.learning_rate": rate,
        "technique.name": "full",
        "augmentation.probability": 0.1,
        "seed": 9,
    }
    return config_from_mapping(nest(flat | others), "test")


def finished(folder: Path, name: str, config: TrialConfig, share: float = 1.0) -> None:
    """Leave a finished study behind whose winner had these settings, and whose bundle goes so far towards it."""
    made = settings(folder, name)
    url = f"sqlite:///{made.local_folder / 'optuna.db'}"
    study = optuna.create_study(study_name="ocrtune", storage=url, direction="maximize")
    study.add_trial(optuna.trial.create_trial(params={}, distributions={}, value=0.5))
    trials = tuple(trial.model_copy(update={"config": config}) for trial in result().trials)
    gain = Gain.model_validate({"difference": 0.1, "interval": {"low": 0.0, "high": 0.2}})
    caution = Caution(baseline="untouched", share=share, gain=gain, samples=9)
    remember(made, result(trials).model_copy(update={"caution": caution}))


def test_a_finished_study_is_the_start_of_the_next(tmp_path: Path) -> None:
    finished(tmp_path, "first", winner(5e-4))
    finished(tmp_path, "second", winner(6e-4))
    made = settings(tmp_path)
    points, used = add_earlier(made, SPACE, [{"technique.name": "frozen"}])
    assert [one.study for one in used] == ["second", "first"]
    rate = "optimiser.learning_rate [else]"
    assert [point.get(rate) for point in points] == [6e-4, 5e-4, None]
    again = add_earlier(made, SPACE, [{"technique.name": "frozen"}])
    assert again == (points, used), "a study that is resumed before its first trial begins as it said"
    names = optuna.get_all_study_names(f"sqlite:///{winners_file(made)}")
    assert [name.split()[0] for name in names] == ["first", "second"]


def test_a_damaged_file_of_studies_stops_a_search_before_it_begins_and_spoils_none_that_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = winners_file(settings(tmp_path))
    file.write_bytes(b"no database" * 100)
    finished(tmp_path, "first", winner())
    assert "not kept for later studies" in capsys.readouterr().out
    assert file.read_bytes() == b"no database" * 100
    with pytest.raises(UsageError, match="--no-transfer"):
        add_earlier(settings(tmp_path), SPACE, [])


def test_what_is_not_to_be_carried_over_is_not(tmp_path: Path) -> None:
    finished(tmp_path, "first", winner())
    assert add_earlier(settings(tmp_path, transfer=False), SPACE, []) == ([], ())
    assert read_winners(winners_file(settings(tmp_path)), "detection", None) == []
    staged = result().model_copy(update={"trials": ()})
    remember(settings(tmp_path, "nothing-won"), staged)
    finished(tmp_path, "no-better", winner(6e-4), share=0)
    assert len(read_winners(winners_file(settings(tmp_path)), "recognition", None)) == 1


def earlier(config: TrialConfig, data: str = "data/vin", ended: float = 0) -> EarlierStudy:
    return EarlierStudy(
        study="old", data=data, samples=100, ended=ended, config=config.model_dump(mode="json")
    )


@pytest.mark.parametrize(
    ("others", "held"),
    [
        ({}, True),
        ({"epochs": 3, "seed": 4}, True),
        ({"optimiser.learning_rate": 0.5}, False),
        ({"technique.name": "lora"}, False),
        ({"model": "pp-ocrv6-small"}, False),
    ],
)
def test_a_winner_must_lie_in_the_space(others: dict[str, Any], held: bool) -> None:
    points, used = fit_winners([earlier(winner(**others))], SPACE)
    assert bool(points) == bool(used) == held


def test_a_few_different_winners_are_enough() -> None:
    many = [earlier(winner(1e-4 * (1 + place // 2))) for place in range(10)]
    points, used = fit_winners(many, SPACE)
    assert len(points) == len(used) == MOST_WINNERS
    assert len({str(point) for point in points}) == MOST_WINNERS
    other = parse_space("parameters: {optimiser.weight_decay: {float: [0.1, 0.2]}}", "some", "some.yaml")
    assert fit_winners(many, other) == ([], ())


def test_winners_on_other_data_come_after_the_recipes(tmp_path: Path) -> None:
    finished(tmp_path, "first", winner(5e-4))
    made = settings(tmp_path).model_copy(update={"data": "data/receipts"})
    points, used = add_earlier(made, SPACE, [{"technique.name": "frozen"}])
    assert points[0] == {"technique.name": "frozen"}
    assert len(points) == 2
    assert (
        summary(result().model_copy(update={"evidence": Evidence(earlier=used)}))["earlier"][0]["study"]
        == "first"
    )

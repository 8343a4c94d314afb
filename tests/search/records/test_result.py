"""result.json is the result itself."""

from pathlib import Path

import pytest

from search.records.evidence import LabelError, Latency, Stage
from search.records.facts import BadSample
from search.records.result import (
    PRETRAINED,
    Misreading,
    StudyResult,
    read_result_file,
    require_winner,
    write_result,
)
from tests.search.made_result import result, trial, with_general, with_labels
from train.errors import CheckpointError, NoScoreError
from train.scoring.intervals import Interval
from train.scoring.regions import RegionScores
from train.scoring.scores import AccuracyScores, Scores


def with_scores(scores: Scores) -> StudyResult:
    """Return a result whose baselines and comparisons have these scores."""
    found = result()
    baselines = tuple(one.model_copy(update={"scores": scores}) for one in found.baselines)
    comparisons = tuple(one.model_copy(update={"winner": scores}) for one in found.comparisons)
    return found.model_copy(update={"baselines": baselines, "comparisons": comparisons})


def a_label_error() -> LabelError:
    check = with_labels().labels
    assert check is not None
    return check.samples[0]


def with_stages() -> StudyResult:
    stage = Stage(trial="t01", first_epoch=1, last_epoch=2, settings={"optimiser.learning_rate": 1e-3})
    latency = Latency(ms=1.5, low=1.0, high=2.0)
    first, *others = result().trials
    first = first.model_copy(update={"stages": (stage, stage), "latency": latency, "micro_batches": 4})
    return result().model_copy(update={"trials": (first, *others)})


@pytest.mark.parametrize(
    "found",
    [
        result(),
        with_general(0.02, [0.0, 0.1]),
        with_labels(),
        with_stages(),
        with_scores(RegionScores(9, 0.5, 0.6, 0.55, 0.7, interval=Interval(low=0.4, high=0.7))),
        with_scores(AccuracyScores(9, 0.5, 0.75)),
    ],
)
def test_a_result_is_read_back_as_it_was(found: StudyResult, tmp_path: Path) -> None:
    write_result(found, tmp_path)
    read = read_result_file(tmp_path)
    assert read == found
    [ours, theirs] = (one.baselines[0].scores for one in (found, read))
    assert (type(theirs), theirs.interval) == (type(ours), ours.interval)


def test_images_whose_names_are_no_unicode_stand_in_it_by_their_numbers(tmp_path: Path) -> None:
    """They can be trained on, and a search must not end with nothing for the name of one that is misread."""
    misread = Misreading(index=0, source="caf\udce9.png", text="A", reading="B", confidence=0.5)
    bad = BadSample(source="list.txt:1", reason="unreadable: caf\udce9.png")
    error = LabelError.model_validate(a_label_error().model_dump() | {"source": "caf\udce9.png"})
    assert {misread.source, error.source} == {r"caf\udce9.png"}
    found = result().model_copy(update={"misreadings": (misread,)})
    data = found.data.model_copy(update={"left_out": (bad,)})
    write_result(found.model_copy(update={"data": data}), tmp_path)
    assert read_result_file(tmp_path).misreadings == (misread,)


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    write_result(result(), tmp_path)
    path = tmp_path / "result.json"
    path.write_text(path.read_text("utf-8")[:-50], "utf-8")
    with pytest.raises(CheckpointError, match=r"result\.json"):
        read_result_file(tmp_path)


def test_a_search_that_left_no_bundle_has_failed() -> None:
    """The pretrained baseline is one, where the time was over before any trial's first epoch."""
    late, crashed = trial(0, "stopped", 0), trial(1, "failed", 0)
    require_winner(result((late,)).model_copy(update={"averaged": (PRETRAINED,)}))
    with pytest.raises(NoScoreError, match=f"none of 2, {crashed.id} failed: ModelError: no weights"):
        require_winner(result((late, crashed)).model_copy(update={"averaged": ()}))

"""What the report advises and counts: each sentence appears where its reason holds, and only there."""

import pytest

from search.records.evidence import Refit
from search.records.facts import Reservation, sum_reserved
from search.records.result import Misreading
from search.report.advice import (
    advise,
    advise_on_data,
    advise_on_epochs,
    advise_on_errors,
    advise_on_model,
    advise_on_trials,
)
from search.report.confusions import count_confusions
from search.report.page.tables import show_trials
from search.report.summary import summary
from tests.search.made_result import result, trial, trials, with_labels
from tests.search.report.test_page import gained
from train.scoring.intervals import Gain, Interval


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.1, 0.3, "Use the bundle"), (-0.1, 0.2, "Either will do"), (-0.3, -0.1, "made it worse")],
)
def test_what_to_use_follows_the_interval(low: float, high: float, says: str) -> None:
    assert says in advise_on_model(gained(low, (low + high) / 2, high))


@pytest.mark.parametrize(
    ("averaged", "how"),
    [(True, ", averaged with a network of all samples."), (False, ", trained once more on all samples.")],
)
def test_what_else_the_bundle_is_made_of_is_said(averaged: bool, how: str) -> None:
    refit = Refit(epochs=9, samples=684, averaged=averaged)
    said = advise_on_model(gained(0.1, 0.2, 0.3).model_copy(update={"refit": refit}))
    assert said.endswith(how)


def test_a_gain_that_validation_shows_counts_where_the_test_is_too_small_to_show_it() -> None:
    validation, test = result().comparisons[:2]
    shown = Gain(difference=0.2, interval=Interval(low=0.1, high=0.3))
    unsure = Gain(difference=0.2, interval=Interval(low=0.0, high=0.3), documents=5)
    both = (validation.model_copy(update={"gain": shown}), test.model_copy(update={"gain": unsure}))
    said = advise_on_model(result().model_copy(update={"comparisons": both}))
    assert said.startswith("Use the bundle of this search: 172 validation lines show a gain, +20.0 points ")
    assert said.endswith("though these 90 lines of 5 documents are too few to show it again.")


def test_without_a_winner_the_pretrained_baseline_is_used() -> None:
    assert advise_on_model(result((trial(0, "failed", 0),))) == (
        "Use the pretrained baseline (pp-ocrv6-tiny, domain charset): no trial has won."
    )


def test_training_longer_is_advised_only_where_the_last_epoch_is_the_best() -> None:
    rising = trial(0)
    order = sorted(rising.history, key=lambda measure: measure.rank)
    scores = [measure.scores for measure in order]
    climbs = [m.model_copy(update={"scores": s}) for m, s in zip(rising.history, scores, strict=True)]
    (said,) = advise_on_epochs(result((rising.model_copy(update={"history": tuple(climbs)}),)))
    assert "last epoch, 8 of" in said
    falls = [m.model_copy(update={"scores": s}) for m, s in zip(rising.history, scores[::-1], strict=True)]
    assert advise_on_epochs(result((rising.model_copy(update={"history": tuple(falls)}),))) == []


def test_few_and_failed_trials_are_named() -> None:
    assert advise_on_trials(result()) == []
    few = advise_on_trials(result((trial(0), trial(1), trial(2, "failed", 0), trial(3, "diverged", 1))))
    assert "Only 2 trials with a score" in few[0]
    assert "Only 1 trial with a score" in advise_on_trials(result((trial(0),)))[0]
    assert "No trial came to a score in" in advise_on_trials(result((trial(0, "stopped", 0),)))[0]
    assert "2 of 4 trials failed or diverged" in few[1]


def test_how_many_labels_would_make_the_gain_sure_is_said() -> None:
    (said,) = advise_on_data(gained(0.0, 0.1, 0.2))
    assert "about 10 points either way, on 90 lines" in said
    assert "some 360" in said  # half the interval takes four times the lines
    assert "validation lines are few" in advise_on_data(gained(0.09, 0.1, 0.11))[0]


def test_label_errors_come_first() -> None:
    assert advise_on_errors(result()) == []
    two = with_labels()
    assert two.labels
    one = two.model_copy(update={"labels": two.labels.model_copy(update={"samples": two.labels.samples[:1]})})
    assert (
        "2 labels may be errors, as good models agree on another text: look at them first"
        in advise_on_errors(two)[0]
    )
    assert (
        "1 label may be an error, as good models agree on another text: look at it first"
        in advise_on_errors(one)[0]
    )


def test_every_heading_has_sentences_and_programs_get_them_too() -> None:
    assert list(advise(result())) == ["What to use", "What to try next", "Whether the data are enough"]
    assert summary(result())["advice"] == advise(result())


def line(text: str, reading: str) -> Misreading:
    return Misreading(index=0, source="a.png", text=text, reading=reading, confidence=0.5)


def test_characters_are_counted_by_pairs() -> None:
    found = count_confusions(
        [line("8B8", "BB8"), line("88", "BB"), line("A1", "A"), line("A", "A 1"), line("XYZ", "")]
    )
    assert [(str(one), one.count) for one in found][:2] == [
        ("8 read as B", 3),
        ("a space where there is none", 1),
    ]
    assert "1 missed" in {str(one) for one in found}
    [unseen] = count_confusions([line("A\u202eB", "AB")])
    assert str(unseen) == r"\u202e missed", "it would turn round what stands beside it in the page"
    assert found[0].samples == (0, 1, 1)
    assert not any(one.label in "XYZ" and one.label for one in found)


def test_cost_counts_every_worker() -> None:
    share = sum_reserved({"CPU": 2.0, "GPU": 1.0}, 4)
    assert (share.cpus, share.gpus, str(share)) == (8, 4, "8 CPUs and 4 GPUs")
    assert share.seconds(10) == (80, 40)
    assert sum_reserved({"CPU": 1.0, "GPU": 0.0}, 0) == Reservation()
    on_gpus = result().model_copy(update={"reservation": share})
    assert "GPU time" in show_trials(on_gpus)
    assert "CPU time" not in show_trials(result())
    seconds = sum(one.seconds for one in trials())
    assert summary(on_gpus)["cost"] == {"cpu_seconds": 8 * seconds, "gpu_seconds": 4 * seconds}

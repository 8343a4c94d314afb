"""Ranking, intervals, summary.json and the terminal table."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from search.records.evidence import Caution, EightBits
from search.records.trial import Measure, TrialRecord, find_varied_settings, rank
from search.report.page.head import show_head
from search.report.summary import summary, write_summary
from search.report.terminal import terminal_table
from tests.search.made_result import N, result, rows, share, trial, trials
from train.config import TrialConfig
from train.scoring.intervals import Gain, Interval, bootstrap_interval, paired_gain_interval, wilson_interval
from train.scoring.texts import TextScores


def record(name: str, *scores: tuple[float, float], seconds: float = 1.0) -> TrialRecord:
    history = tuple(
        Measure(epoch=e, scores=TextScores(N, x, s, 0.1), loss=1.0, seconds=float(e))
        for e, (x, s) in enumerate(scores, 1)
    )
    return TrialRecord(id=name, state="finished", config=TrialConfig(), history=history, seconds=seconds)


def test_wilson_interval_matches_the_published_example() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 and 0 of 20.
    some, none = wilson_interval(81, 263), wilson_interval(0, 20)
    assert (round(some.low, 4), round(some.high, 4)) == (0.2553, 0.3662)
    assert (none.low, round(none.high, 4)) == (0.0, 0.1611)
    assert wilson_interval(0, 0).high == 1


def test_paired_interval_agrees_with_resampled_indices() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.random(300) < 0.4, rng.random(300) < 0.6
    gain = paired_gain_interval(rows(before), rows(after), share, seed=2)
    drawn = rng.integers(0, 300, (4000, 300))
    slow = (after[drawn].mean(1) - before[drawn].mean(1)).round(6)
    assert gain.difference == pytest.approx(after.mean() - before.mean())
    assert np.percentile(slow, [2.5, 97.5]) == pytest.approx(
        [gain.interval.low, gain.interval.high], abs=0.012
    )
    assert paired_gain_interval(rows(before), rows(after), share, seed=2) == gain


def test_a_resampled_share_has_nearly_wilsons_interval() -> None:
    found, wilson = bootstrap_interval(rows(np.arange(263) < 81), share, seed=0), wilson_interval(81, 263)
    assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high), abs=0.01)


def test_pairing_makes_the_interval_narrower_than_two_shares_alone() -> None:
    before = np.arange(200) < 100
    after = np.arange(200) < 110
    gain = paired_gain_interval(rows(before), rows(after), share, seed=0)
    assert 0 < gain.interval.low < 0.05 < gain.interval.high
    assert wilson_interval(110, 200).low < wilson_interval(100, 200).high


def test_unpaired_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="paired"):
        paired_gain_interval(np.ones((3, 2)), np.ones((4, 2)), share, 0)


def test_a_score_that_is_no_share_is_resampled_image_by_image() -> None:
    """As hmean: twice the hits over what was found and what was to be found."""
    rng = np.random.default_rng(3)
    labels = rng.integers(1, 9, 60)
    hits = [rng.binomial(labels, chance) for chance in (0.5, 0.8)]
    before, after = (np.stack([hit, labels + 1, labels], axis=1).astype(float) for hit in hits)

    def hmean(sums: npt.NDArray[np.float64]) -> float:
        return float(2 * sums[0] / (sums[1] + sums[2]))

    gain = paired_gain_interval(before, after, hmean, seed=1)
    drawn = rng.integers(0, 60, (4000, 60))
    slow = [hmean(after[one].sum(0)) - hmean(before[one].sum(0)) for one in drawn]
    assert gain.difference == pytest.approx(hmean(after.sum(0)) - hmean(before.sum(0)))
    assert np.percentile(slow, [2.5, 97.5]) == pytest.approx(
        [gain.interval.low, gain.interval.high], abs=0.012
    )


def test_ties_go_to_edit_similarity_then_to_the_faster() -> None:
    slow, fast = record("slow", (0.5, 0.9), seconds=9), record("fast", (0.5, 0.9), seconds=3)
    near, low = record("near", (0.5, 0.95)), record("low", (0.4, 0.99))
    assert [t.id for t in rank([slow, low, fast, near])] == ["near", "fast", "slow", "low"]


def test_the_best_epoch_counts_and_not_the_last() -> None:
    fallen = record("fallen", (0.5, 0.9), (0.7, 0.9), (0.2, 0.8))
    assert fallen.best is not None
    assert (fallen.score, fallen.best.epoch, fallen.epochs) == (0.7, 2, 3)


def test_failed_and_diverged_trials_are_never_scored() -> None:
    assert {t.state for t in rank(trials())} == {"finished", "stopped"}
    assert trial(1, "diverged", 5, 0.99).score is None


def test_only_settings_that_differ_are_shown() -> None:
    shown = find_varied_settings(trials())
    assert "epochs" not in shown["t00"]
    assert "optimiser.learning_rate" in shown["t00"]
    assert "technique.options.stem" in shown["t02"]
    assert "technique.options.stem" not in shown["t00"]


def test_a_single_trial_shows_its_settings_that_are_not_the_default() -> None:
    only = trials()[0]
    rate = only.config.optimiser.learning_rate
    assert rate != TrialConfig().optimiser.learning_rate
    assert find_varied_settings([only])[only.id]["optimiser.learning_rate"] == rate
    fitted = only.model_copy(update={"config": only.config.model_copy(update={"epoch_share": 0.9})})
    assert find_varied_settings([fitted]) == find_varied_settings([only])
    assert "compile" not in find_varied_settings([only])[only.id]


def test_summary_holds_what_the_design_says(tmp_path: Path) -> None:
    path = tmp_path / "new" / "summary.json"
    write_summary(result(), path)
    summary = json.loads(path.read_text())
    assert summary["baseline"]["exact_match"] == 0.326
    assert summary["baseline"]["interval_95"][0] < 0.326 < summary["baseline"]["interval_95"][1]
    assert len(summary["trials"]) == len(result().trials)
    keys = {"id", "state", "config", "score", "interval_95", "general", "epochs", "seconds", "reason"}
    assert set(summary["trials"][0]) == keys | {"parts", "notes"}
    for one in (told for told in summary["trials"] if told["score"] is not None):
        assert one["interval_95"][0] < one["score"] < one["interval_95"][1]
    assert summary["trials"][12]["interval_95"] is None
    assert summary["general"] is summary["trials"][0]["general"] is None
    assert summary["trials"][12]["score"] is None
    assert summary["best"]["trial"] == rank(trials())[0].id
    assert summary["test"]["best"]["n"] == 90
    assert summary["test"]["gain_interval_95"][0] > 0
    assert summary["data"]["left_out"] == [{"source": "images/x.png", "reason": "unreadable"}]
    assert [p.name for p in path.parent.iterdir()] == ["summary.json"]


def test_summary_without_any_score_is_still_written(tmp_path: Path) -> None:
    nothing = result((trial(0, "failed", 0),)).model_copy(update={"comparisons": ()})
    write_summary(nothing, tmp_path / "summary.json")
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["best"] is None
    assert summary["test"] is None
    assert "pretrained baseline is the best" in terminal_table(nothing)


def test_table_is_aligned_and_ends_with_the_next_command() -> None:
    lines = terminal_table(result()).splitlines()
    place = lines[0].index("exact match") + len("exact match")
    assert all(line[place - 2 : place] == " %" for line in lines[1:13])
    assert any("t12 failed: ModelError" in line for line in lines)
    assert any("held-back test" in line and "points (95 %: +" in line for line in lines)
    assert lines[-2].startswith("Measure it: python train/evaluate.py")
    assert lines[-1].startswith("Serve it: python serve/run.py")
    assert f"{N} validation lines" in "\n".join(lines)


@pytest.mark.parametrize(
    ("near", "said"),
    [(0.0, "the bundle is that baseline"), (0.5, "50.0 % of the way"), (1.0, "the average of 000000")],
)
def test_people_and_programs_are_told_how_near_to_the_baseline_the_bundle_stays(
    near: float, said: str
) -> None:
    gain = Gain(difference=0.02, interval=Interval(low=-0.04, high=0.09))
    caution = Caution(baseline="pp-ocrv6-small, domain charset", share=near, gain=gain, samples=50)
    found = result()
    best = found.ranked[0].id
    told = found.model_copy(update={"caution": caution, "averaged": (best, "other")})
    said = said.replace("000000", best)
    assert said in terminal_table(told)
    assert (said in show_head(told)) == (near < 1)
    assert summary(told)["best"]["caution"]["share"] == near


def test_people_and_programs_are_told_what_came_of_8_bits() -> None:
    refused = EightBits(
        added=False, said="8 bits: none, 0.97 times as fast", measured={"times_as_fast": 0.97}
    )
    told = result().model_copy(update={"int8": refused})
    assert refused.said in terminal_table(told)
    assert refused.said in show_head(told)
    assert summary(told)["int8"] == refused.model_dump()

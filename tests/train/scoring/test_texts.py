"""Scores with hand-counted answers, and the laws they keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.scoring.intervals import standard_error
from train.scoring.texts import CHARSET_RULES, TextScores, score_texts

TEXTS = st.lists(st.tuples(st.text("AB1é日 ", max_size=6), st.text("AB1é日 ", max_size=6)), max_size=8)


def test_scores_are_those_counted_by_hand() -> None:
    scores = score_texts(["CAUTION", "SIDE", "", "ABX"], ["CAUTION", "SITE", "NO", "ABCD"])
    assert scores.n == 4
    assert scores.exact_match == 0.25
    assert scores.cer == pytest.approx((0 + 1 + 2 + 2) / (7 + 4 + 2 + 4))
    assert scores.edit_similarity == pytest.approx((1 + 3 / 4 + 0 + 2 / 4) / 4)


def test_an_error_rate_may_exceed_one() -> None:
    assert score_texts(["AAAA"], ["B"]).cer == 4


def test_rules_change_both_texts() -> None:
    assert score_texts(["Straße"], ["STRASSE"]).exact_match == 0
    relaxed = score_texts(["Straße"], ["STRASSE"], "case-insensitive")
    assert (relaxed.exact_match, relaxed.cer, relaxed.charset_rule) == (1, 0, "case-insensitive")


def test_characters_count_not_bytes() -> None:
    assert score_texts(["日本"], ["日木"]).cer == 0.5


def test_nothing_scores_nothing() -> None:
    assert score_texts([], []) == TextScores(0, 0.0, 0.0, 0.0)


def test_a_reading_per_label_is_asked_for() -> None:
    with pytest.raises(ValueError, match="zip"):
        score_texts(["A"], ["A", "B"])


def test_exact_match_ranks_before_similarity() -> None:
    worse, better = TextScores(9, 0.5, 0.99, 0.0), TextScores(9, 0.6, 0.1, 0.9)
    assert better.rank > worse.rank
    assert TextScores(9, 0.5, 0.7, 0.0).rank > TextScores(9, 0.5, 0.6, 0.0).rank


def test_all_fields_are_told() -> None:
    assert score_texts(["A"], ["A"]).as_dict() == {
        "n": 1,
        "exact_match": 1.0,
        "edit_similarity": 1.0,
        "cer": 0.0,
        "charset_rule": "as-labelled",
    }


@given(pairs=TEXTS, rule=st.sampled_from(sorted(CHARSET_RULES)))
def test_scores_lie_in_their_ranges_and_are_alike_both_ways(pairs: list[tuple[str, str]], rule: str) -> None:
    readings, labels = [a for a, _ in pairs], [b for _, b in pairs]
    scores = score_texts(readings, labels, rule)
    assert 0 <= scores.exact_match <= scores.edit_similarity <= 1
    assert scores.cer >= 0
    assert score_texts(labels, labels, rule).cer == 0
    swapped = score_texts(labels, readings, rule)
    assert swapped.rank == pytest.approx(scores.rank)


def test_a_share_has_a_standard_error_and_none_or_all_has_none() -> None:
    assert standard_error(0.0, 10) == standard_error(1.0, 10) == 0
    assert standard_error(0.5, 25) == pytest.approx(0.1)

"""Patterns against Python's own `re`, what is refused of them, and what they take."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from train.data.charset import Charset
from train.errors import UsageError
from train.reading.automata.patterns import parsed, patterns_automaton

CHARSET = Charset(tuple("012abA-/"))
TEXTS = st.lists(st.text("012abA-/é٣", max_size=5), min_size=1, max_size=20)
ATOMS = st.sampled_from(
    ["a", "b", "1", "-", "[ab]", "[^a]", r"[\w-]", r"\W", ".", r"\-", r"\/", "(?i:a)", "[0-2]", ""]
)
TIMES = st.sampled_from(["", "?", "*", "+", "{2}", "{1,3}", "{,2}", "{2,}", "*?"])
PATTERNS = st.recursive(
    st.builds("(?:{}){}".format, ATOMS, TIMES),
    lambda inner: st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("({}){}".format, inner, TIMES),
    ),
    max_leaves=6,
).map("(?:{})-?".format)


@settings(max_examples=80, deadline=None)
@given(pattern=PATTERNS, texts=TEXTS)
@example(r"^([a-b]|1\-2)$", ["a", "1-2", "1", ""])
@example(r"(?i)\A[-a]{2}\Z", ["-A", "aa", "b", "-"])
def test_patterns_mean_what_they_mean_to_re(pattern: str, texts: list[str]) -> None:
    found = parsed(pattern)
    for text in texts:
        assert found.accepts(text) == bool(re.fullmatch(pattern, text))
    written = [text for text in texts if not CHARSET.unknown(text)]
    if any(text and found.accepts(text) for text in written):
        automaton = patterns_automaton([pattern], CHARSET)
        assert [*map(automaton.accepts, map(CHARSET.encode, written))] == [*map(found.accepts, written)]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("c[012]", "without c"),
        ("c*", "without c"),
        ("(0", "as Python's re reads it, got '(0': missing )"),
        (r"0([-/])0\1", "no reference back"),
        ("(?!0)[012]", "no look ahead"),
        (r"0\b", "no word boundary"),
        (r"0\A1", "no word boundary"),
        ("0*+1", "gives nothing back"),
        ("[[:digit:]]", r"write the characters, as \d"),
        ("[0--]", "set difference"),
        ("\u0958+", "composed form"),
        (".{1,300000}", "at most 10000 states"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_in_a_line(pattern: str, reason: str) -> None:
    with pytest.raises(UsageError) as found:
        patterns_automaton([pattern], CHARSET)
    assert reason in str(found.value)
    assert "\n" not in str(found.value)


def test_signs_inside_a_pattern_stand_for_themselves() -> None:
    """`re` would let no text fit, and who writes them there means amounts and powers."""
    assert parsed(r"$\d+").accepts("$12")
    assert parsed(r"^US$\d+|a^2$").accepts("US$1")
    assert parsed(r"^US$\d+|a^2$").accepts("a^2")


def test_bounds_cost_a_state_each_and_what_has_too_many_sets_of_states_is_followed_in_each() -> None:
    assert len(patterns_automaton([r"\d{1,5000}"], CHARSET).ends) == 5001
    automaton = patterns_automaton(["[ab]*a[ab]{15}"], CHARSET)  # 2 ** 16 sets
    assert len(automaton.ends) == 17
    assert automaton.accepts(CHARSET.encode("ba" + "ab" * 7 + "a"))
    assert not automaton.accepts(CHARSET.encode("bb" + "ab" * 7 + "a"))


def test_alternatives_have_groups_and_flags_of_their_own() -> None:
    found = parsed("(?i)(?P<x>ab)", "(?P<x>a)1")
    assert [found.accepts(text) for text in ("AB", "a1", "A1")] == [True, True, False]


@pytest.mark.parametrize("characters", ["e\u0301", "\u00e9"])
@pytest.mark.parametrize("pattern", ["[\u00e9]{2}", "e\u0301{2}"])
def test_a_letter_and_its_mark_are_one_however_pattern_and_charset_spell_them(
    pattern: str, characters: str
) -> None:
    charset = Charset(tuple(characters))
    automaton = patterns_automaton([pattern], charset)
    assert parsed(pattern).accepts("\u00e9\u00e9")
    assert [automaton.accepts(charset.encode("\u00e9" * count)) for count in (1, 2, 3)] == [
        False,
        True,
        False,
    ]

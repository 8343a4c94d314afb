"""The decoder against brute force: every alignment of short lines, and what it promises of rules and weights."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data.charset import Charset, decode_line
from train.reading.automata.automaton import Automaton
from train.reading.automata.lexicon import lexicon_automaton, union
from train.reading.automata.patterns import patterns_automaton
from train.reading.decoding.choices import Lines
from train.reading.decoding.finder import DEPTH, TextFinder
from train.reading.decoding.grammar import Grammar
from train.reading.decoding.narrow import best_path
from train.reading.decoding.paths import Path, best_paths
from train.reading.decoding.spelling import Spelling
from train.reading.decoding.viterbi import Trellis
from train.reading.formats.checks import WeightedCheck
from train.reading.formats.levels import make_levels
from train.reading.formats.product import restrict
from train.reading.formats.rules import Rule
from train.reading.learning import learn
from train.reading.settings import Language, ReadingSettings
from train.reading.text_model import TextModel

CHARSET = Charset(("0", "1", "2"))
CHECK = WeightedCheck(modulus=3, weights=(2, 1), repeat=True, lengths=(1, 2, 3))
PATTERNS = ("[012]*", "0[12]{1,2}", "(01|2)+", "1?2?0?", "00|11|[02]{3}")
NGRAM = learn(["012", "021", "01", "2201", "010"], CHARSET, order=2)
MOST = 10**6


def drawn(seed: int, lines: int, steps: int) -> np.ndarray:
    """Return CTC output, peaky as a network's."""
    noise = np.random.default_rng(seed).normal(0, 3, (lines, steps, CHARSET.classes))
    return np.log(np.exp(noise) / np.exp(noise).sum(axis=2, keepdims=True))


def text_of(alignment: tuple[int, ...]) -> tuple[int, ...]:
    before = (0, *alignment[:-1])
    return tuple(now for now, last in zip(alignment, before, strict=True) if now and now != last)


def cheapest(line: np.ndarray, allowed, priced=lambda text: 0.0) -> dict[tuple[int, ...], float]:
    """Return the cost of every allowed text's best alignment, by trying all of them."""
    slack = line.max(axis=1, keepdims=True) - line
    found: dict[tuple[int, ...], float] = {}
    alignments = np.array([*product(range(CHARSET.classes), repeat=len(line))])
    costs = slack[np.arange(len(line)), alignments].sum(axis=1)
    for alignment, cost in zip(alignments.tolist(), costs.tolist(), strict=True):
        text = text_of(tuple(alignment))
        found[text] = min(cost, found.get(text, np.inf))
    return {text: cost + priced(text) for text, cost in found.items() if allowed(text)}


def written(classes: tuple[int, ...]) -> str:
    return "".join(CHARSET.characters[number - 1] for number in classes)


def one_by_one(lines: np.ndarray, grammar: Grammar) -> list[list[Path]]:
    """Return the best path of each line, as `best_paths` does, without numpy."""
    paths = (
        best_path(steps, grammar, 1e9, MOST)
        for steps in Lines(np.exp(lines)).reach(np.full(len(lines), 1e9)).steps
    )
    return [[path] if path else [] for path in paths]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), pattern=st.sampled_from(PATTERNS), checked=st.booleans())
def test_the_best_text_under_a_pattern_and_a_check_is_brute_forces(
    seed: int, pattern: str, checked: bool
) -> None:
    automaton = patterns_automaton((pattern,), CHARSET)
    if checked:
        automaton = restrict(automaton, CHECK, CHARSET)
    lines = drawn(seed, 2, 5)
    near = best_paths(Lines(np.exp(lines)), Grammar(automaton), np.full(2, 1e9), MOST)
    alone = one_by_one(lines, Grammar(automaton))
    everywhere = [[path] if path else [] for path in Trellis(automaton).best_paths(Lines(np.exp(lines)).nats)]
    for line, paths in zip([*lines] * 3, [*near, *everywhere, *alone], strict=True):
        costs = cheapest(
            line, lambda text: automaton.accepts(text) and (not checked or CHECK.holds(written(text)))
        )
        assert bool(paths) == bool(costs)
        for path in paths:
            assert automaton.accepts(path.classes)
            assert path.cost == path.slack == pytest.approx(min(costs.values()))
            assert costs[path.classes] == pytest.approx(path.cost)
            assert len(path.columns) == len(path.classes)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    words=st.sets(st.text("012", min_size=1, max_size=5), min_size=1, max_size=12),
    most=st.sampled_from([2, MOST]),
)
def test_a_lexicons_best_word_is_brute_forces_and_there_is_always_one(
    seed: int, words: set[str], most: int
) -> None:
    """However few tokens are kept, one comes to an end in time, where a word can be written at all."""
    automaton = union([lexicon_automaton(tuple(words), CHARSET), lexicon_automaton(("00",), CHARSET)])
    lines = drawn(seed, 2, 5)
    found = best_paths(Lines(np.exp(lines)), Grammar(automaton), np.full(2, 1e9), most)
    found += one_by_one(lines, Grammar(automaton)) if most == MOST else []
    for line, paths in zip([*lines] * 2, found, strict=False):
        costs = cheapest(line, lambda text: written(text) in {*words, "00"})
        (path,) = paths
        assert path.cost >= costs[path.classes] - 1e-6
        assert most < MOST or path.cost == pytest.approx(min(costs.values()))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), pattern=st.sampled_from(PATTERNS), spelt=st.booleans())
def test_where_obeying_is_worth_as_much_as_a_text_begins_the_best_one_is_brute_forces(
    seed: int, pattern: str, spelt: bool
) -> None:
    rules = (
        Rule(name="pattern", pattern=pattern, obeying=30, labels=40, chance=0.4, by_first={"2": 0.5}),
        Rule(name="sum", check=CHECK, obeying=20, labels=40, chance=0.3, by_first={"0": 0.99, "1": 0.05}),
    )
    language = Language(order=2, weight=0.5, bonus=0.2, arrays=NGRAM.as_json()) if spelt else None
    lines = drawn(seed, 2, 5)
    model = TextModel(ReadingSettings(rules=rules, language=language), CHARSET)

    def priced(classes: tuple[int, ...]) -> float:
        text, first = written(classes), written(classes[:1])
        worth = 0.5 * float(NGRAM.score([classes])[0]) + 0.2 * len(text) if spelt else 0.0
        for rule in rules:
            if not rule.holds(text):
                break
            worth += rule.nats_of(first)
        return -worth

    for line, found in zip(lines, model.read(np.exp(lines).astype(np.float32)), strict=True):
        best = min(cheapest(line, lambda text: True, priced).values())
        score = line.max(axis=1).sum() - best
        assert found.margin is None or found.margin > 1e-9  # not of a text with itself
        assert found.score <= score + 1e-4
        assert spelt or found.score == pytest.approx(score, abs=1e-4)  # an n-gram's beam may miss it


def test_a_beginning_worth_more_by_a_rule_that_the_greedy_text_obeys_too_is_found() -> None:
    told = {"obeying": 36, "labels": 40, "chance": 0.1}
    rules = [  # both of them are worth more to 02 than the first one is to any text
        Rule(name="any", pattern="[01]2*", by_first={"0": 0.9, "1": 0.99}, **told),
        Rule(name="some", pattern="[01]2+", **told),
    ]
    line = np.array([[[0.01, 0.6, 0.3, 0.09], [0.02, 0.03, 0.05, 0.9]]], np.float32)
    (found,) = TextModel(ReadingSettings(rules=rules), CHARSET).read(line)
    assert (found.raw, found.text) == ("02", "12")
    assert found.score == pytest.approx(
        np.log(0.3 * 0.9) + sum(rule.nats_of("1") for rule in rules), abs=1e-4
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), texts=st.integers(2, 6))
def test_the_n_best_texts_are_brute_forces(seed: int, texts: int) -> None:
    line = drawn(seed, 1, 4)
    (found,) = best_paths(Lines(np.exp(line)), Grammar(), np.array([1e9]), MOST, texts)
    costs = cheapest(line[0], lambda text: True)
    assert [path.cost for path in found] == pytest.approx(sorted(costs.values())[:texts])
    assert len({path.classes for path in found}) == texts


def test_sure_steps_cost_nothing_and_a_step_without_numbers_is_passed_over() -> None:
    steps = [[0, 1, 0, 0], [1, 0, 0, 0], [np.nan] * 4, [0, 0, 0.6, 0.4], [0, 0, 0, 1]]
    (found,) = best_paths(Lines(np.array([steps])), Grammar(), np.full(1, 4.0), MOST, 2)
    assert [written(path.classes) for path in found] == ["012", "02"]
    costs = pytest.approx([0.0, np.log(0.6 / 0.4)], abs=1e-6)
    assert [path.cost for path in found] == costs
    assert [path.slack for path in found] == costs
    (reach,) = Lines(np.array([[steps[0], steps[2], steps[4]]])).reach(np.full(1, 4.0)).steps
    path = best_path(reach, Grammar(patterns_automaton(["[012]*"], CHARSET)), 4.0, MOST)
    assert path is not None
    assert written(path.classes) == "02"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_with_a_language_model_the_best_text_is_brute_forces(seed: int) -> None:
    ngram = learn(["012", "021", "01", "2201", "010"], CHARSET, order=3)
    lines = drawn(seed, 2, 4)
    grammar = Grammar(patterns_automaton(["[012]{1,4}"], CHARSET), Spelling(ngram, 0.7, 0.4))
    for line, (path, *_) in zip(
        lines, best_paths(Lines(np.exp(lines)), grammar, np.full(2, 1e9), MOST), strict=True
    ):
        costs = cheapest(
            line,
            lambda text: 1 <= len(text) <= 4,
            lambda text: -0.7 * float(ngram.score([text])[0]) - 0.4 * len(text),
        )
        assert path.cost == pytest.approx(min(costs.values()))
        given = 0.7 * float(ngram.score([path.classes])[0]) + 0.4 * len(path.classes)
        assert path.slack == pytest.approx(path.cost + given, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_without_rules_it_reads_as_greedy_with_the_same_columns(seed: int) -> None:
    line = drawn(seed, 1, 12)
    ((path,),) = best_paths(Lines(np.exp(line)), Grammar(), np.array([0.5]), 50)
    greedy = decode_line(np.exp(line[0]).astype(np.float32), CHARSET.characters)
    assert (written(path.classes), path.columns) == (greedy.text, greedy.columns)


@pytest.mark.parametrize(
    ("order", "texts"), [(2, ["01", "12", "02"]), (2, ["0", "12", "2210"]), (6, ["01", "1"])]
)
def test_texts_that_are_never_seen_share_what_is_left(
    order: int, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Probabilities of all texts up to a length, and of longer ones, add up to 1; also of an order that no text has."""
    ngram = learn(texts, CHARSET, order)
    contexts = np.arange(ngram.contexts).repeat(CHARSET.classes)
    classes = np.tile(np.arange(CHARSET.classes), ngram.contexts)
    scores, following = ngram.follow(contexts, classes)
    sums = np.exp(scores).reshape(ngram.contexts, -1).sum(axis=1)
    assert sums == pytest.approx(np.ones(ngram.contexts))
    monkeypatch.setattr("train.reading.ngram.LARGEST_TABLE", 0)
    large = learn(texts, CHARSET, order)  # without a table
    found = np.array([large.find_one(*one) for one in zip(contexts.tolist(), classes.tolist(), strict=True)])
    for several in (large.follow(contexts, classes), found.T):
        assert several[0] == pytest.approx(scores)
        assert (several[1] == following).all()


def test_an_automaton_keeps_only_states_that_lead_to_an_end() -> None:
    automaton: Automaton = patterns_automaton(["0(1|2a)"], CHARSET)
    assert len(automaton.edges) == 2


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    name=st.sampled_from(["stdnum.luhn", "stdnum.iso7064.mod_11_2"]),
    steps=st.integers(3, 5),
)
def test_a_check_without_an_automaton_is_tried_on_as_many_texts_as_documented(
    seed: int, name: str, steps: int
) -> None:
    """The best text that obeys among the DEPTH likeliest ones, which for three steps are all that there are."""
    rule = Rule(name=name, check=name, hard=True)
    level = make_levels((rule,), CHARSET)[-1]
    assert level.others == (rule,)
    lines = drawn(seed, 2, steps)
    found = TextFinder(level, None, written).best(Lines(np.exp(lines)), np.full(2, np.inf))
    for line, path in zip(lines, found, strict=True):
        costs = cheapest(line, lambda text: True)
        likeliest = sorted(costs, key=costs.__getitem__)[:DEPTH]
        obeying = [text for text in likeliest if rule.holds(written(text))]
        assert steps > 3 or len(costs) < DEPTH
        assert (path and path.classes) == (obeying[0] if obeying else None)

"""Rules flag a text; they never change it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.api.rules import RULES, find_rule
from serve.errors import UndecodableError
from train.data.drawing import vin

ALL_HOLD = {"length": True, "alphabet": True, "check_digit": True}
NONE_HOLDS = dict.fromkeys(ALL_HOLD, False)


@pytest.mark.parametrize("text", ["1M8GDM9AXKP042788", "11111111111111111"])
def test_published_vins_hold(text: str) -> None:
    assert find_rule("vin")(text) == ALL_HOLD


@pytest.mark.parametrize("text", ["CSQU3054383", "TOLU4734787"])
def test_published_containers_hold(text: str) -> None:
    assert find_rule("container")(text) == ALL_HOLD


@given(seed=st.integers(0, 2**32 - 1))
def test_the_vin_rule_is_the_one_that_training_draws_by(seed: int) -> None:
    text = vin.random_vin(np.random.default_rng(seed))
    assert find_rule("vin")(text) == ALL_HOLD


@given(seed=st.integers(0, 1000), place=st.integers(0, 16), character=st.sampled_from(vin.ALPHABET))
def test_a_changed_character_is_flagged_as_training_does(seed: int, place: int, character: str) -> None:
    text = vin.random_vin(np.random.default_rng(seed))
    changed = text[:place] + character + text[place + 1 :]
    assert find_rule("vin")(changed)["check_digit"] == vin.is_valid(changed)


@pytest.mark.parametrize(
    ("name", "text", "broken"),
    [
        ("vin", "1M8GDM9AXKP04278", {"length", "check_digit"}),
        ("vin", "1M8GDM9AXKP0427888", {"length", "check_digit"}),
        ("vin", "1M8GDM9AXKPO42788", {"alphabet", "check_digit"}),
        ("vin", "1m8gdm9axkp042788", {"alphabet", "check_digit"}),
        ("vin", "1M8GDM9A1KP042788", {"check_digit"}),
        ("container", "CSQU3054384", {"check_digit"}),
        ("container", "CSQA3054383", {"alphabet", "check_digit"}),
        ("container", "CSQ", {"length", "check_digit"}),
        ("container", "CSQU305438٣", {"alphabet", "check_digit"}),
    ],
)
def test_what_is_broken_is_named(name: str, text: str, broken: set[str]) -> None:
    assert {flag for flag, holds in find_rule(name)(text).items() if not holds} == broken


@pytest.mark.parametrize("name", RULES)
def test_an_empty_text_holds_nothing(name: str) -> None:
    assert find_rule(name)("") == NONE_HOLDS


@pytest.mark.parametrize("name", RULES)
@given(text=st.text())
def test_any_text_has_the_same_flags(name: str, text: str) -> None:
    checks = find_rule(name)(text)
    assert checks.keys() == ALL_HOLD.keys()
    assert {type(holds) for holds in checks.values()} == {bool}


def test_an_unknown_rule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UndecodableError, match=r"'iban'.*container, vin"):
        find_rule("iban")

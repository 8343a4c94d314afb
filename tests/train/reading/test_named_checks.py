"""Named checks on numbers that standards and makers print as examples, and their automata on the same."""

from itertools import product

import pytest

from train.data.charset import Charset
from train.data.drawing.vin import is_valid
from train.reading.automata.patterns import patterns_automaton
from train.reading.formats.checks import WeightedCheck
from train.reading.formats.levels import free_automaton
from train.reading.formats.named_checks import CHECKS, holds_by, named_check
from train.reading.formats.product import TooManyStatesError, restrict

CHARSET = Charset(tuple("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<- "))
EXAMPLES = [
    ("vin", "[A-HJ-NPR-Z0-9]{17}", "1M8GDM9AXKP042788"),
    ("container", r"[A-Z]{3}[UJZ]\d{7}", "CSQU3054383"),
    ("luhn", r"\d{16}", "4111111111111111"),
    ("iban", r"DE\d{20}", "DE89370400440532013000"),
    ("iban", r"GB\d{2}[A-Z]{4}\d{14}", "GB29NWBK60161331926819"),
    ("ean", r"\d{13}", "4006381333931"),
    ("upc", r"\d{12}", "036000291452"),
    ("gtin", r"\d{14}", "00012345600012"),
    ("isbn", r"[0-9X\-]{10,17}", "0-306-40615-2"),
    ("isbn", r"[0-9X\-]{10,17}", "978-0-306-40615-7"),
    ("aba", r"\d{9}", "011000015"),
    ("mrz_td3", "[A-Z0-9<]{44}", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),
    ("mrz_td2", "[A-Z0-9<]{36}", "D231458907UTO7408122F1204159<<<<<<<6"),
    ("mrz_td1_first", "[A-Z0-9<]{30}", "I<UTOD231458907<<<<<<<<<<<<<<<"),
    ("mrz_td1_second", "[A-Z0-9<]{30}", "7408122F1204159UTO<<<<<<<<<<<6"),
]


def one_digit_off(text: str) -> str:
    place = next(i for i in range(2, len(text)) if text[i].isdigit())
    return text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]


def test_every_check_has_an_example() -> None:
    assert {name for name, *_ in EXAMPLES} == set(CHECKS)


@pytest.mark.parametrize(("name", "pattern", "text"), EXAMPLES)
def test_an_example_obeys_and_with_a_digit_off_it_does_not(name: str, pattern: str, text: str) -> None:
    holds = holds_by(named_check(name))
    automaton = patterns_automaton((pattern,), CHARSET)
    for check in named_check(name) if len(text) < 36 else ():  # of many sums that takes half a second
        automaton = restrict(automaton, check, CHARSET)
    assert holds(text)
    assert automaton.accepts(CHARSET.encode(text))
    if name != "mrz_td1_first":  # its first digits are in no sum
        assert not holds(one_digit_off(text))
        assert len(text) >= 36 or not automaton.accepts(CHARSET.encode(one_digit_off(text)))


def test_the_vehicle_check_is_the_drawn_numbers() -> None:
    for text in ("1M8GDM9AXKP042788", "1M8GDM9A0KP042788", "1M8GDM9AXKP04278"):
        assert holds_by(named_check("vin"))(text) == is_valid(text)


def test_a_check_with_too_many_states_says_so() -> None:
    with pytest.raises(TooManyStatesError):
        restrict(
            patterns_automaton([r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}"], CHARSET), named_check("iban")[0], CHARSET
        )


@pytest.mark.parametrize(
    "settings",
    [
        {"modulus": 3, "weights": (1, 2, 4), "repeat": True, "remainder": 1},
        {"modulus": 10, "weights": (1, 2), "repeat": True, "cross_sum": True},
        {"modulus": 5, "weights": (3, 1), "repeat": True, "lengths": (2, 5)},
        {"modulus": 2, "weights": (1, 0, 2, 1), "check_at": 3, "check_characters": ("0?", "1A")},
        {"modulus": 7, "weights": (0, 0, 3)},
    ],
)
def test_a_sums_automaton_holds_the_texts_that_obey_and_no_other(settings: dict) -> None:
    """Among all short ones, with characters that do not count, and some without a value."""
    charset, check = Charset(tuple("01A-?!")), WeightedCheck(**settings, ignored="-")
    accepts = restrict(free_automaton(charset), check, charset).accepts
    texts = ["".join(text) for length in range(6) for text in product(charset.characters, repeat=length)]
    wrong = [text for text in texts if accepts(charset.encode(text)) != check.holds(text)]
    assert wrong == []


def test_a_sum_of_any_length_takes_few_states_however_many_characters_there_are() -> None:
    charset = Charset(tuple(map(chr, range(0x4E00, 0x9000))) + tuple("0123456789"))
    luhn = restrict(free_automaton(charset), named_check("luhn")[0], charset)
    assert len(luhn.ends) < 50
    assert luhn.accepts(charset.encode("0" * 96 + "4111111111111111"))

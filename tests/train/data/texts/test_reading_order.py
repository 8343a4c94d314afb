"""Reading order and picture order of right-to-left texts."""

import pytest
from bidi import get_display
from hypothesis import given
from hypothesis import strategies as st

from train.data.charset import domain_charset
from train.data.texts.reading_order import ends_first, in_picture_order, in_reading_order, side_by_side

HEBREW, ARABIC = "שלום", "سلام"
HEBREW_WORDS = (HEBREW, "(אב)")
ARABIC_WORDS = (ARABIC, "می‌خواهم", "مُحَمَّد", "٣٫٥", "[سلام]")
NUMBERS = ("17", "2024-05-12", "12/05", "50%", "$9.90", "+961", "!", "-")
WORDS = st.sampled_from((*HEBREW_WORDS, *ARABIC_WORDS, *NUMBERS))
LATIN = ("ABC", "iPhone 15", "(UK)", "a-b", "x.y")
ONE_SCRIPT = st.one_of(
    st.lists(st.sampled_from((*script, *NUMBERS, *LATIN)), min_size=1, max_size=6)
    for script in (HEBREW_WORDS, ARABIC_WORDS)
)


@pytest.mark.parametrize(
    ("text", "picture"),
    [
        ("ABC 123 (x)", "ABC 123 (x)"),
        (f"{HEBREW} 100", "100 םולש"),
        (f"{ARABIC} 12/05/2024", "12/05/2024 مالس"),
        (f"{HEBREW} (ABC) {HEBREW}", "םולש (ABC) םולש"),
        (f"{HEBREW} ABC (2020)", "ABC (2020) םולש"),
        ("می‌خواهم", "مهاوخ‌یم"),
        (f"the {HEBREW} word", "the םולש word"),
        (f"(UK) ABC {ARABIC} 2024-05-12 {HEBREW}", "(UK) ABC םולש 12-05-2024 مالس"),
    ],
)
def test_a_picture_shows_it_from_the_left(text: str, picture: str) -> None:
    assert in_picture_order(text) == picture
    assert in_reading_order(picture) == text


@given(first=st.sampled_from((HEBREW, ARABIC)), words=st.lists(WORDS, max_size=5))
def test_every_line_of_one_direction_with_numbers_is_read_back(first: str, words: list[str]) -> None:
    text = " ".join([first, *words])
    assert in_reading_order(in_picture_order(text)) == text


@given(words=st.lists(st.one_of(WORDS, st.sampled_from(LATIN)), min_size=1, max_size=6))
def test_a_mixed_line_is_shown_as_the_algorithm_has_it(words: list[str]) -> None:
    unmirrored = str.maketrans(")]", "([")
    text = " ".join(words)
    assert in_picture_order(text).translate(unmirrored) == str(get_display(text)).translate(unmirrored)


@given(words=ONE_SCRIPT)
def test_a_mixed_line_is_read_as_one_that_looks_the_same(words: list[str]) -> None:
    """Which of them it was, a picture need not tell. Hebrew and Arabic beside Latin are rarely read as another."""
    picture = in_picture_order(" ".join(words))
    assert in_picture_order(in_reading_order(picture)) == picture


@given(st.text(st.characters(max_codepoint=0x58F), max_size=12))
def test_other_scripts_stay_as_they_are(text: str) -> None:
    assert in_picture_order(text) == in_reading_order(text) == text


def test_a_network_learns_and_writes_from_the_left() -> None:
    charset = domain_charset([f"{HEBREW} 12"])
    written = "".join(charset.characters[number - 1] for number in charset.encode(f"{HEBREW} 12"))
    assert written == "12 םולש"


def test_lines_are_joined_as_they_stand() -> None:
    assert side_by_side("ab", "cd") == "abcd"
    assert side_by_side(f" {HEBREW}", ARABIC) == f"{ARABIC} {HEBREW}"
    assert in_picture_order(side_by_side("12", HEBREW) or "") == "12םולש"


def test_labels_in_picture_order_show_it() -> None:
    assert ends_first("םולש 12")
    assert ends_first("ةنيدم")
    assert not ends_first(f"{HEBREW} 12")
    assert not ends_first("مدينة")
    assert not ends_first("ABC")

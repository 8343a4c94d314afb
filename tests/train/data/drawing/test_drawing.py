import numpy as np
import pytest

from train.data.augment import sample_rng
from train.data.drawing import STYLES, draw_line
from train.data.drawing.dot_font import dot_glyphs
from train.data.drawing.fonts import COMPLEX, DUPLEX, PLAIN, SIMPLEX, TRIPLEX, Font, aileron, dots, set_text
from train.data.drawing.vin import ALPHABET
from train.errors import DataError

FONTS = (SIMPLEX, DUPLEX, COMPLEX, TRIPLEX, PLAIN, aileron, dots)


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_font_draws_every_character_of_a_vin_its_own_way(font: Font, weight: float) -> None:
    glyphs = {font(character, weight).tobytes() for character in ALPHABET}
    assert len(glyphs) == len(ALPHABET)
    for character in ALPHABET:
        cell = font(character, weight)
        assert cell.any(axis=0).any()
        assert not cell[0].any()
        assert not cell[-1].any()


def test_dot_glyphs_differ_in_more_than_a_dot() -> None:
    glyphs = dot_glyphs()
    assert set(glyphs) == set(ALPHABET)
    for a in ALPHABET:
        for b in ALPHABET:
            assert a == b or (glyphs[a] != glyphs[b]).sum() >= 2


def test_the_dot_font_names_what_it_lacks() -> None:
    with pytest.raises(DataError, match="Q"):
        dots("Q", 0.5)


def test_a_longer_text_is_wider() -> None:
    short, long = (set_text(text, SIMPLEX, sample_rng(0, 0, 0)) for text in ("WVW", "WVWZZZ1J"))
    assert short.shape[0] == long.shape[0]
    assert short.shape[1] < long.shape[1]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("text", ["7", "WVWZZZ1JZXW000001"])
def test_a_drawn_line_is_a_small_image_with_contrast(style: str, text: str) -> None:
    for index in range(10):
        image = draw_line(text, [STYLES[style]], sample_rng(0, 0, index))
        assert image.dtype == np.uint8
        assert 18 <= image.shape[0] <= 40
        assert image.shape[2] == 3
        assert image.std() > 1


def test_the_same_seed_draws_the_same_pixels() -> None:
    first, second = (draw_line("ABC123", list(STYLES.values()), sample_rng(4, 5, 6)) for _ in range(2))
    np.testing.assert_array_equal(first, second)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.config import AugmentationConfig
from train.data.augment import AUGMENTATIONS, ORDER, USUAL, augment, sample_rng
from train.data.augment.pair import SPACE_PX, Line, concatenate, fits, maybe_join
from train.data.charset import steps_needed
from train.data.images import Image, bucket_width
from train.errors import UsageError


def line(width_px: int = 264) -> Image:
    image = np.arange(48 * width_px * 3, dtype=np.uint64).astype(np.uint8).reshape(48, width_px, 3)
    image.setflags(write=False)
    return image


def test_sample_rng_depends_on_seed_epoch_and_index() -> None:
    draws = {key: sample_rng(*key).random() for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]}
    assert len(set(draws.values())) == 4
    assert sample_rng(0, 1, 0).random() == draws[0, 1, 0]


@pytest.mark.parametrize("config", [AugmentationConfig(probability=0), AugmentationConfig(strength=0)])
def test_nothing_is_applied_without_probability_or_strength(config: AugmentationConfig) -> None:
    image = line()
    assert augment(image, config, sample_rng(0, 0, 0)) is image


def test_every_operation_is_applied_in_the_given_order() -> None:
    names = ("noise", "rotation")
    rng = sample_rng(0, 0, 0)
    rng.random(len(names))
    expected = line()
    for name in names:
        expected = AUGMENTATIONS.get(name)(expected, 0.5, rng)
    config = AugmentationConfig(probability=1, strength=0.5, operations=names)
    np.testing.assert_array_equal(augment(line(), config, sample_rng(0, 0, 0)), expected)


def test_probability_is_the_share_of_lines_changed() -> None:
    config = AugmentationConfig(probability=0.3, operations=("noise",))
    image = line(64)
    changed = sum(augment(image, config, sample_rng(0, 0, i)) is not image for i in range(1000))
    assert 250 < changed < 350


def test_an_unknown_operation_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="flip"):
        augment(line(), AugmentationConfig(operations=("flip",)), sample_rng(0, 0, 0))


@pytest.mark.parametrize(("variety", "names"), [("usual", USUAL), ("wide", ORDER)])
def test_without_names_operations_come_as_a_picture_is_made(variety: str, names: tuple[str, ...]) -> None:
    """Geometry first, noise and JPEG last, which it would smooth."""
    assert set(names) <= set(ORDER) <= set(AUGMENTATIONS.names())
    assert [name for name in ORDER if name in names] == list(names)
    named, unnamed = (
        AugmentationConfig.model_validate({"probability": 0.5} | how)
        for how in ({"operations": names}, {"variety": variety})
    )
    for index in range(5):
        changed = [augment(line(), config, sample_rng(0, 0, index)) for config in (named, unnamed)]
        np.testing.assert_array_equal(*changed)


def test_concatenate_joins_pixels_and_texts() -> None:
    joined = concatenate(Line(line(64), "AB"), Line(line(100), "CD"))
    assert joined.text == "ABCD"
    np.testing.assert_array_equal(joined.image, np.hstack([line(64), line(100)]))


def test_a_space_stands_between_joined_words_where_lines_are_divided() -> None:
    """In texts as in pixels, from whichever side they are read; and it takes its room."""
    first, second = Line(line(64), "AB"), Line(line(100), "CD")
    joined = maybe_join(first, [second], 1.0, sample_rng(0, 0, 0), spaced=True)
    assert joined.text == "AB CD"
    gap = joined.image[:, 64:-100].astype(int)
    assert gap.shape[1] == SPACE_PX
    ends = np.concatenate([first.image[:, -1:], second.image[:, :1]], axis=1)
    assert (gap >= ends.min(axis=1, keepdims=True)).all()
    assert (gap <= ends.max(axis=1, keepdims=True)).all()
    hebrew = concatenate(Line(line(64), "שלום"), Line(line(64), "עולם"), spaced=True)
    assert hebrew.text == "עולם שלום"
    assert fits(first, Line(line(256), "C"))
    assert not fits(first, Line(line(256), "C"), spaced=True)


@given(st.integers(1, 400), st.integers(1, 400), st.text("AB", max_size=30), st.text("AB", max_size=30))
def test_a_joined_line_is_narrow_enough_and_has_its_ctc_steps(w: int, v: int, a: str, b: str) -> None:
    joined = maybe_join(Line(line(w), a), [Line(line(v), b)], 1.0, sample_rng(0, 0, 0))
    if joined.text != a or joined.image.shape[1] != w:
        assert joined.image.shape[1] == w + v <= 320
        assert steps_needed([ord(c) for c in joined.text]) <= bucket_width(w + v) // 8


def test_fits_counts_the_repeated_character_at_the_seam() -> None:
    # 64 px are padded to 160: 20 steps
    start = Line(line(32), "ABCDEFGHIJ")
    assert fits(start, Line(line(32), "ABCDEFGHIJ"))
    assert not fits(start, Line(line(32), "JBCDEFGHIA"))


def test_at_a_fixed_width_a_joined_label_has_the_steps_of_that_width() -> None:
    """320 px are 40 steps of their own, and 32 when resampled to 256 px."""
    first, second = Line(line(160), "ABCDEFGHIJKLMNOPQ"), Line(line(160), "ABCDEFGHIJKLMNOPQ")
    assert fits(first, second)
    assert not fits(first, second, fit_width=256)
    assert maybe_join(first, [second], 1.0, sample_rng(0, 0, 0), fit_width=256) is first


def test_concat_probability_is_respected() -> None:
    first, second = Line(line(64), "A"), Line(line(64), "B")
    joined = sum(maybe_join(first, [second], 0.25, sample_rng(0, 0, i)).text == "AB" for i in range(400))
    assert 70 < joined < 130
    assert maybe_join(first, [second], 0.0, sample_rng(0, 0, 0)) is first


def test_lines_are_joined_up_to_the_first_that_does_not_fit() -> None:
    """As PaddleOCR's RecConAug."""
    first, wide = Line(line(64), "A"), Line(line(300), "W")
    some = [Line(line(64), "B"), Line(line(64), "C")]
    assert maybe_join(first, some, 1.0, sample_rng(0, 0, 0)).text == "ABC"
    assert maybe_join(first, [some[0], wide, some[1]], 1.0, sample_rng(0, 0, 0)).text == "AB"
    assert maybe_join(first, [wide, *some], 1.0, sample_rng(0, 0, 0)) is first

"""Splits: disjoint in text, stable, near their fractions, and never made where the files give them."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from train.data.checks.evidence import MIN_UNITS, share_with_unseen, tell_made
from train.data.formats.loading import load
from train.data.sample import Sample
from train.data.split import Splits, is_spread, make_splits
from train.errors import DataError, UsageError


def samples(texts: list[str], file: str = "labels.txt") -> list[Sample]:
    return [Sample(Path(f"/{file}/{i}.png"), text, f"{file}:{i + 1}") for i, text in enumerate(texts)]


def texts_of(splits: Splits) -> dict[str, set[str]]:
    return {name: {sample.text for sample in part} for name, part in splits.items()}


WORDS = st.lists(st.text("abcdefghi", min_size=1, max_size=4), min_size=12, max_size=80)


@given(words=WORDS, held=st.lists(st.text("abc", max_size=3), max_size=4), seed=st.integers(0, 99))
@settings(max_examples=200, deadline=None)
def test_a_made_split_shares_no_text_and_loses_no_sample(
    words: list[str], held: list[str], seed: int
) -> None:
    assume(not is_spread(words))
    files = {"train": samples(words)} | ({"val": samples(held, "val.txt")} if held else {})
    try:
        splits = make_splits(files, seed)
    except DataError:
        assume(False)
    texts = texts_of(splits)
    assert not texts["test"] & (texts["train"] | texts["val"])
    assert held or not texts["val"] & texts["train"]
    everything = Counter(sample for part in files.values() for sample in part)
    assert Counter(sample for _, part in splits.items() for sample in part) == everything


@given(words=WORDS, seed=st.integers(0, 99), shuffled=st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_labels_does_not_matter(words: list[str], seed: int, shuffled: Random) -> None:
    ordered = samples(words)
    other = ordered.copy()
    shuffled.shuffle(other)
    try:
        splits = make_splits({"all": ordered}, seed)
    except DataError:
        assume(False)
    again = make_splits({"all": other}, seed)
    assert {n: set(p) for n, p in splits.items()} == {n: set(p) for n, p in again.items()}


def test_the_seed_decides() -> None:
    words = samples([f"{i:03}" for i in range(200)])
    assert make_splits({"all": words}, 1) == make_splits({"all": words}, 1)
    assert make_splits({"all": words}, 1).test != make_splits({"all": words}, 2).test


@given(sizes=st.lists(st.integers(1, 6), min_size=40, max_size=80), seed=st.integers(0, 9))
@settings(max_examples=50, deadline=None)
def test_sizes_reach_the_fractions_within_one_group(sizes: list[int], seed: int) -> None:
    # every text holds the same characters, so only sizes decide
    words = [f"{i:07b}"[::-1] + "01" for i, size in enumerate(sizes) for _ in range(size)]
    splits = make_splits({"all": samples(words)}, seed)
    assert 0 <= round(0.1 * len(words)) - len(splits.test) < max(sizes)
    assert 0 <= round(0.15 * len(words)) - len(splits.val) < max(sizes)


def test_what_the_files_give_stays() -> None:
    train, val = samples([f"{i:03}" for i in range(100)]), samples(["007", "1"], "rec_gt_val.txt")
    splits = make_splits({"train": train, "val": val}, 0)
    assert splits.val == tuple(val)
    assert splits.origin == {
        "train": "labels.txt",
        "val": "rec_gt_val.txt",
        "test": "made: 10 % of labels.txt, grouped by text",
    }
    whole = make_splits({"train": train, "val": val}, 0, test_fraction=0)
    assert (whole.train, whole.test) == (tuple(train), ())


def test_a_frequent_text_stays_in_train() -> None:
    splits = make_splits({"all": samples(["TOTAL"] * 50 + [f"LOT{i:02}A" for i in range(50)])}, 0)
    assert sum(sample.text == "TOTAL" for sample in splits.train) == 50
    assert (len(splits.test), len(splits.val)) == (10, 15)


def test_held_back_lines_hold_unseen_characters_as_often_as_further_lines_will() -> None:
    words = [f"{i:02}" for i in range(80)] + [f"{chr(0x4E00 + i)}{i}" for i in range(20)]
    made = [make_splits({"all": samples(words)}, seed) for seed in range(20)]
    held = [sample.text for splits in made for sample in (*splits.val, *splits.test)]
    assert 0.12 < sum(text[0] > "9" for text in held) / len(held) < 0.28
    assert share_with_unseen(made[0]) == pytest.approx(0.2, abs=0.04)


def test_single_characters_are_spread() -> None:
    splits = make_splits({"all": samples(list("ABCDEFGHIJ") * 20)}, 0)
    assert [len(part) for _, part in splits.items()] == [150, 30, 20]
    assert texts_of(splits)["val"] == texts_of(splits)["train"] == set("ABCDEFGHIJ")
    assert "each text spread" in splits.origin["val"]


def test_the_smallest_group_is_taken_where_none_fits() -> None:
    words = [text for text in ("ab", "ba", "abab", "baba", "aabb", "bbaa") for _ in range(2)]
    splits = make_splits({"all": samples(words)}, 0)
    assert [len(part) for _, part in splits.items()] == [8, 2, 2]


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"all": samples(["ab", "ba"] * 5)}, "at least 12"),
        ({"all": samples(["ab"] * 10 + [""] * 10)}, "at least 12"),
        ({"all": samples(["ab"] * 40)}, "at least two texts"),
        ({"all": samples(["ab"] * 40 + ["x", "y"])}, "3 texts of which none fits"),
        ({"train": samples(["ab"] * 40), "val": []}, "none in val"),
        ({"val": samples(["ab"] * 40)}, "those of val alone"),
        ({"train": []}, "none in train"),
    ],
)
def test_too_little_is_refused(files: dict[str, list[Sample]], rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        make_splits(files, 0)


@pytest.mark.parametrize(("val", "test"), [(0, 0.1), (0.5, 0.5), (0.1, -0.1)])
def test_fractions_leave_something_to_train(val: float, test: float) -> None:
    with pytest.raises(UsageError, match="fractions"):
        make_splits({"all": samples(["ab"] * 40)}, 0, val, test)


def test_real_sets_get_a_test_of_unseen_texts_or_receipts(data_dir: Path) -> None:
    for name in ("vin", "receipts", "scene_words"):
        splits = make_splits(load(data_dir / name)[1], 0)
        parts = (splits.train, splits.val, splits.test)
        train, val, test = ({splits.documents.get(one.path, one.text) for one in part} for part in parts)
        assert not test & (train | val)
        assert bool(splits.documents) == (name == "receipts")
        assert abs(len(splits.test) / (len(splits.test) + len(splits.train)) - 0.1) < 0.01


@given(
    sizes=st.lists(st.integers(3, 15), min_size=2, max_size=59),
    seed=st.integers(0, 9),
    given_val=st.booleans(),
)
@settings(max_examples=50, deadline=None)
def test_few_texts_are_spread_and_train_knows_them_all(sizes: list[int], seed: int, given_val: bool) -> None:
    words = [f"T{i:02}" for i, size in enumerate(sizes) for _ in range(size)]
    assume(len(words) >= 12)
    files = {"train": samples(words)} | ({"val": samples(["T00"], "val.txt")} if given_val else {})
    splits = make_splits(files, seed)
    texts = texts_of(splits)
    assert texts["train"] == set(words)
    assert texts["test"] | texts["val"] <= texts["train"]
    assert len(splits.test) == max(1, round(0.1 * len(words)))
    assert Counter(s for _, part in splits.items() for s in part) == Counter(
        s for p in files.values() for s in p
    )
    assert set(tell_made(splits)) == ({"test"} if given_val else {"val", "test"})


def test_twelve_texts_of_ten_pictures_are_in_every_split() -> None:
    splits = make_splits({"all": samples([f"{month:02}" for month in range(12)] * 10)}, 0)
    assert [len(texts) for texts in texts_of(splits).values()] == [12, 12, 12]
    assert tell_made(splits) == {"val": "18 samples of 12 texts", "test": "12 samples of 12 texts"}


def test_a_split_that_tells_nothing_says_what_it_takes() -> None:
    two = make_splits({"all": samples(["OK"] * 14 + ["NG"] * 8)}, 0)
    assert "takes 6, so about 66 samples" in tell_made(two)["test"]
    unseen = make_splits({"all": samples([f"{i:02}" for i in range(20)])}, 0)
    assert "takes 6, so about 60 texts" in tell_made(unseen)["test"]
    enough = make_splits({"all": samples([f"{i:02}" for i in range(MIN_UNITS * 10)])}, 0)
    assert tell_made(enough)["test"] == "6 samples of 6 texts"


def test_photos_without_texts_are_in_every_split() -> None:
    """They say nothing that could stand twice: as one text they would all be held back, or all trained on."""
    photos = samples([*(f"A{number}" for number in range(40)), *["[]"] * 20])
    photos = [replace(one, path=one.path.with_suffix("") / "photo.png") for one in photos]
    splits = make_splits({"all": photos}, 4, text_of=lambda label: "" if label == "[]" else label)
    assert {name for name, part in splits.items() if any(sample.text == "[]" for sample in part)} == {
        "train", "val", "test"
    }  # fmt: skip
    assert {name: len(part) for name, part in splits.items()} == {"train": 45, "val": 9, "test": 6}

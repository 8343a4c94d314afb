"""Documents: told by labels, names or `--group-by`, and never in two of the splits that are made."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.train.data.test_split import samples
from train.data import check
from train.data.checks.evidence import tell_documents, tell_made
from train.data.folders.documents import find_documents, group_samples
from train.data.sample import Sample
from train.data.split import make_splits
from train.errors import DataError, UsageError

RECEIPTS, LINES = 20, 8


def lines(name: str = "images/{:03}_{:03}.jpg") -> list[Sample]:
    """Return lines of receipts, each beginning with the same word."""
    return [
        Sample(Path("/data", name.format(i, j)), f"{i}.{j}" if j else "TOTAL", f"rec_gt.txt:{i * LINES + j}")
        for i in range(RECEIPTS)
        for j in range(LINES)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "images/{:03}_{:03}.jpg",
        "inv{}-line{}.png",
        "scan {}/line_{}.png",
        "{}/{:04}.png",
        "in{0}_p{1}_l{1}.png",
    ],
)
def test_no_receipt_stands_in_two_made_splits(name: str) -> None:
    splits = make_splits({"all": lines(name)}, 3)
    receipt = {one.path: number // LINES for number, one in enumerate(lines(name))}
    parts = [{receipt[one.path] for one in part} for _, part in splits.items()]
    assert sum(map(len, parts)) == len(set.union(*parts)) == RECEIPTS
    assert tell_made(splits)["val"] == "24 samples of 22 texts of 3 documents, " + (
        "too few to tell two models apart: that takes 6, so about 40 documents in all"
    )
    assert splits.origin["test"].endswith("grouped by document")
    assert "documents: 20" in tell_documents(splits)[0]
    moved = make_splits(
        {"all": [replace(one, path=Path("/moved", one.path.relative_to("/data"))) for one in lines(name)]}, 3
    )
    assert [one.text for one in moved.test] == [one.text for one in splits.test]


@pytest.mark.parametrize(
    "name",
    ["word_{}{:02}.png", "{0}{1:02}_crop.png", "train_{}_x.png", "page/{0}_{1}_{0}.5.png"],
)
def test_names_that_are_constant_or_of_one_line_each_make_no_documents(name: str) -> None:
    assert find_documents(lines(name)) == {}


def test_names_of_one_text_each_or_of_few_documents_make_none() -> None:
    words = [replace(one, text=one.path.stem.split("_")[0]) for one in lines()]
    assert find_documents(words) == {}
    assert find_documents(lines()[: 5 * LINES]) == {}


def test_what_labels_tell_counts_before_names_and_pictures_of_one_thing_are_one_document() -> None:
    told = [replace(one, document=f"day {number % 9}") for number, one in enumerate(lines())]
    assert set(find_documents(told).values()) == {f"day {day}" for day in range(9)}
    twice = [*lines("a/{}_{}.png"), *lines("b/{}_{}.png")]
    assert len(set(find_documents(twice).values())) == RECEIPTS


def test_few_documents_are_known_but_nothing_is_carved_by_them() -> None:
    told = [replace(one, document=f"day {number % 3}") for number, one in enumerate(lines())]
    splits = make_splits({"all": told}, 0)
    assert splits.origin["val"].endswith("grouped by text")
    assert "3, too few" in tell_documents(splits)[0]


def test_the_command_line_names_documents() -> None:
    given = {"all": lines("{}_at_shop_{}.png")}
    by = make_splits(given, 0, group_by=r"/(\d+)_at")
    assert len(set(by.documents.values())) == RECEIPTS
    assert [one.document for one in group_samples(given, r"(?P<document>shop)_")["all"]][:2] == [
        "shop",
        "shop",
    ]
    with pytest.raises(UsageError, match="--group-by must be a regular expression"):
        check.parser().parse_args(["--group-by", "("])
    with pytest.raises(UsageError, match="in the path of every image"):
        group_samples(given, "none")
    with pytest.raises(DataError, match="at least 6 documents"):
        make_splits(given, 0, group_by="shop")


def test_documents_of_given_splits_are_not_carved() -> None:
    every: Sequence[Sample] = lines()
    splits = make_splits({"train": every[LINES // 2 :], "val": every[: LINES // 2]}, 0, test_fraction=0.3)
    shared = {one.path.name[:3] for one in splits.val}
    assert not shared & {one.path.name[:3] for one in splits.test}


def test_numbered_images_are_no_documents() -> None:
    assert make_splits({"all": samples([f"{i:03}" for i in range(60)])}, 0).documents == {}

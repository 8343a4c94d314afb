"""Label files become the sets of a run: split, checked and mended, and what is left out is counted over all files."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data import check
from train.data.decoded.decoding import Decoding
from train.data.folders.notes import collected_notes
from train.errors import DataError
from train.sets.read import Sets, Source, read_sets, read_splits
from train.tasks.recognition import Recognition


def write_labels(path: Path, texts: list[str], missing: int = 0) -> Path:
    """Write a list of lines with an image each, the last ones of which are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = cv2.imencode(".png", np.full((24, 120, 3), 200, np.uint8))[1].tobytes()
    names = [f"{path.stem}_{number}.png" for number in range(len(texts))]
    for name in names[: len(names) - missing]:
        (path.parent / name).write_bytes(image)
    rows = (f"{name}\t{text}\n" for name, text in zip(names, texts, strict=True))
    path.write_text("".join(rows), encoding="utf-8")
    return path


def texts(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Labels of train, one of whose images is missing, and val."""
    write_labels(tmp_path / "data/rec_gt_train.txt", texts("T", 40), missing=1)
    write_labels(tmp_path / "data/rec_gt_val.txt", texts("V", 12))
    return tmp_path / "data"


def held(sets: Sets) -> dict[str, int]:
    return {name: len(samples) for name, samples in sets.samples.items()}


def test_every_set_is_read_and_says_where_it_came_from(folder: Path, tmp_path: Path) -> None:
    sets = read_sets(
        Source(
            folder,
            Recognition,
            general_labels=write_labels(tmp_path / "general/rec_gt.txt", texts("G", 20)),
            synthetic_labels=write_labels(tmp_path / "drawn/rec_gt.txt", texts("S", 5)),
            allow_bad=1,
        )
    )
    counts = held(sets)
    assert counts["train"] + counts["test"] == 39
    assert {name: counts[name] for name in ("val", "general", "replay", "synthetic")} == {
        "val": 12,
        "general": 10,
        "replay": 10,
        "synthetic": 5,
    }
    assert sets.origins.keys() == sets.samples.keys()
    assert sets.origins["replay"] == "made: half of rec_gt.txt, grouped by text"
    [(place, reason)] = sets.left_out.items()
    assert place.endswith("rec_gt_train.txt:40")
    assert reason.startswith("missing_file: ")


def test_label_files_are_read_as_the_folder_is(folder: Path) -> None:
    files = {split: [folder / f"rec_gt_{split}.txt"] for split in ("train", "val")}
    whole, named = (read_sets(Source(data, Recognition, allow_bad=1, seed=3)) for data in (folder, files))
    assert whole == named
    assert read_splits(Source(folder, Recognition, allow_bad=1, seed=3))[0].test == whole.samples["test"]


@pytest.mark.parametrize("kind", ["general", "synthetic"])
def test_bad_samples_are_counted_over_all_files(folder: Path, tmp_path: Path, kind: str) -> None:
    path = write_labels(tmp_path / kind / "rec_gt.txt", texts("G", 20), missing=1)
    labels = {f"{kind}_labels": path}
    with pytest.raises(DataError, match=r"at most 0 samples may have errors, got 1:\n.*missing_file"):
        read_sets(Source(folder, Recognition, allow_bad=1, **labels))  # type: ignore[arg-type]
    sets = read_sets(Source(folder, Recognition, allow_bad=2, **labels))  # type: ignore[arg-type]
    assert len(sets.left_out) == 2


@pytest.mark.parametrize("place", ["memory", "file"])
def test_an_image_that_breaks_off_counts_among_the_bad_ones(folder: Path, tmp_path: Path, place: str) -> None:
    """Its header is whole: only decoding finds it."""
    broken = folder / "rec_gt_train_3.png"
    broken.write_bytes(broken.read_bytes()[:-40])
    sets = read_sets(Source(folder, Recognition, allow_bad=2))
    how = Decoding(tmp_path / "cache", place)
    data, left_out = how.decode_usable(sets.samples, 2, sets.left_out)
    assert {name: len(one) for name, one in data.items()} == {
        **(counts := held(sets)),
        "train": counts["train"] - 1,
    }
    assert sorted(why.split(":")[0] for why in left_out.values()) == ["missing_file", "unreadable"]
    with pytest.raises(
        DataError, match=r"at most 1 samples may have errors, got 2:\n.*missing_file.*\n.*unreadable"
    ):
        how.decode_usable(sets.samples, 1, sets.left_out)


def test_a_split_of_which_nothing_can_be_decoded_is_refused(folder: Path, tmp_path: Path) -> None:
    for image in folder.glob("rec_gt_val_*.png"):
        image.write_bytes(image.read_bytes()[:-40])
    sets = read_sets(Source(folder, Recognition, allow_bad=50))
    with pytest.raises(DataError, match="none in val"):
        Decoding(tmp_path, "memory").decode_usable(sets.samples, 50, {})


def test_a_remedy_for_general_lines_names_their_options(folder: Path, tmp_path: Path) -> None:
    (pairs := tmp_path / "pairs").mkdir()
    (pairs / "a.png").write_bytes((folder / "rec_gt_val_0.png").read_bytes())
    (pairs / "a.json").write_text('{"text": "A"}', encoding="utf-8")
    with pytest.raises(DataError, match="--general-option text_key=KEY"):
        read_sets(Source(folder, Recognition, allow_bad=1, general_labels=pairs))


def test_several_lists_are_one_split(folder: Path, tmp_path: Path) -> None:
    more = write_labels(tmp_path / "more" / "rec_gt.txt", texts("M", 5))
    files = {"train": [folder / "rec_gt_train.txt", more], "val": [folder / "rec_gt_val.txt"]}
    counts = held(read_sets(Source(files, Recognition, test_fraction=0, allow_bad=1)))
    assert counts == {"train": 44, "val": 12}


def test_what_stands_in_two_splits_is_told(folder: Path) -> None:
    """A copy of a training image that validation scores, and another picture of a training text."""
    write_labels(folder / "rec_gt_val.txt", [*texts("T", 2), *texts("V", 10)])
    other = cv2.imencode(".png", np.full((24, 121, 3), 90, np.uint8))[1].tobytes()
    (folder / "rec_gt_val_1.png").write_bytes(other)
    with collected_notes() as notes:
        read_sets(Source(folder, Recognition, allow_bad=1, test_fraction=0))
    [copies] = [line for line in notes if line.startswith("images that are copies")]
    assert ": 1, the first: " in copies
    assert "rec_gt_val_0.png of " in copies
    assert "labels of val whose text stands in train, too: 2 of 12" in " ".join(notes)


def test_drawn_lines_that_are_scored_are_refused(folder: Path) -> None:
    """But for a study that began with them."""
    source = Source(folder, Recognition, allow_bad=1, synthetic_labels=folder / "rec_gt_val.txt")
    with pytest.raises(DataError, match=r"must not be the same files as \S* or \S*, got 12 of \S*val\.txt"):
        read_sets(source)
    with collected_notes() as notes:
        assert len(read_sets(replace(source, begun=True)).samples["synthetic"]) == 12
    assert any("drawn lines must not be the same files" in line for line in notes)


def test_documents_in_two_given_splits_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By a run and by the check."""
    image = cv2.imencode(".png", np.full((24, 120, 3), 200, np.uint8))[1].tobytes()
    for split, lines in (("train", (0, 1)), ("val", (2, 3))):
        names = [f"{document:03}_{line}.png" for document in range(8) for line in lines]
        (tmp_path / f"rec_gt_{split}.txt").write_text("".join(f"{name}\t{name[:-4]}\n" for name in names))
        for name in names:
            (tmp_path / name).write_bytes(image)
    with collected_notes() as notes:
        read_sets(Source(tmp_path, Recognition, test_fraction=0))
    check.main([str(tmp_path), "--headers-only"])
    for told in ("".join(notes), capsys.readouterr().out):
        assert "images of val whose document is in train, too: " in told


def test_other_documents_of_the_same_texts_are_not_told(tmp_path: Path) -> None:
    """Two lists of products, say: each has its own name."""
    image = cv2.imencode(".png", np.full((24, 120, 3), 200, np.uint8))[1].tobytes()
    for split, first in (("train", 0), ("val", 8)):
        names = [f"{first + document:03}_{line}.png" for document in range(8) for line in (0, 1)]
        rows = "".join(f"{name}\ttext {name[-5]}\n" for name in names)
        (tmp_path / f"rec_gt_{split}.txt").write_text(rows)
        for name in names:
            (tmp_path / name).write_bytes(image)
    with collected_notes() as notes:
        sets = read_sets(Source(tmp_path, Recognition, test_fraction=0))
    assert len({*sets.documents.values()}) == 1
    assert not any("whose document is in train" in line for line in notes)

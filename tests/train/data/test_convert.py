"""Converting and reading again gives the same texts and pixels, or nothing at all."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.format_examples import EXAMPLES, write_image
from tests.train.data.conftest import MakeSample
from train.data.convert import convert, copy_names, main
from train.data.formats import names_of
from train.data.formats.loading import load
from train.data.sample import Sample
from train.data.split import Splits
from train.data.texts.charset_file import read_characters
from train.errors import DataError, UsageError
from train.system import cli

COUNT = 20


def contents(source: Path, options: dict[str, str], name: str | None = None) -> Counter[tuple[str, bytes]]:
    return Counter(
        (sample.text, sample.path.read_bytes())
        for samples in load(source, options, name)[1].values()
        for sample in samples
    )


def example(name: str, folder: Path) -> dict[str, str]:
    write, options = EXAMPLES[name]
    blank = "" if name == "kaldi" else " "  # there a name ends with the first one
    labels = [(f"im{blank}{i}.png", f"é{i:05b}") for i in range(COUNT)]
    for i, (image, _) in enumerate(labels):
        write_image(folder / image, i)
    write(folder, labels)
    return options


@pytest.mark.parametrize("name", names_of("recognition"))
def test_every_format_survives_the_round_trip(name: str, tmp_path: Path) -> None:
    options = example(name, tmp_path / "source")
    arguments = [f"--option={key}={value}" for key, value in options.items()]
    assert cli.run(main, [str(tmp_path / "source"), str(tmp_path / "new" / "out"), *arguments]) == 0
    out = tmp_path / "new" / "out"
    assert contents(out, {}) == contents(tmp_path / "source", options, name)
    assert sorted(path.name for path in out.iterdir()) == [
        "custom_dict.txt",
        "dataset_stats.json",
        "images",
        "test_list.txt",
        "train_list.txt",
        "val_list.txt",
    ]
    assert read_characters(out / "custom_dict.txt") == ("0", "1", "é")
    numbers = json.loads((out / "dataset_stats.json").read_text("utf-8"))
    assert sum(split["samples"] for split in numbers["splits"].values()) == COUNT
    assert numbers["splits"]["val"]["origin"].startswith("made: 15 %")


def test_parquet_for_the_hub_survives_the_round_trip(tmp_path: Path) -> None:
    example("paddleocr", tmp_path / "source")
    assert cli.run(main, [str(tmp_path / "source"), str(tmp_path / "out"), "--to", "parquet"]) == 0
    name, found = load(tmp_path / "out")
    assert (name, list(found)) == ("table", ["train", "val", "test"])
    assert contents(tmp_path / "out", {}) == contents(tmp_path / "source", {})
    parts = tmp_path / "out" / "data"
    schema = pq.read_schema(parts / "validation-00000-of-00001.parquet")
    # what `datasets` and the Hub's viewer show an image by
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features == {"image": {"_type": "Image"}, "text": {"dtype": "string", "_type": "Value"}}
    assert str(schema.field("image").type) == "struct<bytes: binary, path: string>"
    card = yaml.safe_load((tmp_path / "out" / "README.md").read_text("utf-8").split("---")[1])
    for files in card["configs"][0]["data_files"]:
        assert len([*(tmp_path / "out").glob(files["path"])]) == 1


def test_parquet_keeps_documents(tmp_path: Path) -> None:
    """Where no splits are made they are told to those that are made later."""
    example("iam", tmp_path / "source")
    arguments = [str(tmp_path / "source"), str(tmp_path / "out"), "--to", "parquet"]
    assert cli.run(main, [*arguments, "--val-fraction=0", "--test-fraction=0"]) == 0
    assert {sample.document for sample in load(tmp_path / "out")[1]["train"]} == {"a01-000u"}


def test_photos_are_written_with_their_regions(tmp_path: Path) -> None:
    example("labelme", tmp_path / "source")
    arguments = [str(tmp_path / "source"), str(tmp_path / "out"), "--task", "detection"]
    assert cli.run(main, arguments) == 0
    texts = [
        Counter(
            sample.text
            for samples in load(tmp_path / place, tasks=["detection"])[1].values()
            for sample in samples
        )
        for place in ("source", "out")
    ]
    assert texts[0] == texts[1]
    assert cli.run(main, [*arguments[:1], str(tmp_path / "hub"), *arguments[2:], "--to", "parquet"]) == 2


def test_splits_can_be_left_as_they_are(tmp_path: Path) -> None:
    example("paddleocr", tmp_path / "source")
    arguments = [str(tmp_path / "source"), str(tmp_path / "out"), "--val-fraction=0", "--test-fraction=0"]
    assert cli.run(main, arguments) == 0
    assert {split: len(samples) for split, samples in load(tmp_path / "out")[1].items()} == {"train": COUNT}


def test_a_real_set_survives_and_keeps_its_val(data_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli.run(main, [str(data_dir / "vin"), str(out), "--test-fraction", "0"]) == 0
    assert contents(out, {}) == contents(data_dir / "vin", {})
    assert list(load(out)[1]) == ["train", "val"]
    assert [s.text for s in load(out)[1]["val"]] == [s.text for s in load(data_dir / "vin")[1]["val"]]


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    example("paddleocr", tmp_path / "source")
    lists = {}
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert cli.run(main, [str(tmp_path / "source"), str(tmp_path / out), "--seed", seed]) == 0
        lists[out] = (tmp_path / out / "test_list.txt").read_bytes()
    assert lists["a"] == lists["b"] != lists["c"]


def splits(*samples: Sample) -> Splits:
    return Splits(samples, (), (), {"train": "rec_gt.txt"})


def test_equal_names_do_not_collide(sample: MakeSample, tmp_path: Path) -> None:
    made = [sample(str(i), i, name) for i, name in enumerate(("x/a.png", "y/A.png", "z/a.png", "z/a_2.png"))]
    convert(splits(*made, made[0]), tmp_path / "out")
    found = load(tmp_path / "out")[1]["train"]
    assert [(s.text, s.path.read_bytes()) for s in found] == [
        (s.text, s.path.read_bytes()) for s in [*made, made[0]]
    ]
    assert len(list((tmp_path / "out" / "images").iterdir())) == 4


@given(st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)))
def test_copied_names_are_plain_and_different(names: list[str]) -> None:
    paths = [Path("/folder") / str(i % 3) / f"x{name}" for i, name in enumerate(names)]
    copied = copy_names(paths)
    assert copied.keys() == set(paths)
    assert len({name.casefold() for name in copied.values()}) == len(copied)
    assert not any(character in name for name in copied.values() for character in "\t\n\r[] /")


def taken(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").touch()


def no_folder(folder: Path) -> None:
    folder.touch()


@pytest.mark.parametrize("occupy", [taken, no_folder])
def test_an_occupied_destination_is_refused(
    sample: MakeSample, tmp_path: Path, occupy: Callable[[Path], None]
) -> None:
    occupy(tmp_path / "out")
    with pytest.raises(UsageError, match="new or empty"):
        convert(splits(sample("A", 0)), tmp_path / "out")


def test_what_cannot_be_written_is_refused_before_labels_are_read(tmp_path: Path) -> None:
    taken(tmp_path / "out")
    nowhere = str(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="DST must be a new or empty folder"):
        main([nowhere, str(tmp_path / "out")])
    with pytest.raises(UsageError, match="--to parquet goes with lines"):
        main([nowhere, str(tmp_path / "new"), "--to", "parquet", "--task", "detection"])


def test_photos_never_become_parquet(sample: MakeSample, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--to parquet goes with lines"):
        convert(splits(sample("A", 0)), tmp_path / "new", "parquet", "detection")


def test_an_empty_destination_is_filled(sample: MakeSample, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    convert(splits(sample("A", 0)), tmp_path / "out")
    assert len(load(tmp_path / "out")[1]["train"]) == 1


def test_images_that_cannot_be_read_are_named_and_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example("paddleocr", tmp_path / "source")
    broken = tmp_path / "source" / "im 3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    arguments = [str(tmp_path / "source"), str(tmp_path / "out")]
    assert cli.run(main, arguments) == 1
    assert "im 3.png" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert cli.run(main, [*arguments, "--allow-bad", "1"]) == 0
    assert sum(len(samples) for samples in load(tmp_path / "out")[1].values()) == COUNT - 1


def test_one_of_several_images_of_a_line_may_be_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i, name in enumerate(("a.png", "b.png", "c.png")):
        write_image(tmp_path / "in" / name, i)
    (tmp_path / "in" / "rec_gt.txt").write_text('["a.png", "b.png", "c.png"]\tA\n')
    for name in ("a.png", "b.png"):
        (tmp_path / "in" / name).write_bytes(b"")
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--val-fraction=0", "--test-fraction=0"]
    assert cli.run(main, [*arguments, "--allow-bad", "1"]) == 1
    assert cli.run(main, [*arguments, "--allow-bad", "2"]) == 0
    assert "left out: 2 bad samples" in capsys.readouterr().out
    assert (tmp_path / "out" / "train_list.txt").read_text() == "images/c.png\tA\n"


def test_images_without_a_label_are_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jsonl").write_text('{"image": "a.png", "text": "A"}\n{"image": "b.png", "text": null}\n')
    for name in ("a", "b"):
        write_image(tmp_path / f"{name}.png", 0)
    arguments = [str(tmp_path / "a.jsonl"), str(tmp_path / "out"), "--val-fraction=0", "--test-fraction=0"]
    assert cli.run(main, arguments) == 1
    assert "empty_text: no label" in capsys.readouterr().err
    assert cli.run(main, [*arguments, "--allow-bad", "1"]) == 0
    assert (tmp_path / "out" / "train_list.txt").read_text() == "images/a.png\tA\n"


@pytest.mark.parametrize("text", ["A\tB", "A\nB", "A\r"])
def test_a_failure_leaves_nothing_behind(sample: MakeSample, tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="without tabs"):
        convert(splits(sample(text, 0)), tmp_path / "out")
    with pytest.raises(DataError, match=r"lost\.png"):
        convert(splits(Sample(tmp_path / "lost.png", "A", "rec_gt.txt:1")), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["images"]

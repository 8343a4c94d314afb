"""Labels of regions as the tools and contests write them, and the real ones of OCR_DATA."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from train.data.decoded.header import image_size
from train.data.formats.loading import NO_OPTIONS, load
from train.data.photos.regions import Region, regions_of
from train.data.sample import Sample
from train.errors import DataError, UsageError

LINE = "1,2,30,2,30,9,1,9"
QUAD = ((1.0, 2.0), (30.0, 2.0), (30.0, 9.0), (1.0, 9.0))


def read(source: Path, options: Mapping[str, str] = NO_OPTIONS) -> tuple[str, dict[str, list[Sample]]]:
    return load(source, options, tasks=("detection",))


def regions(samples: list[Sample]) -> list[Region]:
    return [region for sample in samples for region in regions_of(sample.text)]


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\r\n" for line in lines), "utf-8-sig")


@pytest.mark.parametrize(
    ("name", "images", "count", "ignored"),
    [("vin", 172, 172, 0), ("receipts", 12, 615, 0), ("scene_words", 20, 240, 133)],
)
def test_real_sets_are_read_whole_and_their_regions_lie_inside(
    data_dir: Path, name: str, images: int, count: int, ignored: int
) -> None:
    found, splits = read(data_dir / name)
    assert (found, list(splits)) == ("paddleocr_detection", ["train", "val"])
    assert len(splits["val"]) == images
    held = regions(splits["val"])
    assert (len(held), sum(r.ignored for r in held)) == (count, ignored)
    for sample in splits["val"]:
        height, width = image_size(sample.path)
        for region in regions_of(sample.text):
            assert all(-1 <= x <= width + 1 and -1 <= y <= height + 1 for x, y in region.points)


def test_a_folder_of_both_kinds_of_labels_gives_each_task_its_own(data_dir: Path) -> None:
    assert load(data_dir / "vin")[0] == "paddleocr"
    assert read(data_dir / "vin")[0] == "paddleocr_detection"
    assert [r.text for r in regions(read(data_dir / "vin_photo")[1]["all"])] == ["SAL1A2A40SA606662"]


def test_lists_are_told_apart_by_their_first_line(tmp_path: Path) -> None:
    write(tmp_path / "train.txt", "", f'a.jpg\t[{{"transcription": "x", "points": {json.dumps(QUAD)}}}]')
    write(tmp_path / "val.txt", f"b.jpg\t{LINE},y, z")
    assert load(tmp_path / "train.txt", tasks=("detection",))[0] == "paddleocr_detection"
    name, splits = read(tmp_path / "val.txt")
    assert name == "corners_list"
    assert regions(splits["all"]) == [Region(QUAD, "y, z")]
    write(tmp_path / "words.txt", "b.jpg\ta text")
    with pytest.raises(DataError, match="known format"):
        read(tmp_path / "words.txt")


@pytest.mark.parametrize("flag", ["difficult", "ignore", "illegibility"])
def test_a_flag_of_another_set_ignores_a_region(tmp_path: Path, flag: str) -> None:
    entry = {"transcription": "x", "points": QUAD, flag: 1}
    write(tmp_path / "det_gt.txt", "b.jpg\t[]", f"a.jpg\t{json.dumps([entry])}")
    assert [region.ignored for region in regions(read(tmp_path)[1]["all"])] == [True]


def test_blanks_behind_all_commas_belong_to_no_text(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    write(tmp_path / "gt_a.txt", f"{LINE.replace(',', ', ')}, x", f"{LINE}, y")
    assert [region.text for region in regions(read(tmp_path)[1]["all"])] == ["x", "y"]
    write(tmp_path / "gt_a.txt", f"{LINE}, x", f"{LINE},y")
    assert [region.text for region in regions(read(tmp_path)[1]["all"])] == [" x", "y"]


def test_a_list_of_corners_gathers_the_lines_of_an_image(tmp_path: Path) -> None:
    write(
        tmp_path / "det_gt.txt",
        f"a.jpg\t{LINE},x\t{LINE},###",
        f"b.jpg\t{LINE}",
        f"a.jpg\t{LINE},1,5",
        "c.jpg\t",
    )
    samples = read(tmp_path)[1]["all"]
    assert [s.path.name for s in samples] == ["a.jpg", "b.jpg", "c.jpg"]
    assert [(r.text, r.ignored) for r in regions_of(samples[0].text)] == [
        ("x", False),
        ("###", True),
        ("1,5", False),
    ]
    assert [r.text for r in regions_of(samples[1].text)] == [""]
    assert regions_of(samples[2].text) == ()
    assert samples[0].source.endswith("det_gt.txt:1")


def test_a_file_of_corners_beside_each_image(tmp_path: Path) -> None:
    touch(tmp_path / "train" / "a.jpg", tmp_path / "train" / "b.png", tmp_path / "val" / "a.jpg")
    write(tmp_path / "train" / "a.txt", f"{LINE},TOTAL 5,00", f"{LINE.replace('1,2', '1.5,2')},x")
    write(tmp_path / "train" / "b.txt")
    write(tmp_path / "val" / "a.txt", f"{LINE},v")
    name, splits = read(tmp_path)
    assert name == "corners_list"
    first, second = splits["train"]
    assert regions_of(first.text)[0] == Region(QUAD, "TOTAL 5,00")
    assert regions_of(first.text)[1].points[0] == (1.5, 2.0)
    assert (regions_of(second.text), second.path.name) == ((), "b.png")
    (tmp_path / "train" / "b.txt").unlink()
    with pytest.raises(DataError, match=r"b\.png"):
        read(tmp_path)


@pytest.mark.parametrize("line", ["a.jpg", f"a.jpg\t{LINE},x\t1,2,3", "a.jpg\t1,2,3,4,5,6,7,nan,x"])
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    write(tmp_path / "det_gt.txt", f"b.jpg\t{LINE},x", line)
    with pytest.raises(DataError, match=r"det_gt\.txt:2"):
        read(tmp_path)


def test_icdar_2015_as_downloaded(tmp_path: Path) -> None:
    """Images of both splits have the same names there."""
    touch(tmp_path / "ch4_training_images" / "img_1.jpg", tmp_path / "ch4_test_images" / "img_1.jpg")
    write(
        tmp_path / "ch4_training_localization_transcription_gt" / "gt_img_1.txt", f"{LINE},a,b", f"{LINE},###"
    )
    write(tmp_path / "Challenge4_Test_Task1_GT" / "gt_img_1.txt", f"{LINE},c")
    name, splits = read(tmp_path)
    assert name == "icdar"
    assert {split: [s.path.parent.name for s in samples] for split, samples in splits.items()} == {
        "train": ["ch4_training_images"],
        "test": ["ch4_test_images"],
    }
    assert [(r.text, r.ignored) for r in regions(splits["train"])] == [("a,b", False), ("###", True)]


def test_icdar_images_in_a_folder_of_their_own(tmp_path: Path) -> None:
    touch(tmp_path / "images" / "img_7.PNG")
    write(tmp_path / "gt" / "gt_img_7.txt", '1, 2, 30, 9, "Hi, \\"you""')
    samples = read(tmp_path)[1]["all"]
    assert samples[0].path.name == "img_7.PNG"
    assert regions(samples) == [Region(QUAD, 'Hi, "you"')]
    (tmp_path / "images" / "img_7.PNG").unlink()
    with pytest.raises(DataError, match=r"gt_img_7\.txt with none"):
        read(tmp_path)
    touch(tmp_path.parent / "away" / "img_7.png")
    assert read(tmp_path, {"root": str(tmp_path.parent / "away")})[1]["all"][0].path.parent.name == "away"
    with pytest.raises(UsageError, match="--root must be a folder"):
        read(tmp_path, {"root": str(tmp_path / "nowhere")})


def test_icdar_mlt_has_a_script_before_the_text(tmp_path: Path) -> None:
    touch(tmp_path / "tr_1.jpg")
    write(tmp_path / "gt_tr_1.txt", f"{LINE},Latin,a,b", f"{LINE},None,###")
    samples = read(tmp_path, {"skip": "1"})[1]["all"]
    assert [(r.text, r.ignored) for r in regions(samples)] == [("a,b", False), ("###", True)]
    write(tmp_path / "gt_tr_1.txt", f"{LINE},Latin,a,b", f"{LINE},None,c")
    assert len(regions(read(tmp_path)[1]["all"])) == 2
    with pytest.raises(DataError, match=r"Latin,a,b.*skip=1"):
        load(tmp_path, tasks=("recognition", "detection"))
    with pytest.raises(UsageError, match="skip"):
        read(tmp_path, {"skip": "one"})


@pytest.mark.parametrize(
    ("texts", "read"),
    [(('"x"', '"###"', '"y"'), ["x", "###", "y"]), (('"x"',), ["x"]), (('"x"', "y"), ['"x"', "y"])],
)
def test_quotation_marks_around_every_text_of_a_set_are_no_part_of_it(
    tmp_path: Path, texts: tuple[str, ...], read: list[str]
) -> None:
    """As RCTW has them; where other texts have none they were in the picture."""
    for number, text in enumerate(texts):
        touch(tmp_path / f"{number}.jpg")
        write(tmp_path / f"{number}.txt", f"{LINE},0,{text}")
    found = regions(load(tmp_path, {"skip": "1"}, tasks=("detection",))[1]["all"])
    assert [region.text for region in found] == read
    assert [region.ignored for region in found] == [text == "###" for text in read]


def test_icdar_folders_of_one_split_are_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder / "gt_a.txt", f"{LINE},x")
    with pytest.raises(DataError, match="one, two"):
        read(tmp_path)


def test_ppocrlabel_reads_what_was_checked(tmp_path: Path) -> None:
    folder = tmp_path / "renamed"
    touch(folder / "a.jpg", folder / "b.jpg")
    label = json.dumps([{"transcription": "x", "points": QUAD, "difficult": True, "key_cls": "None"}])
    write(folder / "Label.txt", f"photos/a.jpg\t{label}", f"photos/b.jpg\t{label}")
    assert len(read(folder)[1]["all"]) == 2
    (folder / "fileState.txt").write_text("/home/user/photos/a.jpg\t0\n/home/user/photos/b.jpg\t1\n")
    (sample,) = read(folder)[1]["all"]
    assert sample.path == folder / "b.jpg"
    assert regions_of(sample.text) == (Region(QUAD, "x", True),)
    (folder / "fileState.txt").write_text("")
    with pytest.raises(DataError, match="checked"):
        read(folder)

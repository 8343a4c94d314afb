"""Each rule is broken once, on purpose; what a check says is what the command line ends with."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.serve.intake.crafted import paged, picture, pillow, promise
from tests.train.data.conftest import MakeSample
from train.data.check import main
from train.data.checks.checking import cheap_check, check, drop_faulty
from train.data.checks.findings import CheckReport
from train.data.checks.rulebook import RULES
from train.data.checks.rules import line_checks, ppocr_steps
from train.data.decoded.header import image_size
from train.data.sample import Sample
from train.data.split import Splits
from train.errors import DataError
from train.system import cli


def splits(train: Sequence[Sample], val: Sequence[Sample] = ()) -> Splits:
    return Splits(tuple(train), tuple(val), (), {"train": "rec_gt_train.txt", "val": "rec_gt_val.txt"})


def broken(report: CheckReport) -> list[tuple[str, str, str]]:
    return [(f.rule, f.split, f.sample.text) for f in report.findings]


def test_good_data_has_no_findings(sample: MakeSample) -> None:
    report = check(
        splits([sample("AB", 0), sample("BA", 1)], [sample("ABBA", 2)]), line_checks("AB", ppocr_steps)
    )
    assert report.findings == ()
    assert report.lengths == {"train": {2: 2}, "val": {4: 1}}
    assert report.characters == {"A": 4, "B": 4}


@pytest.mark.parametrize(
    ("text", "shape", "rule"),
    [
        ("", {}, "empty_text"),
        (" A", {}, "outer_space"),
        ("AX", {}, "outside_charset"),
        ("A" * 27, {}, "too_long"),
        ("A", {"height": 7}, "tiny"),
        ("A", {"width": 3}, "tiny"),
        ("AB", {"height": 60, "width": 40}, "upright"),
        ("A", {"height": 10, "width": 2001}, "long_line"),
        ("AB" * 600 + "A", {"height": 10, "width": 2000}, "long_line"),
    ],
)
def test_a_rule_is_broken_by_one_sample(
    sample: MakeSample, text: str, shape: dict[str, int], rule: str
) -> None:
    report = cheap_check(splits([sample(text, 0, **shape)]), line_checks("AB ", ppocr_steps))
    assert broken(report) == [(rule, "train", text)]


@pytest.mark.parametrize(("text", "fits"), [("AB" * 26, True), ("AB" * 26 + "A", False), ("A" * 26, True)])
def test_steps_count_equal_neighbours_twice(sample: MakeSample, text: str, fits: bool) -> None:
    # 24x200 becomes 48x400, padded to 416: 52 steps
    assert (
        "too_long" not in cheap_check(splits([sample(text, 0)]), line_checks(None, ppocr_steps)).by_rule()
    ) == fits


def test_what_the_model_cannot_write_is_no_error_in_val(sample: MakeSample) -> None:
    held = splits([sample("AB", 0)], [sample("A" * 27, 1), sample("AX", 2)])
    report = cheap_check(held, line_checks("AB", ppocr_steps))
    assert [f.rule for f in report.findings] == ["unwritable", "unwritable", "unseen_character"]
    assert drop_faulty(held, report, 0) == held


def test_files_that_are_missing_or_broken(sample: MakeSample, tmp_path: Path) -> None:
    good, cut, garbage = (sample(str(i), i, f"{i}.jpg") for i in range(3))
    cut.path.write_bytes(cut.path.read_bytes()[:-900])
    garbage.path.write_bytes(b"no image")
    lost = Sample(tmp_path / "lost.png", "3", "rec_gt.txt:4")
    everything = splits([good, cut, garbage, lost])
    cheap = [("missing_file", "train", "3"), ("unreadable", "train", "2")]
    assert broken(cheap_check(everything, line_checks())) == cheap
    assert broken(check(everything, line_checks())) == [*cheap, ("truncated", "train", "1")]


def test_a_png_with_a_whole_header_and_no_pixels_needs_the_deep_check(sample: MakeSample) -> None:
    cut = sample("A", 0)
    cut.path.write_bytes(cut.path.read_bytes()[:200])
    assert broken(cheap_check(splits([cut]), line_checks())) == []
    assert broken(check(splits([cut]), line_checks())) == [("unreadable", "train", "A")]


def test_pictures_in_which_nothing_can_be_read(sample: MakeSample) -> None:
    kept_in_16, blank, faint = (sample(text, i, f"{i}.png") for i, text in enumerate("ABC"))
    ramp = np.tile(np.arange(0, 4096, 32, dtype=np.uint16), (24, 1))
    cv2.imwrite(str(kept_in_16.path), ramp)
    cv2.imwrite(str(blank.path), ramp * 0)
    cv2.imwrite(str(faint.path), ramp * 5)  # 80 of 256 levels
    report = check(splits([kept_in_16, blank, faint]), line_checks())
    assert broken(report) == [("no_contrast", "train", "A"), ("no_contrast", "train", "B")]
    assert [f.value for f in report.findings] == ["16 of 256 levels", "1 of 256 levels"]


def test_files_of_too_many_pixels_of_several_pictures_and_with_a_hole(sample: MakeSample) -> None:
    huge, moving, holed = sample("A", 0), sample("B", 1, "b.webp"), sample("C", 2, "c.jpg")
    huge.path.write_bytes(promise("png", 40_000, 40_000))
    moving.path.write_bytes(paged("WEBP", [picture(), 255 - picture()]))
    whole = pillow(form="JPEG")
    holed.path.write_bytes(whole[: len(whole) * 3 // 4] + b"\xff\xd9")
    cheap = [("too_large", "train", "A"), ("several_pictures", "train", "B")]
    assert broken(cheap_check(splits([huge, moving, holed]), line_checks())) == cheap
    deep = broken(check(splits([huge, moving, holed]), line_checks()))
    assert deep == [("truncated", "train", "C"), *cheap]


def test_texts_and_characters_across_splits(sample: MakeSample) -> None:
    train = [sample("AB", 0), sample("AB", 1, "b.png"), sample("C", 2)]
    val = [sample("AB", 3), sample("AB", 4, "d.png"), sample("C", 5), sample("AD", 6), sample("DA", 7)]
    report = cheap_check(splits(train, val), line_checks())
    assert [(f.rule, f.sample, f.value) for f in report.findings] == [
        ("text_in_two_splits", val[0], "'AB', also 2 in train"),
        ("unseen_character", val[3], "'D' in 'AD'"),
    ]
    assert report.errors == ()


def test_equal_pixels_are_duplicates_contradictions_or_in_two_splits(sample: MakeSample) -> None:
    train = [
        sample("A", 0, "a.png"),
        sample("A", 0, "b.png"),
        sample("B", 1, "c.png"),
        sample("C", 1, "d.png"),
    ]
    val = [sample("X", 2, "e.png"), sample("A", 0, "f.bmp")]
    report = check(splits(train, val), line_checks())
    assert [(f.rule, f.sample.path.name) for f in report.findings if f.rule != "unseen_character"] == [
        ("contradiction", "c.png"),
        ("contradiction", "d.png"),
        ("image_in_two_splits", "a.png"),
        ("image_in_two_splits", "b.png"),
        ("duplicate", "b.png"),
    ]


def test_an_image_of_many_labels_names_ten_others_of_each(sample: MakeSample) -> None:
    """A column of images that is a constant has as many labels as the table rows."""
    one = sample("", 0)
    rows = [replace(one, text=f"T{number:02}") for number in range(30)]
    first, *_, last = cheap_check(splits(rows), line_checks()).findings
    told = ", ".join(f"'T{number:02}'" for number in range(1, 11))
    assert first.value == f"'T00', also labelled {told} and 19 more"
    assert last.value.endswith("'T08', 'T09' and 19 more")


def test_one_file_in_two_splits_is_found_without_decoding(sample: MakeSample) -> None:
    twice = sample("A", 0)
    found = cheap_check(splits([twice, sample("B", 1)], [twice]), line_checks())
    assert broken(found) == [("image_in_two_splits", "train", "A")]
    left = drop_faulty(splits([twice, sample("B", 1)], [twice]), found, 1)
    assert ([s.text for s in left.train], left.val) == (["B"], (twice,))


def test_usable_drops_few_and_refuses_many(sample: MakeSample) -> None:
    bad = [sample("", i, f"{i}.png") for i in range(25)]
    everything = splits([sample("A", 99), *bad])
    report = cheap_check(everything, line_checks())
    assert [s.text for s in drop_faulty(everything, report, 25).train] == ["A"]
    with pytest.raises(DataError) as error:
        drop_faulty(everything, report, 24)
    assert str(error.value).count("empty_text") == 20
    with pytest.raises(DataError, match="none in train"):
        drop_faulty(splits(bad), cheap_check(splits(bad), line_checks()), 25)


def test_a_turned_photo_has_the_size_that_is_decoded(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 10)).save(tmp_path / "a.jpg", exif=exif)
    assert image_size(tmp_path / "a.jpg") == (40, 10)


def test_the_real_sets_hold_what_their_readme_says(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(main, [str(data_dir / "vin")]) == 0
    assert cli.run(main, [str(data_dir / "receipts"), "--headers-only"]) == 0
    assert cli.run(main, [str(data_dir / "scene_words"), "--headers-only"]) == 0
    assert "too_long " in capsys.readouterr().out


def bad_folder(folder: Path, sample: MakeSample) -> Path:
    rows = [(sample(text, i, f"{i}.png"), text) for i, text in enumerate(("<b>&A</b>", "", "\u202eB"))]
    (folder / "rec_gt.txt").write_text(
        "".join(f"images/{s.path.name}\t{text}\n" for s, text in rows), "utf-8"
    )
    return folder


def test_the_command_writes_json_and_a_page_without_network(
    sample: MakeSample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = bad_folder(tmp_path, sample)
    results, page = tmp_path / "new" / "check.json", tmp_path / "check.html"
    assert cli.run(main, [str(folder), "--json", str(results), "--html", str(page)]) == 1
    written = json.loads(results.read_text("utf-8"))
    assert (written["errors"], written["rules"]) == (1, {"empty_text": 1, "spreadsheet": 1, "invisible": 1})
    assert set(written["findings"][0]) >= {"rule", "severity", "source", "value", "remedy"}
    html = page.read_text("utf-8")
    assert "&lt;b&gt;&amp;A" in html
    assert "<b>&A" not in html
    assert "http" not in html
    assert html.count("data:image/jpeg") == 6
    assert sorted(p.name for p in tmp_path.iterdir()) == ["check.html", "images", "new", "rec_gt.txt"]
    said = capsys.readouterr().out
    assert "rec_gt.txt:2 1.png" in said
    assert "a search or run would refuse this: making test and val needs at least 12" in said


def test_a_dictionary_file_and_its_space(sample: MakeSample, tmp_path: Path) -> None:
    folder = bad_folder(tmp_path, sample)
    (folder / "rec_gt.txt").write_text("images/0.png\tA B\n")
    (tmp_path / "dict.txt").write_text("A\nB\n")
    assert cli.run(main, [str(folder), "--model-charset", str(tmp_path / "dict.txt")]) == 0
    (tmp_path / "dict.txt").write_text("A\n")
    assert cli.run(main, [str(folder), "--model-charset", str(tmp_path / "dict.txt")]) == 1


@pytest.mark.parametrize("arguments", [["--format", "zip"], ["--option", "x"], ["--allow-bad", "-1"]])
def test_bad_usage_is_status_2(tmp_path: Path, arguments: list[str]) -> None:
    try:
        status = cli.run(main, [str(tmp_path), *arguments])
    except SystemExit as left:
        status = int(left.code or 0)
    assert status == 2


def test_the_cheap_check_is_cheap(sample: MakeSample) -> None:
    many = splits([sample("AB", 0)] * 5000)
    start = time.process_time()
    cheap_check(many, line_checks("AB", ppocr_steps))
    assert time.process_time() - start < 2  # 0.2 s when it was written


def test_every_rule_says_what_to_do() -> None:
    assert all(rule.broken and rule.remedy for rule in RULES.values())

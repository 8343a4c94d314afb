"""Texts that look right and are not: what the check finds is what `--repair` puts right."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train.data.conftest import MakeSample
from train.data.charset import Charset
from train.data.check import main as check_main
from train.data.checks.checking import cheap_check, keep_usable
from train.data.checks.rulebook import RULES
from train.data.checks.rules import line_checks
from train.data.convert import main as convert_main
from train.data.correct import main as correct_main
from train.data.dataset import decode_samples
from train.data.folders.notes import collected_notes
from train.data.formats.loading import load_file
from train.data.split import given_splits
from train.data.texts.forms import invisible_places, visible
from train.data.texts.repairs import REPAIRS
from train.errors import DataError
from train.system import cli

KEPT = ("می‌خواهم", "क्‍ष", "ಕ್‌", "👨‍👩‍👧", "1️⃣", "葛󠄀", "นี้", "क़लम", "☺️", "ᠠ᠋", "שָׁלוֹם", "1٬000")


@pytest.mark.parametrize("text", KEPT)
def test_what_scripts_need_is_no_fault(text: str) -> None:
    texts = [unicodedata.normalize("NFC", text)]
    assert {rule for rule, repair in REPAIRS.items() if repair(texts) != texts} == set()


@pytest.mark.parametrize(
    ("hidden", "seen"),
    [
        ("A\u200bB", "AB"),
        ("\ufeffA", "A"),
        ("A\u00adB\u200e", "AB"),
        ("\u202bA\u202c", "A"),
        ("A\x00B", "AB"),
        ("A\u2028B", "A B"),
        ("A\x0c", "A"),
        ("A\u200dB\u200c", "AB"),
        ("A\ufe0f", "A"),
        ("A\u3164", "A"),
        ("A\u2066B\u2069\u2060", "AB"),
    ],
)
def test_what_nobody_sees_is_found(hidden: str, seen: str) -> None:
    assert visible(hidden) == seen


@given(st.text("Aक्م👨 1\u200b\u200c\u200d\ufe0f\u2028", max_size=8))
def test_nothing_is_left_that_nobody_sees(text: str) -> None:
    assert list(invisible_places(visible(text))) == []


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        (("ABC", "АBC"), ("ABC", "ABC")),  # one Cyrillic letter in a word
        (("ABD", "АВС"), ("ABD", "ABC")),  # a whole word, in a set that has no Cyrillic otherwise
        (("мир", "Пpивет", "hello"), ("мир", "Привет", "hello")),
        (("мир", "в СССР", "hello"), ("мир", "в СССР", "hello")),
        (("abc", "kΩ", "ΔT", "μA"), ("abc", "kΩ", "ΔT", "μA")),
        (("123", "4５"), ("123", "45")),
        (("４５",), ("４５",)),
        (("۱۲۳", "۷", "١٢"), ("۱۲۳", "۷", "۱۲")),  # Persian's digits, then Arabic's
        (("۱۲۳", "۷", "١٤"), ("۱۲۳", "۷", "١٤")),  # whose 4 differs: it is meant
        (("۱۲۳۴۵ الف", *["١٢٣ نص"] * 3), ("۱۲۳۴۵ الف", *["١٢٣ نص"] * 3)),
        (("٤٥٦١٢", "۴۵۶۱۲", "۱۲۳", "۴۵"), ("٤٥٦١٢", "۴۵۶۱۲", "۱۲۳", "۴۵")),
        (("A-1", "B\u20102\u20113"), ("A-1", "B-2-3")),
        (("B\u20102",), ("B\u20102",)),
        (
            ("ท\u0e33", "ท\u0e4d\u0e32", "น\u0e4d\u0e49\u0e32"),
            ("ท\u0e33", "ท\u0e33", "น\u0e49\u0e33"),
        ),  # Thai
        (("ດ\u0ecd\u0eb2",), ("ດ\u0eb3",)),  # Lao
    ],
)
def test_a_lookalike_is_one_beside_what_it_looks_like(texts: tuple[str, ...], meant: tuple[str, ...]) -> None:
    assert tuple(REPAIRS["lookalike"](texts)) == meant


def test_an_ideographic_space_is_odd_beside_a_plain_one() -> None:
    assert REPAIRS["odd_space"](["日\u3000本", "a"]) == ["日\u3000本", "a"]
    assert REPAIRS["odd_space"](["日\u3000本", "a b\u00a0c"]) == ["日 本", "a b c"]


def test_a_radical_stands_for_its_character() -> None:
    assert REPAIRS["glyph_form"](["\u2f08\u2f2f1"]) == ["人工1"]


def test_shaped_arabic_in_picture_order_becomes_a_label() -> None:
    """As arabic_reshaper and python-bidi make it for drawing; the second letter is a ligature of two."""
    shown = "\ufe94\ufee8\ufef3\ufeaa\ufee3 \ufefb"
    assert REPAIRS["glyph_form"](REPAIRS["picture_order"]([shown])) == ["لا مدينة"]


FAULTS = {
    "decomposed": "Cafe\u0301",
    "invisible": "AB\u200bC",
    "odd_space": "A\u00a0B",
    "outer_space": " AB",
    "lookalike": "\u0410BC",
    "picture_order": "םולש",
    "glyph_form": "\ufb01n",
}


def test_every_repair_mends_what_its_rule_finds(
    sample: MakeSample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert REPAIRS.keys() == FAULTS.keys() <= RULES.keys()
    samples = [sample(str(number), number) for number in range(len(FAULTS) + 1)]
    texts = [*FAULTS.values(), "D"]
    rows = [f"images/{one.path.name}\t{text}\n" for one, text in zip(samples, texts, strict=True)]
    labels = tmp_path / "rec_gt.txt"
    labels.write_text("".join(rows), encoding="utf-8")

    def findings(path: Path) -> dict[str, str]:
        report = cheap_check(given_splits({"train": load_file(path)}), line_checks())
        return {f.rule: f.sample.written or f.sample.text for f in report.findings}

    assert findings(labels) == FAULTS
    splits = given_splits({"train": load_file(labels)})
    with collected_notes() as notes:
        assert keep_usable(splits, line_checks(), 0)[0].repaired == 1
    assert notes[-1].startswith("labels look right and are not: ")
    correct_main([str(labels), *(part for rule in REPAIRS for part in ("--repair", rule))])
    assert f"{len(FAULTS)} labels corrected" in capsys.readouterr().out
    assert findings(tmp_path / "rec_gt.corrected.txt") == {}
    assert labels.read_text(encoding="utf-8") == "".join(rows)


def test_every_command_tells_of_labels_that_stand_for_others(sample: MakeSample) -> None:
    samples = [sample(text, i) for i, text in enumerate(("###", "1.5E+11", "AB1"))]
    splits = given_splits({"train": [*samples, sample("AB2", 9, height=60, width=20)]})
    with collected_notes() as notes:
        keep_usable(splits, line_checks(), 0)
    assert "spreadsheet 1" in notes[-1]
    assert "placeholder 1" in notes[-1]
    assert notes[-2].startswith("upright lines")
    assert notes[-2].endswith(": 1")


def test_both_forms_of_a_letter_are_one(tmp_path: Path) -> None:
    labels = tmp_path / "rec_gt.txt"
    labels.write_text("a.png\tCafe\u0301\n\ufeffb.png\tCaf\u00e9\n", encoding="utf-8")
    first, second = load_file(labels)
    assert (first.text, first.written) == (second.text, "Cafe\u0301")
    assert (second.written, second.path.name) == (None, "b.png")
    for characters in (("e", "\u0301"), ("\u00e9",), ("e\u0301",)):  # however a dictionary has it
        charset = Charset((*characters, "f"))
        assert charset.unknown("\u00e9") == set()
        assert charset.extended(["\u00e9"]) == charset
        assert len(charset.encode("\u00e9")) == len(characters)


def test_half_of_a_file_name_is_refused(
    sample: MakeSample, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [sample(str(number), number, f"{number}.png") for number in range(13)]
    images = made[0].path.parent
    made[0].path.rename(images / "caf\udce9.png")
    command = [str(images), "--format", "filename"]
    assert cli.run(check_main, command) == 1
    assert "not_unicode  error" in capsys.readouterr().out
    assert cli.run(convert_main, [command[0], str(tmp_path / "out"), *command[1:]]) == 1
    assert "not_unicode: 'caf\\udce9'" in capsys.readouterr().err
    left = [command[0], str(tmp_path / "out"), *command[1:], "--allow-bad", "1"]
    assert cli.run(convert_main, left) == 0
    with pytest.raises(DataError, match="must be Unicode"):
        decode_samples(load_file(images, name="filename"))

"""Corrected label files: beside the old ones, and never in place of anything."""

from pathlib import Path

import pytest

from train.data.checks.corrections import COLUMNS, LabelErrorRow, read_table, table_text
from train.data.correct import main
from train.data.formats.loading import load_file
from train.errors import DataError, UsageError


def table(folder: Path, *rows: tuple[str, str, str, str]) -> Path:
    """Write a table of (image, label, reading, corrected)."""
    made = [
        LabelErrorRow("val", str(folder / i), label, read, "3/4", 1e-5, said) for i, label, read, said in rows
    ]
    path = folder / "label_mistakes.tsv"
    path.write_text(table_text(made))
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "rec_gt_val.txt"
    path.write_text("a.png\tB1\nsub/b.png\tC2\nc.png\tD3\n")
    return path


def test_only_what_a_person_said_is_changed(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = labels.read_bytes()
    edited = table(
        tmp_path, ("a.png", "B1", "81", "="), ("sub/b.png", "C2", "G2", "  6"), ("c.png", "D3", "03", "")
    )
    main([str(edited), str(labels)])
    written = tmp_path / "rec_gt_val.corrected.txt"
    assert written.read_text() == "a.png\t81\nsub/b.png\t  6\nc.png\tD3\n"
    assert labels.read_bytes() == before
    assert "2 labels corrected" in capsys.readouterr().out
    assert [sample.text for sample in load_file(written)] == ["81", "  6", "D3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["label_mistakes.tsv", "rec_gt_val.corrected.txt", "rec_gt_val.txt"]
    )


def test_nothing_is_overwritten(labels: Path, tmp_path: Path) -> None:
    edited = table(tmp_path, ("a.png", "B1", "81", "="))
    main([str(edited), str(labels)])
    with pytest.raises(UsageError, match="must not replace"):
        main([str(edited), str(labels)])


def test_a_correction_of_another_label_is_refused(labels: Path, tmp_path: Path) -> None:
    edited = table(tmp_path, ("a.png", "OLD", "81", "="))
    with pytest.raises(DataError, match=r"1 are not, the first: .*a\.png labelled 'OLD'"):
        main([str(edited), str(labels)])
    assert not (tmp_path / "rec_gt_val.corrected.txt").exists()


def test_texts_survive_the_table(tmp_path: Path) -> None:
    rows = [
        LabelErrorRow("train", "a b.png", 'say "8"\tB', "=", "2/2", 0.001, "Я\u2028x"),
        LabelErrorRow(*"abcde", 0.5),
        LabelErrorRow("val", "c.png", "one\rtwo\nthree\r\n", "=1+1", "2/2", 0.5, "\r"),
    ]
    path = tmp_path / "t.tsv"
    path.write_bytes(table_text(rows).encode())
    assert read_table(path) == rows


@pytest.mark.parametrize("line", ["a\tb\tc\td\te\tmuch\tx", "a\tb", "\t".join("abcde1xy")])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("\t".join(COLUMNS) + "\n" + line + "\n")
    with pytest.raises(DataError, match=r"t\.tsv:2"):
        read_table(path)
    path.write_text("a,b\n")
    with pytest.raises(DataError, match="first line"):
        read_table(path)


@pytest.mark.parametrize(("last", "rule"), [("=", "must end with one"), ('B"', "must not hold other rows")])
def test_a_quotation_mark_that_was_typed_swallows_no_rows(tmp_path: Path, last: str, rule: str) -> None:
    rows = [
        f"val\t{name}.png\tA\tB\t2/2\t0.1\t{text}\n" for name, text in (("a", '"B'), ("b", "="), ("c", last))
    ]
    path = tmp_path / "t.tsv"
    path.write_text("".join(["\t".join(COLUMNS) + "\n", *rows]))
    with pytest.raises(DataError, match=rule):
        read_table(path)

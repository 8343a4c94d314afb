"""Labels that a program made of other ones, or that stand for none: the check says which."""

from collections.abc import Sequence

import pytest

from tests.train.data.conftest import MakeSample
from tests.train.data.test_check import broken, splits
from train.data.checks.checking import cheap_check
from train.data.checks.rules import line_checks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(
            (text, True)
            for text in ("1.23457E+11", '="007"', "#N/A", "nan", "a &amp; b", "2024-01-05 00:00:00")
        ),
        *(
            (text, True)
            for text in (
                "caf\u00c3\u00a9",
                "\u00d1\u201a",
                "\u00e2\u201a\u00ac5",
                "\\u4e2d",
                "%E4%B8%AD",
                "('A', 0.98)",
                "x<br/>",
                "<b>A</b>",
            )
        ),
        *(
            (text, False)
            for text in (
                "1E5",
                "#12",
                "7.0",
                "a & b;",
                "\u00c3O",
                "na\u00efve",
                "C:\\users",
                "100%",
                "(A)",
                "a<b>c",
                "NESTL\u00c9\u00ae",
                "<Box>",
                '\u00d8\u00bd" THRU',
                "\u00d8\u00b10.05",
            )
        ),
    ],
)
def test_what_a_spreadsheet_leaves_of_a_text(sample: MakeSample, text: str, found: bool) -> None:
    report = cheap_check(splits([sample(text, 0)]), line_checks())
    assert [rule for rule, *_ in broken(report)] == ["spreadsheet"] * found


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("###", "TEMPORARY", "待识别", "*", "ABC", "BCD"), 4),
        (("##", "[illegible]", "<UNK>", "#1", "unknown"), 3),
        (("*", "A", "B"), 0),
    ],
)
def test_what_stands_for_a_text_that_nobody_read(
    sample: MakeSample, texts: Sequence[str], found: int
) -> None:
    """Among single characters an asterisk is one."""
    report = cheap_check(splits([sample(text, number) for number, text in enumerate(texts)]), line_checks())
    assert len(report.by_rule().get("placeholder", ())) == found


@pytest.mark.parametrize(("last", "found"), [("12.0", 2), ("12.5", 0)])
def test_numbers_that_all_end_in_a_fraction_of_none_were_read_as_such(
    sample: MakeSample, last: str, found: int
) -> None:
    report = cheap_check(splits([sample("7.0", 0), sample(last, 1)]), line_checks())
    assert len(report.by_rule().get("spreadsheet", ())) == found

"""A line is divided where its reader reads spaces, and each of its words is read as if it were alone."""

import numpy as np
import numpy.typing as npt
import pytest

from train.config import TrialConfig
from train.cut import Cut
from train.data.charset import Charset
from train.errors import UsageError
from train.reading.calibration import Calibration, Coverage
from train.reading.formats.rules import Rule
from train.reading.settings import ReadingSettings
from train.reading.text_model import TextModel
from train.reading.words import Word, read_lines, read_words
from train.tasks.recognition import Recognition
from train.tasks.transcription import Transcription

CHARSET = Charset(("A", "B", "1", " "))


def line(written: str) -> npt.NDArray[np.float32]:
    """Return (T, C) probabilities of a line with one output step a sign; `-` is a blank."""
    classes = [CHARSET.encode(sign)[0] if sign != "-" else 0 for sign in written]
    rows = np.full((len(classes), CHARSET.classes), 0.02, np.float32)
    rows[np.arange(len(classes)), classes] = 0.92
    return rows


def test_words_have_room_beside_their_characters_where_the_gap_is_wide_enough() -> None:
    words = read_words(line("-AB-- --B1A 1---"), 14, CHARSET, None)
    assert [word.reading[0] for word in words] == ["AB", "B1A", "1"]
    assert [(word.start * 14, word.end * 14) for word in words] == [
        (0, pytest.approx(3.5)),
        (pytest.approx(7.5), pytest.approx(11.5)),
        (pytest.approx(11.5), 14),
    ]


@pytest.mark.parametrize("written", ["-AB1-", "-----", " -A- "])
def test_what_holds_no_two_words_is_one(written: str) -> None:
    (word,) = read_words(line(written), 5, CHARSET, None)
    assert (word.start, word.end) == (0, 1)
    assert word.reading[0] == written.replace("-", "").strip()


def test_without_a_space_in_the_charset_a_line_is_one_word() -> None:
    (word,) = read_words(line("A B")[:, :4], 3, Charset(("A", "B", "1")), None)
    assert word.reading[0] == "AB"


def test_a_text_model_reads_each_word_by_itself() -> None:
    """It has learnt labels, which are words: no line of several obeys."""
    rule = Rule.model_validate({"name": "code", "pattern": "[AB]1", "hard": True})
    model = TextModel(ReadingSettings(rules=(rule,)), CHARSET)
    words = read_words(line("-A1- -B1"), 8, CHARSET, model)
    assert [(word.reading.text, word.reading.rules) for word in words] == [
        ("A1", {"code": True}),
        ("B1", {"code": True}),
    ]


def test_a_line_is_what_its_words_say() -> None:
    """It obeys what all of them obey, is as sure as the least sure one, and every sign stands where it was read."""
    rule = Rule(name="code", pattern="[AB]1", obeying=30, labels=30, chance=0.1)
    measured = Coverage(lines=40, accepted=20, right=20)
    calibration = Calibration(
        scores=(-9.0, 3.0), shares=(0.5, 0.9), precision=0.9, accept_at=3.0, measured=measured
    )
    model = TextModel(ReadingSettings(rules=(rule,), calibration=calibration), CHARSET)
    row = line("-AB- -BA-BA-")
    row[2, [2, 3]] = 0.5, 0.44  # AB, or A1
    one, other = read_words(row, 12, CHARSET, model)
    (found,) = read_lines(row[None], model, by_words=True)
    assert (found.text, found.raw) == ("A1 BABA", "AB BABA")
    assert found.rules == {"code": False}
    assert [found.columns, found.raw_columns] == [(1, 2, 4, 6, 7, 9, 10)] * 2
    assert found.score == min(one.reading.score, other.reading.score) == other.reading.score
    assert found.right == pytest.approx(one.reading.right * other.reading.right)
    assert (one.reading.accepted, other.reading.accepted, found.accepted) == (True, False, False)
    assert found.confidence == pytest.approx((0.92 + 0.44 + 4 * 0.92) / 6)
    assert read_lines(line("A1- B1")[None], model, by_words=True)[0].rules == {"code": True}
    assert read_lines(line("A1- B1")[None], model, by_words=False)[0].rules == {"code": False}


def test_lines_are_read_together_as_alone() -> None:
    """Words of equal length are, of whatever lines."""
    model = TextModel(
        ReadingSettings(rules=(Rule(name="code", pattern="[AB]1", obeying=9, labels=9),)), CHARSET
    )
    lines = [line(written) for written in ("-A1- B1A", "BB -A1-1", "-A-A-A-1")]
    alone = [read_lines(one[None], model, by_words=True)[0] for one in lines]
    assert read_lines(np.stack(lines), model, by_words=True) == alone


def test_no_word_holds_a_space_whatever_the_text_model_would_write() -> None:
    rule = Rule.model_validate({"name": "code", "pattern": "A( 1|B)", "hard": True})
    model = TextModel(ReadingSettings(rules=(rule,)), CHARSET)
    row = line("A-1")
    row[1, [0, 4]] = 0.6, 0.34
    whole = model.read(row[None])[0]
    assert whole.text == "A 1"
    assert [word.reading.text for word in read_words(row, 3, CHARSET, model)] == ["AB"]
    assert read_words(line("- -"), 3, CHARSET, None) == [Word(0, 1, ("", 0))]


def test_a_reader_whose_lines_are_divided_can_write_a_space() -> None:
    for charset in ("domain", "keep"):
        config = TrialConfig(charset=charset, cut=Cut(words=True))
        assert not Recognition.charset(config, ["A1"]).unknown(" ")
    assert Recognition.charset(TrialConfig(), ["A1"]).unknown(" ")


def test_a_model_that_tells_no_places_divides_nothing() -> None:
    with pytest.raises(UsageError, match=r"set cut\.words to false"):
        _ = Transcription(TrialConfig(task="transcription"), CHARSET).by_words


def test_a_line_that_was_read_upside_down_begins_at_its_right_end() -> None:
    box = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], np.int32)
    first = Word(0, 0.4, ("A", 1.0))
    assert first.quad_in(box, Cut()).tolist() == [[0, 0], [40, 0], [40, 20], [0, 20]]
    assert first.quad_in(box, Cut(), turned=True).tolist() == [[60, 0], [100, 0], [100, 20], [60, 20]]

"""A page of lines that a text model has decoded: with it, without it, and as PaddleX's own where there is none."""

from dataclasses import replace

import numpy as np
import pytest

from serve.inference.recogniser import Reading
from serve.reading.page import assemble, make_pruned_result, read_options
from serve.schemas import PageRequest
from train.data.charset import Charset
from train.data.geometry.detection import DetectionParameters
from train.reading.formats.rules import Rule
from train.reading.settings import ReadingSettings
from train.reading.text_model import TextModel

DIGITS = Rule(name="digits", pattern="1+", hard=True)


def decoded_line(text: str = "1A", sure: float = 0.64, rule: Rule = DIGITS) -> Reading:
    """Return a line whose second character may be the other one, too; by a hard pattern all say 11."""
    read = np.full((1, 3, 3), 0.01, np.float32)
    first, second = (1 + "1A".index(character) for character in text)
    read[0, 0, first], read[0, 1, 0], read[0, 2, second], read[0, 2, 3 - second] = (
        0.98,
        0.98,
        sure,
        0.99 - sure,
    )
    (one,) = TextModel(ReadingSettings(rules=(rule,)), Charset(("1", "A"))).read(read)
    return Reading(one.text, one.confidence, one.columns, 3, 24, picture=one.picture, decoded=one)


@pytest.mark.parametrize(("decode", "words"), [(None, False), ("raw", False), (None, True), ("raw", True)])
def test_a_page_says_what_was_changed_unless_it_is_asked_for_raw(decode: str | None, words: bool) -> None:
    asked = PageRequest.model_validate({"file": "", "decode": decode, "returnWordBox": words})
    how = read_options(asked, DetectionParameters(), orientation_served=False)
    quad = np.array([(0, 0), (40, 0), (40, 20), (0, 20)], np.int16)
    line = decoded_line()
    plain = replace(line.greedy, decoded=None)
    page = make_pruned_result(assemble(how, [quad, quad], [(20, 40)] * 2, None, [line, plain]))
    assert page["rec_texts"] == (["1A", "1A"] if decode else ["11", "1A"])
    assert "text_word" in page or not words
    if decode:
        assert "rec_decoded" not in page
    else:
        said = page["rec_decoded"]
        assert said[1] is None
        assert (said[0]["raw"], said[0]["rules"]) == ("1A", {"digits": True})
        assert said[0]["rawRules"] == {"digits": False}
        assert 0 < said[0]["probability"] < said[0]["rawProbability"] < 1


@pytest.mark.parametrize(
    ("find", "hard", "texts"),
    [(None, True, ["11", "11"]), (False, True, ["1", "11", "11", ""]), (None, False, ["11", "11"])],
)
def test_a_format_that_finds_gives_what_can_be_the_code_best_first(
    find: bool | None, hard: bool, texts: list[str]
) -> None:
    """Also under a hard rule, which makes a code of every line: one that is far from its picture is none."""
    known = {"obeying": 50, "labels": 50, "chance": 0.05}
    rule = DIGITS.model_copy(update={"find": True, "hard": hard, **known})
    lines = [decoded_line(*line, rule) for line in (("AA", 0.98), ("1A", 0.64), ("11", 0.98))]
    asked = PageRequest.model_validate({"file": "", "find": find})
    how = read_options(asked, DetectionParameters(), orientation_served=False)
    quads = [np.array([(0, y), (40, y), (40, y + 20), (0, y + 20)], np.int16) for y in range(0, 120, 30)]
    page = make_pruned_result(assemble(how, quads, [(20, 40)] * 4, None, [*lines, Reading("", 0.0)]))
    assert page["rec_texts"] == texts
    if find is None:
        assert [box[1] for box in page["rec_boxes"]] == [60, 30]
        assert [said["raw"] for said in page["rec_decoded"]] == ["11", "1A"]
    assert len(page["dt_polys"]) == 4

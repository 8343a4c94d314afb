"""A page of lines that a text model has decoded: with it, without it, and as PaddleX's own where there is none."""

from dataclasses import replace

import numpy as np
import pytest

from serve.inference.recogniser import Reading
from serve.reading.page import assemble, make_pruned_result, read_options
from serve.schemas import PageRequest
from train.data.charset import Charset
from train.data.detection import DetectionParameters
from train.reading.formats.rules import Rule
from train.reading.settings import ReadingSettings
from train.reading.text_model import TextModel


def decoded_line() -> Reading:
    """Return a line that greedily says 1A, and by a hard pattern 11."""
    read = np.full((1, 3, 3), 0.01, np.float32)
    read[0, 0, 1], read[0, 1, 0], read[0, 2, 1:] = 0.98, 0.98, (0.35, 0.64)
    rule = Rule(name="digits", pattern="1+", hard=True)
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
        assert 0 < said[0]["probability"] < said[0]["rawProbability"] < 1

"""Lines of other kinds for a retraining: given or drawn, apart from what is corrected and from each other."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from serve.errors import ConflictError
from serve.inference.model import load_model
from serve.loop.general import JUDGED, find_general, read_general
from train.data.formats import load_file
from train.errors import DataError
from train.reading.formats.rules import Rule
from train.reading.settings import ReadingSettings

TINY = load_model("recognition", "pp-ocrv6-tiny")


def drawn_texts(folder: Path) -> tuple[list[str], list[str]]:
    return tuple(
        (folder / "general" / f"{name}.txt").read_text().split("\n") for name in ("judged", "learnt")
    )  # type: ignore[return-value]


def test_drawn_lines_are_of_every_script_that_the_model_writes_and_the_font_has(tmp_path: Path) -> None:
    general = find_general(tmp_path, None, TINY, {"A"})
    assert general
    judged, learnt = drawn_texts(tmp_path)
    assert len(judged) == JUDGED
    assert not {*judged} & {*learnt}
    assert not TINY.charset.unknown("".join(judged + learnt))
    written = [
        sum(bool(re.search(script, text)) for text in judged)
        for script in ("[A-Za-z0-9]", "[α-ω]", "[一-龥]")
    ]
    assert written[0] > 80
    assert min(written) > 5
    assert [command[:2] for command in general.commands] == [["-m", "train.data.synthetic"]] * 2


def test_half_of_what_is_drawn_is_as_the_bundles_text_model_expects(tmp_path: Path) -> None:
    rule = Rule(name="pattern", pattern=r"[A-Z]{3}-\d{4}", hard=True)
    model = replace(TINY, text_model=ReadingSettings(rules=(rule,)))
    assert find_general(tmp_path, None, model, set())
    first = drawn_texts(tmp_path)
    for texts in first:
        assert 0.4 < sum(map(rule.holds, texts)) / len(texts) < 0.6
    (again := tmp_path / "again").mkdir()
    assert find_general(again, None, model, {first[0][0]})
    assert first[0][0] not in drawn_texts(again)[0] + drawn_texts(again)[1], "it is a correction's"
    assert len({*first[0]} & {*drawn_texts(again)[0]}) > JUDGED - 3, "the others are the same every time"


def test_nothing_is_drawn_for_a_model_whose_characters_the_font_lacks(tmp_path: Path) -> None:
    assert find_general(tmp_path, None, replace(TINY, characters=tuple("กขฃคฅฆ")), set()) is None


def test_given_lines_are_shared_out_by_text(tmp_path: Path) -> None:
    (tmp_path / "[odd] name.png").write_bytes(b"")
    rows = "".join(f'["[odd] name.png"]\tT{n % 60}\n' for n in range(120))
    (tmp_path / "labels.txt").write_text(rows, encoding="utf-8")
    general = find_general(tmp_path, tmp_path / "labels.txt", TINY, {"T7"})
    assert general
    assert not general.commands
    judged, learnt = (load_file(path) for path in (general.judged, general.learnt))
    texts = [{sample.text for sample in part} for part in (judged, learnt)]
    assert not texts[0] & texts[1]
    assert texts[0] | texts[1] == {f"T{n}" for n in range(60)} - {"T7"}
    assert len(judged) == 60
    assert {sample.path for sample in judged + learnt} == {tmp_path / "[odd] name.png"}


def test_too_few_given_lines_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "labels.txt").write_text("a.png\tA\na.png\tB\n", encoding="utf-8")
    with pytest.raises(DataError, match="at least 40 different texts, got 2"):
        read_general(tmp_path / "labels.txt")
    (tmp_path / "labels.txt").write_text("".join(f"a.png\tT{n}\n" for n in range(40)), encoding="utf-8")
    with pytest.raises(ConflictError, match="other texts than the corrections"):
        find_general(tmp_path, tmp_path / "labels.txt", TINY, {f"T{n}" for n in range(30)})

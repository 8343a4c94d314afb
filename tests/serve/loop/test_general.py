"""Lines of other kinds for a retraining: given or drawn, apart from what is corrected and from each other."""

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from serve.errors import ConflictError
from serve.inference.model import load_model
from serve.loop.general import JUDGED, _join_some, find_general, read_general
from train.data.formats.loading import load_file
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


def test_a_reader_that_divides_lines_has_some_of_several_words(tmp_path: Path) -> None:
    """It is corrected word by word: nothing else would tell it where one ends."""
    rule = Rule(name="pattern", pattern=r"[A-Z]{3}-\d{4}", hard=True)
    model = replace(TINY, text_model=ReadingSettings(rules=(rule,)), settings={"cut": {"words": True}})
    assert find_general(tmp_path, None, model, set())
    judged, learnt = drawn_texts(tmp_path)
    assert len(judged) == JUDGED
    for texts in (judged, learnt):
        counts = [len(text.split(" ")) for text in texts]
        assert set(counts) == {1, 2, 3}
        assert 0.4 < sum(count > 1 for count in counts) / len(texts) < 0.6
        words = [word for text in texts for word in text.split(" ")]
        assert 0.4 < sum(map(rule.holds, words)) / len(words) < 0.6
    word = next(text for text in judged if " " in text).split(" ")[1]
    (again := tmp_path / "again").mkdir()
    assert find_general(again, None, model, {word})
    others = drawn_texts(again)
    assert word not in " ".join(others[0] + others[1]).split(" "), "it is a correction's"
    assert len({*judged} & {*others[0]}) > JUDGED - 3, "the others are the same every time"
    mixed = _join_some(["שלום", "AB", "CD"] * 20, set(), random.Random(0))
    assert mixed.count("שלום") == 20, "a line of both directions would have to be read from both sides"
    assert any(" " in text for text in mixed)


def test_given_lines_must_tell_whether_a_reader_that_divides_lines_reads_spaces(tmp_path: Path) -> None:
    divides = replace(TINY, settings={"cut": {"words": True}})
    (tmp_path / "a.png").write_bytes(b"")
    for spaced, allowed in ((19, False), (20, True)):
        rows = "".join(f"a.png\tT{n}{' B' if n < spaced else ''}\n" for n in range(60))
        (tmp_path / "labels.txt").write_text(rows, encoding="utf-8")
        (folder := tmp_path / str(spaced)).mkdir()
        if allowed:
            assert find_general(folder, tmp_path / "labels.txt", divides, set())
            continue
        with pytest.raises(ConflictError, match="20 texts of several words, got 19 in"):
            find_general(folder, tmp_path / "labels.txt", divides, set())
        assert find_general(folder, tmp_path / "labels.txt", TINY, set())


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

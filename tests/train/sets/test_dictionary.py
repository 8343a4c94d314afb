"""One's own dictionary: found, named or left aside; what the labels lack can be written all the same."""

from pathlib import Path

import numpy as np
import pytest

from search.preflight.fingerprint import list_differences, take_fingerprint
from spaces.space import parse_space
from tests.real_lines import config, few_lines
from train.config_file import load_config
from train.errors import UsageError
from train.loop import assemble, charset_for
from train.models import MODELS
from train.reading.knowledge import TextKnowledge
from train.sets.dictionary import Dictionary, read_dictionary
from train.sets.read import Sets
from train.tasks import TASKS

LINES = TASKS.get("recognition")


def test_it_lies_with_the_data_or_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_dictionary(None, tmp_path, LINES, ["AB"]) is None
    (tmp_path / "dict.txt").write_text("Q\nA\n", "utf-8")
    found = read_dictionary(None, tmp_path, LINES, ["AB", "AC"])
    assert found is not None
    assert (found.characters, found.added) == (("Q", "A"), ("B", "C"))
    assert f"2 characters of {found.path}, and 2 that the labels add: 'B', 'C'" in capsys.readouterr().out
    assert read_dictionary("none", tmp_path, LINES, ["AB"]) is None
    assert read_dictionary(None, tmp_path, TASKS.get("detection"), []) is None
    with pytest.raises(UsageError, match="writes texts"):
        read_dictionary("dict.txt", tmp_path, TASKS.get("detection"), [])
    (tmp_path / "dict.txt").write_text("word\nlist\n", "utf-8")  # a lexicon under the same name
    assert read_dictionary(None, tmp_path, LINES, ["AB"]) is None
    assert "dict.txt:1" in capsys.readouterr().out


def test_charset_with_a_file_is_the_domains_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("charset: lists/dict.txt", "utf-8")
    settings = load_config(path)
    assert (settings.charset, settings.dictionary) == ("domain", "lists/dict.txt")
    space = parse_space("fixed: {charset: dict.txt}\nparameters: {}\n", "mine", "mine.yaml")
    assert space.fixed == {"charset": "domain", "dictionary": "dict.txt"}


def test_a_study_remembers_its_characters_and_their_order() -> None:
    space = parse_space("fixed: {dictionary: /somewhere/dict.txt}\nparameters: {}\n", "mine", "mine.yaml")

    def begun(characters: str) -> dict[str, str]:
        sets = Sets({}, {}, {}, dictionary=Dictionary(Path("d"), tuple(characters), ()))
        return take_fingerprint(space, sets, "orientation", TextKnowledge(()))

    assert "space.dictionary" not in begun("AB")
    assert list_differences(begun("AB"), begun("ABC")) == ["dictionary: came C, went none"]
    assert list_differences(begun("AB"), begun("BA")) == ["dictionary: the same characters in another order"]


def test_what_no_label_holds_is_written_with_the_published_row(data_dir: Path) -> None:
    """Its own order in front, what the labels add behind; `keep` has the model's whole dictionary, too."""
    data, model = few_lines(data_dir), MODELS.get("pp-ocrv6-tiny")
    dictionary, lacking = ("Q", "€", "1"), "Q"
    assert not any(lacking in text for text in data.train.texts)
    engine, _ = assemble(config(), data.train, dictionary=dictionary)
    assert engine.charset.characters[:3] == dictionary
    assert set(engine.charset.characters) == set("".join(data.train.texts)).union(dictionary)
    published, known = model.network("paddle", None).arrays(), model.charset(None).characters
    place = engine.charset.encode(lacking)[0]
    found = engine.weights()[f"{model.head}.weight"][:, place]
    assert np.array_equal(found, published[f"{model.head}.weight"][:, known.index(lacking) + 1])
    kept = charset_for(config(charset="keep"), data.train, dictionary=("\ue000",)).characters
    assert kept[: len(known) - 1] == known[:-1]
    assert "\ue000" in kept

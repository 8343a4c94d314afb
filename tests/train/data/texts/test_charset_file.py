"""Dictionaries as people have them: understood, or refused with the place and the reason."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.folders.notes import collected_notes
from train.data.texts.charset_file import read_characters, write_characters
from train.errors import DataError

INFERENCE = "PostProcess:\n  name: CTCLabelDecode\n  character_dict:\n  - A\n  - 1\n  - ~\n  - '#'\n"


@pytest.mark.parametrize(
    ("name", "content", "characters"),
    [
        ("dict.txt", b"A\n \n\xe2\x80\xa8", "A \u2028"),
        ("dict.txt", b"\xef\xbb\xbfA\r\nB\r\n\r\n\n", "AB"),
        ("dict.txt", "A\n中\n".encode("utf-16"), "A中"),
        ("dict.txt", "A\nu\u0308\n\u2126\n\u03a9\n".encode(), "A\u00fc\u2126\u03a9"),
        ("dict.txt", b"A\rB\r", "AB"),
        ("dict.txt", b"ABC 123", "ABC 123"),
        ("dict.txt", b"A B 1\n", "AB1"),
        ("inference.yml", INFERENCE.encode(), "A1~#"),
        ("mine.yaml", b"character_dict: ABC", "ABC"),
        ("mine.yaml", b"[A, B]", "AB"),
        ("mine.json", b'["A", "\\u4e2d", "\\ud83d\\ude00"]', "A\u4e2d\U0001f600"),
    ],
)
def test_a_dictionary_is_understood(name: str, content: bytes, characters: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert "".join(read_characters(path)) == characters


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("dict.txt", b"A\r\n \r\n\r\nB\r\n", r"one character a line, got \S+dict\.txt:3: ''"),
        ("dict.txt", b"A\nBC\nD\n", r"dict\.txt:2: 2 characters 'BC' \(U\+0042 U\+0043\)"),
        ("dict.txt", b"ABCA", r"dict\.txt:1: 'A' again"),
        ("dict.txt", b"A\n\xff\n", r"UTF-8, got \S+dict\.txt:2: byte 0xff"),
        ("dict.txt", b"\n", "must have characters"),
        ("inference.yml", b"PostProcess: {name: x}", r"PostProcess\.character_dict"),
        ("inference.yml", b"a: [", r"valid YAML, got \S+inference\.yml:\d"),
        ("missing.txt", None, "No such file"),
    ],
)
def test_what_is_no_dictionary_is_refused(
    name: str, content: bytes | None, fault: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=fault):
        read_characters(tmp_path / name)


def test_a_character_that_comes_again_counts_once_and_is_told(tmp_path: Path) -> None:
    """Published dictionaries have such."""
    (tmp_path / "dict.txt").write_text("A\nB\nA\n")
    with collected_notes() as notes:
        assert read_characters(tmp_path / "dict.txt") == ("A", "B")
    assert "count once: 1" in notes[0]
    assert notes[0].endswith("dict.txt:1")


@given(
    st.lists(
        st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"), min_size=1, unique=True
    )
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, characters: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "dict.txt"
    write_characters(characters, path)
    assert read_characters(path) == tuple(characters)


def test_a_line_end_is_no_character_of_it(tmp_path: Path) -> None:
    """Written, it made two empty lines, and every later character another class."""
    with pytest.raises(DataError, match=r"line end, got '\\n'; "):
        write_characters("A\nB", tmp_path / "dict.txt")
    assert not (tmp_path / "dict.txt").exists()

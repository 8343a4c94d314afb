"""Lists of texts without images: any line ends, and nothing but texts."""

from pathlib import Path

import pytest

from train.data.texts.text_list import MARK, read_texts
from train.errors import DataError


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_texts_without_images_may_have_any_line_ends(tmp_path: Path, end: str) -> None:
    file = tmp_path / "texts.txt"
    file.write_bytes(f"{MARK}A1{end}{end}{MARK}B2{end}".encode())
    assert read_texts(file) == ["A1", "B2"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.csv", "image,text\na.png,A1\nb.PNG,B2\n"),
        ("labels.txt", "a.png 12 KX\nb.png 3\n"),
        ("texts.json", '["A1",\n"B2"]\n'),
    ],
)
def test_labels_are_no_texts_without_images(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match="must hold texts alone"):
        read_texts(tmp_path / name)


def test_texts_may_look_like_something_else(tmp_path: Path) -> None:
    for name, texts in (("screens.txt", ["IMG_1.jpg 12 KB", "b.png, 1.5 MiB"]), ("texts.json", ["A1", "B2"])):
        (tmp_path / name).write_text("\n".join(texts))
        assert read_texts(tmp_path / name) == texts

"""Lines drawn from a list of texts and a folder of fonts."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from train.data import images
from train.data.charset import steps_needed
from train.data.checks.checking import check
from train.data.checks.rules import line_checks, ppocr_steps
from train.data.drawing import drawn_texts, typeset
from train.data.drawing.drawn_texts import draw_texts, fonts_for
from train.data.drawing.typeset import EM_PX, Face, draw_text
from train.data.formats.loading import load, load_file
from train.data.split import given_splits
from train.data.synthetic import main
from train.data.texts.forms import normal_form
from train.data.texts.reading_order import in_picture_order
from train.errors import DataError, UsageError
from train.system.cli import run

WORDS = ("TOTAL 12.50", "it's", "iiiiiiiiii", "llllll", "WWW", "-", "Abc def")


@pytest.fixture(scope="module")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the font that comes inside Pillow."""
    folder = tmp_path_factory.mktemp("fonts")
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    (folder / "deep").mkdir()
    (folder / "deep" / "aileron.TTF").write_bytes(font.font_bytes)
    return folder


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_bytes(("\ufeff" + "\r\n".join(WORDS) + "\n\n").encode())
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_lines_are_read_by_every_command(fonts: Path, words: Path, tmp_path: Path) -> None:
    labels = draw_texts(words, fonts, tmp_path / "out", count=20)
    assert load(tmp_path / "out")[0] == "paddleocr"
    found = load_file(labels)
    assert len(found) == 20
    assert {sample.text for sample in found} == set(WORDS)
    report = check(given_splits({"train": found}), line_checks(None, ppocr_steps))
    assert {f.rule for f in report.findings} <= {"upright"}


def test_every_text_comes_once_before_any_comes_again(fonts: Path, words: Path, tmp_path: Path) -> None:
    texts = [sample.text for sample in load_file(draw_texts(words, fonts, tmp_path / "out", count=14))]
    assert sorted(texts[:7]) == sorted(texts[7:]) == sorted(WORDS)
    assert texts[:7] != texts[7:]


def test_a_seed_decides_the_pixels_and_more_lines_keep_the_first(
    fonts: Path, words: Path, tmp_path: Path
) -> None:
    for name, count, seed in (("a", 4, 0), ("b", 9, 0), ("c", 4, 1)):
        draw_texts(words, fonts, tmp_path / name, count, seed)
    few, many, other = (contents(tmp_path / name) for name in "abc")
    name = "images/0000/0000003.jpg"
    assert few[name] == many[name] != other[name]
    assert many["rec_gt.txt"].startswith(few["rec_gt.txt"])
    draw_texts(words, fonts, tmp_path / "a", 9, 0)
    assert contents(tmp_path / "a") == many


def test_an_interrupted_run_goes_on(
    fonts: Path, words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def interrupted(text: str, *rest: object) -> images.Image:
        drawn.append(text)
        if len(drawn) == 4:
            raise KeyboardInterrupt
        return draw_text(text, *rest)  # type: ignore[arg-type]

    draw_texts(words, fonts, tmp_path / "whole")
    monkeypatch.setattr(drawn_texts, "draw_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        draw_texts(words, fonts, tmp_path / "out")
    left = contents(tmp_path / "out")
    assert sum(name.endswith(".jpg") for name in left) == 3
    assert not any(name.endswith(".txt") for name in left)
    draw_texts(words, fonts, tmp_path / "out")
    assert len(drawn) == 4 + len(WORDS) - 3
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_processes_draw_what_one_draws(
    fonts: Path, words: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_texts(words, fonts, tmp_path / "one", 12)
    monkeypatch.setattr(drawn_texts, "CHUNK", 5)
    draw_texts(words, fonts, tmp_path / "two", 12, processes=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_line_shows_its_text_and_has_room_for_it(fonts: Path) -> None:
    face = Face(fonts / "deep" / "aileron.TTF")
    for seed, text in enumerate(WORDS * 5):
        image = draw_text(text, face, np.random.default_rng(seed))
        height, width = image.shape[:2]
        assert 18 <= height <= 40
        assert ppocr_steps(images.line_width(height, width)) >= steps_needed([ord(c) for c in text])
    blank, written = (face.line(text, 0) for text in (" ", "H"))
    assert blank.max() == 0
    assert written.max() == 255
    assert len(written) == face.line("-", 0).shape[0]


def test_a_font_says_what_it_lacks(fonts: Path) -> None:
    face = Face(fonts / "deep" / "aileron.TTF")
    assert face.lacks("Az09 .-") == set()
    assert face.lacks("Aé漢\u0627\u0301\u200b\ue000") == {"é", "漢", "\u0627", "\u0301", "\u200b", "\ue000"}


@pytest.fixture(scope="module")
def dejavu() -> Path:
    """A font with Hebrew and Arabic, which OpenCV's wheel brings for its windows."""
    return Path(cv2.__file__).parent / "qt/fonts/DejaVuSans.ttf"


@pytest.mark.parametrize("text", ["שלום 100", "(אב) 12/05", "דגם ABC (2020)", "the שלום word"])
def test_a_drawn_line_shows_what_a_network_is_to_write(dejavu: Path, text: str) -> None:
    """Hebrew is not shaped: its letters are those of the picture's order, one after the other."""
    plain = ImageFont.truetype(str(dejavu), EM_PX, layout_engine=ImageFont.Layout.BASIC)
    drawn = Face(dejavu).line(text, 0)

    def distance(characters: str) -> float:
        left, top, right, bottom = map(int, plain.getbbox(characters, anchor="ls"))
        cell = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(cell).text((-left, -top), characters, fill=255, font=plain, anchor="ls")
        other = np.asarray(cell.resize(drawn.shape[::-1]), float)
        return float(np.abs(drawn - other).mean())

    assert distance(in_picture_order(text)) < 0.5 * distance(text)


def test_scripts_that_have_to_be_shaped_are_drawn(dejavu: Path, tmp_path: Path) -> None:
    texts = ["سلام 100", "می\u200cخواهم", "مُحَمَّد", "שָׁלוֹם", "q\u0303"]
    (tmp_path / "words.txt").write_text("\n".join(texts), encoding="utf-8")
    samples = load_file(draw_texts(tmp_path / "words.txt", dejavu.parent, tmp_path / "out"))
    assert sorted(sample.text for sample in samples) == sorted(normal_form(text) for text in texts)
    face = Face(dejavu)
    joined, apart = (face.line(text, 0).shape[1] for text in ("سلام", "س ل ا م".replace(" ", "\u200c")))
    assert joined < apart


def test_without_raqm_they_are_refused(dejavu: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (drawn_texts, typeset):
        monkeypatch.setattr(module, "can_shape", lambda: False)
    with pytest.raises(DataError, match="need a Pillow that is built with raqm"):
        fonts_for(["שלום"], [dejavu])


def test_a_text_goes_only_to_fonts_that_have_it(fonts: Path, tmp_path: Path) -> None:
    file = fonts / "deep" / "aileron.TTF"
    assert fonts_for(["AB"], [file]) == {"AB": [file]}
    with pytest.raises(DataError, match=r"1 texts without.*'A漢字' \('字漢'\)|'漢字'"):
        fonts_for(["AB", "A漢字"], [file])


@pytest.mark.parametrize(
    ("content", "match"),
    [("\n \n", "must not be empty"), ("a\tb", "must not hold a tab"), ("漢", "must have a font")],
)
def test_bad_texts_are_refused_before_anything_is_written(
    content: str, match: str, fonts: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=match):
        draw_texts(tmp_path / "words.txt", fonts, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_bad_fonts_are_refused(words: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must hold \.ttf"):
        draw_texts(words, tmp_path, tmp_path / "out")
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    with pytest.raises(DataError, match=r"broken\.ttf"):
        draw_texts(words, tmp_path, tmp_path / "out")


def test_another_folder_is_left_alone(fonts: Path, words: Path, tmp_path: Path) -> None:
    draw_texts(words, fonts, tmp_path / "out", 2)
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["seed"] == 0
    with pytest.raises(DataError, match='"seed": 0'):
        draw_texts(words, fonts, tmp_path / "out", 2, seed=1)
    with pytest.raises(DataError, match="no manifest"):
        draw_texts(words, fonts, tmp_path, 2)


def test_the_command_line(
    fonts: Path, words: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--texts", words, "--fonts", fonts, "--out", tmp_path / "out", "--count", 3]
    assert run(main, list(map(str, arguments))) == 0
    assert capsys.readouterr().out == f"{tmp_path}/out/rec_gt.txt\n"
    assert run(main, list(map(str, arguments[:4]))) == 2
    assert "give DIR alone or all three" in capsys.readouterr().err
    assert run(main, [str(tmp_path / "x"), *map(str, arguments)]) == 2
    with pytest.raises(UsageError, match="positive"):
        draw_texts(words, fonts, tmp_path / "none", count=0)

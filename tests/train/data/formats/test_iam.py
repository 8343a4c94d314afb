"""The IAM handwriting database as it is downloaded: rows, lists of splits, writers, and texts as they are written."""

from pathlib import Path

import pytest

from train.data.folders.notes import collected_notes
from train.data.formats.loading import detect, load
from train.data.sample import Sample
from train.errors import DataError, UsageError

WORD = "a01-000u-00-0{} {} 154 408 768 27 51 {}\n"


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def line(name: str, text: str, state: str = "ok") -> str:
    return f"{name} {state} 154 19 408 746 1661 89 {text}\n"


def iam(folder: Path, *lines: str) -> Path:
    """Write what IAM's archives hold, unpacked side by side; `lines` are names with texts."""
    for row in lines:
        name = row.split()[0]
        form = name.rpartition("-")[0]
        write(folder / "lines" / form.partition("-")[0] / form / f"{name}.png", "")
    return write(folder / "ascii" / "lines.txt", "#--- lines.txt ---#\n#\n" + "".join(lines))


def read(source: Path, **options: str) -> dict[str, list[tuple[str, str]]]:
    name, splits = load(source, options)
    assert name == "iam"
    return {split: [(s.path.stem, s.text) for s in samples] for split, samples in splits.items()}


def samples_of(source: Path) -> list[Sample]:
    return [sample for samples in load(source)[1].values() for sample in samples]


def test_lines_of_either_state_are_read_and_words_of_one(tmp_path: Path) -> None:
    rows = [line("a01-000u-00", "A|MOVE|to|M Ps"), line("a01-000u-01", "7|#", "err")]
    path = iam(tmp_path, *rows)
    assert (
        read(tmp_path) == read(path) == {"all": [("a01-000u-00", "A MOVE to M Ps"), ("a01-000u-01", "7 #")]}
    )
    assert [len(found) for found in read(path, err="skip").values()] == [1]
    with pytest.raises(UsageError, match="err"):
        read(path, err="no")
    words = write(
        tmp_path / "ascii" / "words.txt",
        WORD.format(0, "ok", "AT A") + WORD.format(1, "err", "NN x") + WORD.format(2, "ok", "3 CD 10"),
    )
    with collected_notes() as notes:
        assert read(words) == {"all": [("a01-000u-00-00", "A"), ("a01-000u-00-02", "10")]}
    assert any("left aside: 1" in note for note in notes)
    assert len(read(words, err="keep")["all"]) == 3
    assert load(tmp_path)[1]["all"][0].path == tmp_path / "lines/a01/a01-000u/a01-000u-00.png"
    write(path, rows[0] + "a01-000u-01 ok 154 A\n")
    with pytest.raises(DataError, match=r"lines\.txt:2"):
        load(path)


def test_the_file_whose_images_are_there_is_read(tmp_path: Path) -> None:
    """Both are in one archive, and images may lie in one folder, under another suffix."""
    write(tmp_path / "lines.txt", line("a01-000u-00", "x"))
    write(tmp_path / "words.txt", WORD.format(0, "ok", "AT A"))
    write(tmp_path / "words" / "a01-000u-00-00.JPG", "")
    [sample] = samples_of(tmp_path)
    assert (sample.path, sample.text) == (tmp_path / "words" / "a01-000u-00-00.JPG", "A")


def test_official_lists_deal_the_lines(tmp_path: Path) -> None:
    """What they leave out is of no split; a list may name forms, too."""
    task = tmp_path / "largeWriterIndependentTextLineRecognitionTask"
    iam(tmp_path, *(line(f"a0{i}-000u-00", str(i)) for i in range(1, 6)))
    write(task / "trainset.txt", "a01-000u-00 \r\n")
    write(task / "validationset1.txt", "a02-000u-00\n")
    write(task / "validationset2.txt", "a03-000u\n")
    write(task / "testset.txt", "lines/a04/a04-000u/a04-000u-00.png\n")
    write(task / "LargeWriterTask.txt", "Training: see trainset.txt\n")
    with collected_notes() as notes:
        found = read(tmp_path)
    texts = {split: [text for _, text in some] for split, some in found.items()}
    assert texts == {"train": ["1"], "val": ["2", "3"], "test": ["4"]}
    assert any("do not name are left aside: 1" in note for note in notes)
    write(task / "testset.txt", "a04-000u-00\na01-000u-00\n")
    with pytest.raises(DataError, match=r"trainset\.txt:1: a01-000u-00 in test"):
        load(tmp_path)
    (task / "trainset.txt").unlink()
    assert {split: len(some) for split, some in read(tmp_path).items()} == {"val": 2, "test": 2, "all": 1}


@pytest.mark.parametrize(("writers", "documents"), [(6, "writer"), (2, "a0")])
def test_documents_are_writers_where_they_are_many(tmp_path: Path, writers: int, documents: str) -> None:
    iam(tmp_path, *(line(f"a0{i}-000u-00", "x") for i in range(7)))
    rows = "".join(f"a0{i}-000u 00{i % writers} 2 prt 7 5 52 36\n" for i in range(7))
    write(tmp_path / "ascii" / "forms.txt", f"#--- forms.txt ---#\n{rows}")
    found = {sample.document for sample in samples_of(tmp_path)}
    assert len(found) == (writers if writers > 2 else 7)
    assert all(document.startswith(documents) for document in found)


def test_texts_are_those_of_xml_where_it_lies_beside(tmp_path: Path) -> None:
    """There no blank stands before punctuation, and quotation marks are escaped twice."""
    path = iam(tmp_path, line("a01-000u-00", 'He|said|"|no|"|.'), line("a01-000u-01", "x|y"))
    with collected_notes() as notes:
        assert read(path)["all"][0][1] == 'He said " no " .'
    assert any("folder xml" in note for note in notes)
    lines = (
        '<line id="a01-000u-00" text="He said &amp;quot;no&amp;quot;."/><line id="a01-000u-01" text="other"/>'
    )
    write(
        tmp_path / "xml" / "a01-000u.xml",
        f'<form id="a01-000u"><handwritten-part>{lines}</handwritten-part></form>',
    )
    with collected_notes() as notes:
        assert [text for _, text in read(path)["all"]] == ['He said "no".', "x y"]
    assert any("keep their own: 1" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "content", "read_as"),
    [
        ("labels.csv", "filename,words\na.png,x\n", "table"),
        ("a.gt.txt", "x\n", "text_files"),
        ("rec_gt_train.txt", "a.png\tx\n", "paddleocr"),
        ("a.xml", "<PcGts/>", "page_xml"),
    ],
)
def test_it_gives_way_to_what_could_be_read_before_it_was_known(
    tmp_path: Path, name: str, content: str, read_as: str
) -> None:
    write(tmp_path / "lines.txt", line("a01-000u-00", "x"))
    write(tmp_path / "a.png", "")
    write(tmp_path / name, content)
    assert detect(tmp_path, tasks=("recognition", "detection"))[0] == read_as

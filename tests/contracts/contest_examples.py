"""Small folders of the formats of contests and forms, whose labels lie in a file for each photo, or in one for all."""

import json
from pathlib import Path

QUAD = (1, 2, 30, 2, 30, 9, 1, 9)
POINTS = [[1, 2], [30, 2], [30, 9], [1, 9]]


def write_page_json(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, text in labels:
        form = [{"text": text, "box": [0, 0, 0, 0], "words": [{"text": text, "box": [1, 2, 30, 9]}]}]
        (folder / name).with_suffix(".json").write_text(json.dumps({"form": form}))


def write_set_json(folder: Path, labels: list[tuple[str, str]]) -> None:
    photos = {Path(name).stem: [{"transcription": text, "points": POINTS}] for name, text in labels}
    (folder / "full_labels.json").write_text(json.dumps(photos))


def write_text_folders(folder: Path, labels: list[tuple[str, str]]) -> None:
    (folder / "images").mkdir()
    (folder / "labels").mkdir()
    for name, text in labels:
        (folder / name).rename(folder / "images" / name)
        (folder / "labels" / name).with_suffix(".txt").write_text(f"{text}\n", "utf-8")


def write_ctw1500(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, text in labels:
        box = f"<box><label>{text}</label><segs>{','.join(map(str, QUAD))}</segs></box>"
        content = f'<Annotations><image file="{name}">{box}</image></Annotations>'
        (folder / name).with_suffix(".xml").write_text(content, "utf-8")


def write_sroie(folder: Path, labels: list[tuple[str, str]]) -> None:
    (folder / "img").mkdir()
    (folder / "box").mkdir()
    for name, text in labels:
        (folder / name).rename(folder / "img" / name)
        line = f"{','.join(map(str, QUAD))},{text}\r\n"
        (folder / "box" / name).with_suffix(".txt").write_text(line, "utf-8")


def write_box_table(folder: Path, labels: list[tuple[str, str]]) -> None:
    rows = "".join(f"{name},40,12,{text},1,2,30,9\n" for name, text in labels)
    (folder / "boxes.csv").write_text("filename,width,height,text,xmin,ymin,xmax,ymax\n" + rows, "utf-8")


def write_dota(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, _ in labels:
        line = f"imagesource:a\ngsd:1\n{' '.join(map(str, QUAD))} text 0\n"
        (folder / name).with_suffix(".txt").write_text(line)


def write_total_text(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, text in labels:
        x, y = ("[[" + " ".join(map(str, QUAD[axis::2])) + "]]" for axis in (0, 1))
        line = f"x: {x}, y: {y}, ornt: [u'h'], transcriptions: [u'{text}']\n"
        (folder / f"poly_gt_{Path(name).stem}.txt").write_text(line, "utf-8")


def write_svt(folder: Path, labels: list[tuple[str, str]]) -> None:
    photos = "".join(
        f'<image><imageName>{name}</imageName><Resolution x="40" y="12"/><taggedRectangles><taggedRectangle height="7" '
        f'width="29" x="1" y="2"><tag>{text}</tag></taggedRectangle></taggedRectangles></image>'
        for name, text in labels
    )
    (folder / "words.xml").write_text(f"<tagset>{photos}</tagset>", "utf-8")

"""Small folders of every data format, for its contract and for whoever breaks or converts them."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import cv2
import lmdb
import numpy as np

from tests.contracts.contest_examples import (
    POINTS,
    QUAD,
    write_box_table,
    write_ctw1500,
    write_dota,
    write_page_json,
    write_set_json,
    write_sroie,
    write_svt,
    write_text_folders,
    write_total_text,
)
from train.data.formats import FORMATS
from train.data.photos.regions import as_region, label_of

TEXTS = ("A1", "é ß", "日本")
Writer = Callable[[Path, list[tuple[str, str]]], None]


def write_image(path: Path, seed: int, size: tuple[int, int] = (12, 40)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def write_paddleocr(folder: Path, labels: list[tuple[str, str]]) -> None:
    (folder / "rec_gt.txt").write_text("".join(f"{name}\t{text}\n" for name, text in labels), "utf-8")


def write_samples_csv(folder: Path, labels: list[tuple[str, str]]) -> None:
    rows = "".join(f'{name},"{text}",{i}\n' for i, (name, text) in enumerate(labels))
    (folder / "samples.csv").write_text("path,character,id\n" + rows, "utf-8")
    (folder / "id2char.json").write_text(json.dumps({i: text for i, (_, text) in enumerate(labels)}))


def write_image_json(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, text in labels:
        (folder / name).with_suffix(".json").write_text(json.dumps({"corrected_text": text}))


def write_filename(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, text in labels:
        (folder / name).rename(folder / f"{text}_{name}")


def region_label(text: str) -> str:
    return label_of([as_region(QUAD, text)])


def corners(text: str) -> str:
    return ",".join([*map(str, QUAD), text])


def write_paddleocr_detection(folder: Path, labels: list[tuple[str, str]]) -> None:
    lines = (f"{name}\t{region_label(text)}\n" for name, text in labels)
    (folder / "det_gt.txt").write_text("".join(lines), "utf-8")


def write_ppocrlabel(folder: Path, labels: list[tuple[str, str]]) -> None:
    lines = (f"{folder.name}/{name}\t{region_label(text)}\n" for name, text in labels)
    (folder / "Label.txt").write_text("".join(lines), "utf-8")
    (folder / "fileState.txt").write_text("".join(f"C:\\scans\\{name}\t1\n" for name, _ in labels))


def write_corners_list(folder: Path, labels: list[tuple[str, str]]) -> None:
    lines = (f"{name}\t{corners(text)}\n" for name, text in labels)
    (folder / "det_gt.txt").write_text("".join(lines), "utf-8")


def write_icdar(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, text in labels:
        (folder / f"gt_{Path(name).stem}.txt").write_text(corners(text) + "\r\n", "utf-8-sig")


def angle(text: str) -> str:
    return "180" if text.isascii() else "0"


def write_orientation(folder: Path, labels: list[tuple[str, str]]) -> None:
    (folder / "ori_gt.txt").write_text("".join(f"{name}\t{angle(text)}\n" for name, text in labels), "utf-8")


def write_table(folder: Path, labels: list[tuple[str, str]]) -> None:
    rows = "".join(f"{name},{text}\n" for name, text in labels)
    (folder / "labels.csv").write_text("filename,words\n" + rows, "utf-8")


def write_labels_json(folder: Path, labels: list[tuple[str, str]]) -> None:
    (folder / "labels.json").write_text(json.dumps(dict(labels)))


def write_mmocr(folder: Path, labels: list[tuple[str, str]]) -> None:
    lines = [{"img_path": name, "instances": [{"text": text}]} for name, text in labels]
    (folder / "labels.json").write_text(json.dumps({"metainfo": {}, "data_list": lines}))


def write_kaldi(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, _ in labels:
        (folder / name).rename(folder / f"u{name}")  # a number alone is no name
    (folder / "text").write_text("".join(f"u{Path(name).stem} {text}\n" for name, text in labels), "utf-8")


def write_text_files(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, text in labels:
        (folder / name).with_suffix(".gt.txt").write_text(f"{text}\n", "utf-8")


def write_lmdb(folder: Path, labels: list[tuple[str, str]]) -> None:
    with lmdb.open(str(folder)) as database, database.begin(write=True) as held:
        for number, (name, text) in enumerate(labels, 1):
            held.put(f"image-{number:09d}".encode(), (folder / name).read_bytes())
            held.put(f"label-{number:09d}".encode(), text.encode())
        held.put(b"num-samples", str(len(labels)).encode())


def write_iam(folder: Path, labels: list[tuple[str, str]]) -> None:
    rows = []
    for number, (name, text) in enumerate(labels):
        line = f"a01-000u-{number:02d}"
        image = folder / "lines" / "a01" / "a01-000u" / f"{line}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        (folder / name).rename(image)
        rows.append(f"{line} ok 154 19 408 746 1661 89 {text.replace(' ', '|')}\n")
    (folder / "lines.txt").write_text(f"#--- lines.txt ---#\n{''.join(rows)}", "utf-8")


def write_shard(path: Path, files: list[tuple[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def write_webdataset(folder: Path, labels: list[tuple[str, str]]) -> None:
    for number, (name, text) in enumerate(labels):
        files = [(name, (folder / name).read_bytes()), (f"{Path(name).stem}.txt", text.encode())]
        write_shard(folder / f"{number:06d}.tar", files)
        (folder / name).unlink()


def write_labelme(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, text in labels:
        shape = {"label": text, "points": [[30, 9], [1, 2]], "shape_type": "rectangle"}
        content = json.dumps({"shapes": [shape], "imagePath": f"..\\{folder.name}\\{name}"})
        (folder / name).with_suffix(".json").write_text(content)


def write_label_studio(folder: Path, labels: list[tuple[str, str]]) -> None:
    tasks = []
    for name, text in labels:
        shares = [[100 * x / 40, 100 * y / 12] for x, y in POINTS]
        size = {"id": "r", "original_width": 40, "original_height": 12}
        results = [
            {**size, "type": "polygon", "value": {"points": shares}},
            {**size, "type": "textarea", "value": {"points": shares, "text": [text]}},
        ]
        image = {"ocr": f"/data/upload/1/0a1b2c3d-{name.replace(' ', '_')}"}
        tasks.append({"data": image, "annotations": [{"result": results}]})
    (folder / "project-1.json").write_text(json.dumps(tasks, indent=1))


def write_coco(folder: Path, labels: list[tuple[str, str]]) -> None:
    images = [{"id": i, "file_name": name} for i, (name, _) in enumerate(labels)]
    boxes = [{"image_id": i, "bbox": [1, 2, 29, 7], "text": text} for i, (_, text) in enumerate(labels)]
    (folder / "instances.json").write_text(json.dumps({"images": images, "annotations": boxes}))


def write_chat(folder: Path, labels: list[tuple[str, str]]) -> None:
    rows = [
        {
            "images": [name],
            "messages": [{"role": "user", "content": "OCR"}, {"role": "assistant", "content": text}],
        }
        for name, text in labels
    ]
    (folder / "data.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def write_voc(folder: Path, labels: list[tuple[str, str]]) -> None:
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>9</ymax></bndbox>"
    for name, text in labels:
        thing = f"<object><name>{text}</name>{box}</object>"
        content = f"<annotation><filename>{name}</filename>{thing}</annotation>"
        (folder / name).with_suffix(".xml").write_text(content, "utf-8")


def write_cvat(folder: Path, labels: list[tuple[str, str]]) -> None:
    sides = 'xtl="1" ytl="2" xbr="30" ybr="9"'
    photos = (
        f'<image name="{name}"><box label="code" {sides}><attribute name="text">{text}</attribute></box></image>'
        for name, text in labels
    )
    (folder / "annotations.xml").write_text(f"<annotations>{''.join(photos)}</annotations>", "utf-8")


def write_page_xml(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, text in labels:
        line = f'<Coords points="1,2 30,2 30,9 1,9"/><TextEquiv><Unicode>{text}</Unicode></TextEquiv>'
        page = f'<Page imageFilename="{name}"><TextRegion><TextLine>{line}</TextLine></TextRegion></Page>'
        content = (
            f'<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15">{page}</PcGts>'
        )
        (folder / name).with_suffix(".xml").write_text(content, "utf-8")


def write_via(folder: Path, labels: list[tuple[str, str]]) -> None:
    shape = {"name": "rect", "x": 1, "y": 2, "width": 29, "height": 7}
    content = {}
    for name, text in labels:
        region = {"shape_attributes": shape, "region_attributes": {"text": text}}
        content[f"{name}123"] = {"filename": name, "regions": [region]}
    (folder / "via_region_data.json").write_text(json.dumps(content))


def write_doctr_detection(folder: Path, labels: list[tuple[str, str]]) -> None:
    content = {name: {"polygons": {"words": [POINTS]}} for name, _ in labels}
    (folder / "labels.json").write_text(json.dumps(content))


def write_yolo(folder: Path, labels: list[tuple[str, str]]) -> None:
    for name, _ in labels:
        line = f"0 {15.5 / 40:.6f} {5.5 / 12:.6f} {29 / 40:.6f} {7 / 12:.6f}\n"
        (folder / name).with_suffix(".txt").write_text(line)


EXAMPLES: dict[str, tuple[Writer, dict[str, str]]] = {
    "paddleocr": (write_paddleocr, {}),
    "samples_csv": (write_samples_csv, {}),
    "image_json": (write_image_json, {}),
    "filename": (write_filename, {"pattern": r"(?P<text>[^_]+)_.*"}),
    "paddleocr_detection": (write_paddleocr_detection, {}),
    "ppocrlabel": (write_ppocrlabel, {}),
    "corners_list": (write_corners_list, {}),
    "icdar": (write_icdar, {}),
    "orientation": (write_orientation, {}),
    "table": (write_table, {}),
    "labels_json": (write_labels_json, {}),
    "mmocr": (write_mmocr, {}),
    "kaldi": (write_kaldi, {}),
    "text_files": (write_text_files, {}),
    "text_folders": (write_text_folders, {}),
    "lmdb": (write_lmdb, {}),
    "iam": (write_iam, {}),
    "webdataset": (write_webdataset, {}),
    "chat": (write_chat, {}),
    "page_json": (write_page_json, {}),
    "set_json": (write_set_json, {}),
    "sroie": (write_sroie, {}),
    "ctw1500": (write_ctw1500, {}),
    "box_table": (write_box_table, {}),
    "dota": (write_dota, {}),
    "total_text": (write_total_text, {}),
    "svt": (write_svt, {}),
    "labelme": (write_labelme, {}),
    "label_studio": (write_label_studio, {}),
    "coco": (write_coco, {}),
    "voc": (write_voc, {}),
    "cvat": (write_cvat, {}),
    "via": (write_via, {}),
    "page_xml": (write_page_xml, {}),
    "yolo": (write_yolo, {}),
    "doctr_detection": (write_doctr_detection, {}),
}
WITHOUT_TEXT = {"yolo", "doctr_detection", "dota"}
LABELS: dict[str, Callable[[str], str]] = {
    "recognition": str,
    "detection": region_label,
    "orientation": angle,
}
"""What a sample of each task holds whose example was written with a text."""


def task_of(name: str) -> str:
    return FORMATS.get(name).task

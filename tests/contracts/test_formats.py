"""What every registered data format must do; a new one needs an entry in EXAMPLES."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from train.data.formats import FORMATS, load, names_of
from train.data.photos.regions import as_region, label_of
from train.errors import DataError, UsageError

TEXTS = ("A1", "é ß", "日本")
Writer = Callable[[Path, list[tuple[str, str]]], None]


def write_image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 40, 3), np.uint8)
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


QUAD = (1, 2, 30, 2, 30, 9, 1, 9)


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


POINTS = [[1, 2], [30, 2], [30, 9], [1, 9]]


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
    "lmdb": (write_lmdb, {}),
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
WITHOUT_TEXT = {"yolo", "doctr_detection"}
LABELS: dict[str, Callable[[str], str]] = {
    "recognition": str,
    "detection": region_label,
    "orientation": angle,
}
"""What a sample of each task holds whose example was written with a text."""


def task_of(name: str) -> str:
    return FORMATS.get(name).task


@pytest.fixture(params=FORMATS.names())
def example(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, dict[str, str]]:
    assert request.param in EXAMPLES, "a new format needs a writer in EXAMPLES"
    write, options = EXAMPLES[request.param]
    labels = [(f"{i}.png", text) for i, text in enumerate(TEXTS)]
    for i, (name, _) in enumerate(labels):
        write_image(tmp_path / name, i)
    write(tmp_path, labels)
    return request.param, tmp_path, options


def test_detection_finds_exactly_this_format(example: tuple[str, Path, dict[str, str]]) -> None:
    name, folder, options = example
    found, splits = load(folder, options, tasks=(task_of(name),))
    assert (found, list(splits)) == (name, ["all"])


def test_what_was_found_can_be_named_itself(example: tuple[str, Path, dict[str, str]]) -> None:
    name, folder, _ = example
    [path] = FORMATS.get(name).find(folder).values()
    assert FORMATS.get(name).find(path) == {"all": path}


def test_texts_come_as_labelled_with_absolute_paths_and_sources(
    example: tuple[str, Path, dict[str, str]],
) -> None:
    name, folder, options = example
    samples = load(folder, options, name, (task_of(name),))[1]["all"]
    texts = [""] * len(TEXTS) if name in WITHOUT_TEXT else TEXTS
    assert sorted(s.text for s in samples) == sorted(map(LABELS[task_of(name)], texts))
    assert all(s.path.is_absolute() and s.path.is_file() for s in samples)
    assert all(s.source.rpartition(":")[2].isdigit() for s in samples)
    assert len({s.source for s in samples}) == len(samples)  # by it a sample is known


def test_reading_twice_gives_the_same(example: tuple[str, Path, dict[str, str]]) -> None:
    name, folder, options = example
    tasks = (task_of(name),)
    assert load(folder, options, name, tasks) == load(folder, options, name, tasks)


def test_options_have_defaults(example: tuple[str, Path, dict[str, str]]) -> None:
    name, folder, _ = example
    tasks = (task_of(name),)
    assert load(folder, {}, name, tasks) == load(folder, dict(FORMATS.get(name).options), name, tasks)


@pytest.mark.parametrize("name", FORMATS.names())
def test_nothing_is_found_in_an_empty_folder(name: str, tmp_path: Path) -> None:
    assert FORMATS.get(name).find(tmp_path) == {}
    with pytest.raises(DataError, match=name):
        load(tmp_path, name=name, tasks=[FORMATS.get(name).task])


@pytest.mark.parametrize("name", FORMATS.names())
def test_explicit_options_exist(name: str) -> None:
    assert FORMATS.get(name).explicit <= FORMATS.get(name).options.keys()


@pytest.mark.parametrize("name", FORMATS.names())
def test_another_tasks_format_is_refused(name: str, tmp_path: Path) -> None:
    assert name in names_of(task_of(name))
    with pytest.raises(UsageError, match=name):
        load(tmp_path, name=name, tasks=("another",))

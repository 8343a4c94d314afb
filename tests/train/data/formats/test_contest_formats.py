"""Labels of contests, forms and services: a JSON or a text for each photo in folders apart, or one for all of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.format_examples import write_image
from train.data.formats.loading import NO_OPTIONS, load
from train.data.photos.regions import Region, regions_of
from train.data.sample import Sample
from train.errors import DataError

BOX = ((1.0, 2.0), (30.0, 2.0), (30.0, 9.0), (1.0, 9.0))
NUMBERS = [1, 2, 30, 2, 30, 9, 1, 9]
LINE = ",".join(map(str, NUMBERS))
CURVED = [1, 2, 10, 1, 30, 2, 30, 9, 10, 8, 1, 9]
QUAD = {f"{axis}{corner + 1}": NUMBERS[2 * corner + (axis == "y")] for corner in range(4) for axis in "xy"}
CORNERS = [{"x": x, "y": y} for x, y in BOX]
SHARES = [{"X": x / 40, "Y": y / 12} for x, y in BOX]
LINES = [{"text": "Hi", "boundingBox": NUMBERS}]
OF_ONE: dict[str, tuple[str, dict[str, Any]]] = {
    "FUNSD": ("a.json", {"form": [{"text": "Hi", "box": [1, 2, 30, 9], "words": []}]}),
    "CORD": ("a.json", {"valid_line": [{"words": [{"quad": QUAD, "text": "Hi"}]}], "dontcare": [[QUAD]]}),
    "ReCTS": ("a.json", {"chars": [], "lines": [{"transcription": "Hi", "points": NUMBERS, "ignore": 0}]}),
    "Azure 3": ("a.png.ocr.json", {"analyzeResult": {"readResults": [{"unit": "pixel", "lines": LINES}]}}),
    "Azure 4": (
        "a.json",
        {"analyzeResult": {"pages": [{"unit": "pixel", "lines": [{"content": "Hi", "polygon": CORNERS}]}]}},
    ),
    "Textract": (
        "a.json",
        {
            "DocumentMetadata": {"Pages": 1},
            "Blocks": [{"BlockType": "LINE", "Text": "Hi", "Geometry": {"Polygon": SHARES}}],
        },
    ),
    "PaddleX": ("b_res.json", {"input_path": "C:\\x\\a.png", "rec_texts": ["Hi"], "rec_polys": [BOX]}),
    "Google": (
        "a.json",
        {
            "responses": [
                {"textAnnotations": [{}, {"description": "Hi", "boundingPoly": {"vertices": CORNERS}}]}
            ]
        },
    ),
    "Supervisely": (
        "a.png.json",
        {
            "size": {"height": 12, "width": 40},
            "objects": [
                {
                    "geometryType": "rectangle",
                    "points": {"exterior": [[30, 9], [1, 2]]},
                    "tags": [{"name": "Transcription", "value": "Hi"}],
                }
            ],
        },
    ),
}
INSTANCES = [{"polygon": NUMBERS, "text": "Hi", "ignore": False}, {"bbox": [1, 2, 30, 9], "ignore": True}]
ATTRIBUTES = {"text": "Hi", "occluded": False}
THINGS = [{"type": "polygon", "points": NUMBERS, "attributes": ATTRIBUTES}, {"type": "label", "label_id": 0}]
OF_ALL: dict[str, Any] = {
    "ArT": {"a": [{"transcription": "Hi", "points": [*map(list, BOX)], "illegibility": False}]},
    "XFUND": {"documents": [{"img": {"fname": "a.png"}, "document": [{"box": [1, 2, 30, 9], "text": "Hi"}]}]},
    "MMOCR": {"metainfo": {}, "data_list": [{"img_path": "a.png", "instances": INSTANCES}]},
    "HierText": {
        "info": {},
        "annotations": [
            {
                "image_id": "a",
                "paragraphs": [
                    {
                        "vertices": BOX,
                        "legible": True,
                        "lines": [{"vertices": BOX, "text": "Hi", "legible": True}],
                    },
                    {"vertices": BOX, "legible": False, "lines": []},
                ],
            }
        ],
    },
    "Datumaro": {"categories": {}, "items": [{"id": "a", "annotations": THINGS, "image": {"path": "a.png"}}]},
}


def read(folder: Path, options: Mapping[str, str] = NO_OPTIONS) -> tuple[str, dict[str, list[Sample]]]:
    return load(folder, options, tasks=("detection",))


def put(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")


def seen(sample: Sample) -> list[Region]:
    return [region for region in regions_of(sample.text) if not region.ignored]


@pytest.mark.parametrize("kind", OF_ONE)
def test_a_json_for_each_photo(tmp_path: Path, kind: str) -> None:
    name, content = OF_ONE[kind]
    write_image(tmp_path / "images" / "a.png", 0)
    put(tmp_path / "labels" / name, content)
    found, splits = read(tmp_path)
    [sample] = splits["all"]
    assert (found, seen(sample)) == ("page_json", [Region(BOX, "Hi")])
    assert sample.path == tmp_path / "images" / "a.png"


@pytest.mark.parametrize("kind", OF_ALL)
def test_one_json_for_all_photos(tmp_path: Path, kind: str) -> None:
    """Of a single instance with a place, MMOCR's photo is no line, though lines have one instance each, too."""
    write_image(tmp_path / "train_images_1" / "a.png", 0)
    put(tmp_path / "train_labels.json", OF_ALL[kind])
    found, splits = read(tmp_path)
    assert (found, seen(splits["train"][0])) == ("set_json", [Region(BOX, "Hi")])
    assert load(tmp_path)[0] == "set_json"


def test_hiertext_as_downloaded(tmp_path: Path) -> None:
    """One JSON object under the name of many; what cannot be read is ignored."""
    write_image(tmp_path / "train" / "a.png", 0)
    put(tmp_path / "gt" / "train.jsonl", OF_ALL["HierText"])
    [sample] = read(tmp_path)[1]["train"]
    assert sample.path == tmp_path / "train" / "a.png"
    assert [region.ignored for region in regions_of(sample.text)] == [False, True]
    assert load(tmp_path / "gt" / "train.jsonl")[0] == "set_json"


def test_createml_tells_places_alone_by_their_middle(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 0)
    held = {"label": "text", "coordinates": {"x": 15.5, "y": 5.5, "width": 29, "height": 7}}
    put(tmp_path / "_annotations.createml.json", [{"image": "a.png", "annotations": [held]}])
    assert seen(read(tmp_path)[1]["all"][0]) == [Region(BOX, "")]


@pytest.mark.parametrize(
    ("labels", "images", "content", "points"),
    [
        ("train/box/a.txt", "train/img/a.png", f"{LINE},Hi", BOX),  # SROIE
        ("box/a.csv", "img/a.png", f"{LINE},Hi", BOX),
        ("train_gt/a.txt", "ImagesPart1/a.png", f"{LINE},Hi", BOX),  # MLT
        (
            "train_labels/a.txt",
            "train_images/a.png",
            f"{','.join(map(str, CURVED))},####Hi",  # CTW1500
            tuple(zip(map(float, CURVED[::2]), map(float, CURVED[1::2]), strict=True)),
        ),
        (
            "ctw1500_train_labels/a.xml",
            "train_images/a.png",
            f'<Annotations><image file="a.png"><box><label>Hi</label><segs>{LINE}</segs></box></image></Annotations>',
            BOX,
        ),
        (
            "Polygon/Train/poly_gt_a.txt",
            "Images/Train/a.png",
            "x: [[1 30\n 30 1]], y: [[2 2 9 9]], ornt: [u'h'], transcriptions: [u'Hi']",
            BOX,
        ),
    ],
)
def test_a_text_for_each_photo_in_folders_apart(
    tmp_path: Path, labels: str, images: str, content: str, points: Any
) -> None:
    write_image(tmp_path / images, 0)
    put(tmp_path / labels, content)
    if "/box/" in labels:  # what SROIE asks for in its third task
        put(tmp_path / labels.replace("box", "entities"), '{\n"company": "Hi"}')
    [samples] = read(tmp_path)[1].values()
    assert [(sample.path, seen(sample)) for sample in samples] == [
        (tmp_path / images, [Region(points, "Hi")])
    ]


@pytest.mark.parametrize(("last", "text", "delimiter"), [("text", "Hi", ","), ("class", "", ";")])
def test_a_table_with_a_row_a_region(tmp_path: Path, last: str, text: str, delimiter: str) -> None:
    """Two rows of one photo are one sample; a class is no text."""
    write_image(tmp_path / "train" / "a.png", 0)
    head = f"filename,width,height,{last},xmin,ymin,xmax,ymax"
    row = "a.png,40,12,Hi,1,2,30,9"
    put(tmp_path / "train" / "_annotations.csv", f"{head}\n{row}\n{row}\n".replace(",", delimiter))
    found, splits = read(tmp_path)
    [sample] = splits["train"]
    assert (found, seen(sample), sample.size) == ("box_table", [Region(BOX, text)] * 2, (12, 40))


@pytest.mark.parametrize(
    ("box", "are_photos"), [("1,2,30,9", True), ("0,0,40,12", False), ("100,200,130,209", False)]
)
def test_a_table_of_photos_is_none_of_lines(tmp_path: Path, box: str, are_photos: bool) -> None:
    """A box that fills its image, or is that of the page from which it was cut, is no place in a photo."""
    write_image(tmp_path / "a.png", 0)
    put(tmp_path / "train.csv", f"filename,text,x1,y1,x2,y2\na.png,Hi,{box}\n")
    assert load(tmp_path, {"text": "text"})[1]["train"][0].text == "Hi"
    if not are_photos:
        assert load(tmp_path)[0] == "table"
        return
    with pytest.raises(DataError, match="--format box_table --option text=text"):
        load(tmp_path)
    assert load(tmp_path, name="box_table")[1]["train"][0].text == "Hi"


def test_dota_has_places_that_may_be_difficult(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.png", 0)
    quad = " ".join(f"{number}.0" for number in NUMBERS)
    put(tmp_path / "labelTxt" / "a.txt", f"imagesource:x\ngsd:0.1\n{quad} text 0\n{quad} small-text 1\n")
    [sample] = read(tmp_path)[1]["all"]
    assert [(region.text, region.ignored) for region in regions_of(sample.text)] == [("", False), ("", True)]


def test_photos_of_another_split_are_not_taken(tmp_path: Path) -> None:
    """ArT's training and test photos bear the same names."""
    for split in ("train", "test"):
        write_image(tmp_path / f"{split}_images" / "a.png", 0)
        put(tmp_path / f"{split}_labels.json", OF_ALL["ArT"])
    for split, [sample] in read(tmp_path)[1].items():
        assert sample.path.parent.name == f"{split}_images"


def test_a_preview_among_labels_is_no_image_of_them(tmp_path: Path) -> None:
    write_image(tmp_path / "train_gt" / "preview.png", 0)
    write_image(tmp_path / "train_images" / "a.png", 1)
    put(tmp_path / "train_gt" / "gt_a.txt", f"{LINE},Hi")
    [sample] = read(tmp_path)[1]["train"]
    assert sample.path == tmp_path / "train_images" / "a.png"


def test_notes_that_cannot_be_read_hide_nothing(tmp_path: Path) -> None:
    write_image(tmp_path / "img" / "a.png", 0)
    put(tmp_path / "box" / "a.txt", f"{LINE},Hi")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read me.txt").write_text("1,2", "utf-16")
    assert read(tmp_path)[0] == "sroie"
    (tmp_path / "box" / "a.txt").write_text(f"{LINE},Hi", "utf-16")
    with pytest.raises(DataError, match=r"save a\.txt as UTF-8"):
        read(tmp_path / "box")


def test_images_beside_a_folder_that_has_its_own_are_of_another_set(tmp_path: Path) -> None:
    for name in ("set/a.png", "other/a.png", "other/b.png"):
        write_image(tmp_path / name, 0)
    for name in ("a", "b"):
        put(tmp_path / "set" / f"{name}.json", {"form": []})
    found = [sample.path for sample in read(tmp_path / "set")[1]["all"]]
    assert found == [tmp_path / "set" / "a.png", tmp_path / "set" / "b.*"]
    (tmp_path / "set" / "a.png").unlink()
    (tmp_path / "other").rename(tmp_path.parent / "away")
    with pytest.raises(DataError, match=r"a\.json with none; .*--root DIR"):
        read(tmp_path / "set")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", {"form": [{"text": "Hi", "box": [1, 2]}]}, "FUNSD must be as that writes it.*a.json:1"),
        (
            "a.json",
            {
                "rec_texts": [],
                "rec_polys": [],
                "doc_preprocessor_res": {"model_settings": {"use_doc_unwarping": True}},
            },
            "use_doc_unwarping set to False",
        ),
        (
            "a.json",
            {"rec_texts": [], "rec_polys": [], "doc_preprocessor_res": {"angle": 90}},
            "turned or flattened",
        ),
        (
            "a.json",
            {"categories": {}, "items": [{"id": "a", "annotations": [{"type": "rotated_bbox"}]}]},
            "photo 1: a rotated_bbox",
        ),
        ("a.json", {"form": [{"text": 7, "box": [1, 2, 30, 9]}]}, "a text must be a string, got 7"),
        ("a.json", {"analyzeResult": {"pages": [{"unit": "inch", "lines": []}]}}, "places in inch"),
        ("train.json", {"a": [{"transcription": "Hi", "points": 3}]}, "train.json:1: a"),
        ("train.json", {"data_list": [{"img_path": "a.png", "instances": [{"bbox": [1, 2]}]}]}, "photo 1"),
        ("a.xml", "<Annotations><image><box><segs>1,x</segs></box></image></Annotations>", "box 1"),
        ("poly_gt_a.txt", "x: [[1 2]], y: [[3]], ornt: [u'h'], transcriptions: [u'Hi']", "poly_gt_a.txt:1"),
        ("poly_gt_a.txt", "x: [[1 2]], y: [[3 4]], ornt: [u'h']", "poly_gt_a.txt:1"),
        (
            "poly_gt_a.txt",
            "x: [[1 2-1]], y: [[3 4]], ornt: [u'h'], transcriptions: [u'Hi']",
            "poly_gt_a.txt:1",
        ),
    ],
)
def test_what_is_not_as_its_tool_writes_it_is_refused(
    tmp_path: Path, name: str, content: Any, message: str
) -> None:
    write_image(tmp_path / "a.png", 0)
    put(tmp_path / name, content)
    with pytest.raises(DataError, match=message):
        read(tmp_path)

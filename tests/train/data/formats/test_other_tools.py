"""Labels of photos as other tools leave them: their odd forms, and what is refused by its place."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.contracts.format_examples import write_image
from train.data.checks.rules import header_findings
from train.data.dataset import decode_usable
from train.data.folders.notes import collected_notes
from train.data.formats.loading import NO_OPTIONS, load
from train.data.photos.regions import Region, regions_of
from train.data.sample import Sample
from train.errors import DataError, UsageError

LINE = "1,2,30,2,30,9,1,9"
QUAD = ((1.0, 2.0), (30.0, 2.0), (30.0, 9.0), (1.0, 9.0))


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), "utf-8")
    return path


def photos(source: Path, options: Mapping[str, str] = NO_OPTIONS) -> dict[str, list[Sample]]:
    return load(source, options, tasks=("detection",))[1]


def regions(source: Path, options: Mapping[str, str] = NO_OPTIONS) -> list[Region]:
    return [
        region
        for samples in photos(source, options).values()
        for s in samples
        for region in regions_of(s.text)
    ]


def shape(label: str, kind: str = "polygon", **more: object) -> dict[str, object]:
    return {"label": label, "points": [list(p) for p in QUAD], "shape_type": kind, **more}


def test_labelme_keeps_the_text_in_the_description_where_there_is_one(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    shapes = [shape("plate", description="x"), shape("plate", "rotation", flags={"difficult": True})]
    write(tmp_path / "a.json", {"shapes": shapes, "imagePath": "C:\\photos\\a.jpg", "imageData": None})
    assert regions(tmp_path) == [Region(QUAD, "x"), Region(QUAD, "", True)]
    with collected_notes() as notes:
        assert [r.text for r in regions(tmp_path, {"text": "label"})] == ["plate", "plate"]
    assert any("labelled 'plate'" in note for note in notes)
    touch(tmp_path / "a.png")  # a mask
    assert photos(tmp_path)["all"][0].path == tmp_path / "a.jpg"
    write(tmp_path / "labels/a.json", {"shapes": [shape("x")], "imagePath": "images/a.jpg"})
    touch(tmp_path / "labels/a.png", tmp_path / "images/a.jpg")
    assert photos(tmp_path / "labels", {"root": str(tmp_path)})["all"][0].path == tmp_path / "images/a.jpg"
    assert photos(tmp_path / "labels")["all"][0].path == tmp_path / "images/a.jpg"
    write(tmp_path / "a.json", {"shapes": [shape("x"), shape("y", "circle")], "imagePath": "a.jpg"})
    with pytest.raises(DataError, match=r"a\.json:1: shape 2 is a 'circle'"):
        photos(tmp_path)


def test_labelme_holds_the_image_itself(tmp_path: Path) -> None:
    data = base64.b64encode(b"\x89PNG").decode()
    write(tmp_path / "a.json", {"shapes": [], "imagePath": "lost.jpg", "imageData": data})
    assert photos(tmp_path)["all"][0].path.read_bytes() == b"\x89PNG"


def task(
    *results: dict[str, Any], image: str = "/data/upload/7/0a1b2c3d-my_a.png", **more: Any
) -> dict[str, Any]:
    size = {"original_width": 200, "original_height": 100, "id": "r"}
    annotation = {"result": [{**size, **result} for result in results], **more}
    return {"id": 5, "data": {"ocr": image}, "annotations": [annotation]}


def box(rotation: float = 0) -> dict[str, Any]:
    value = {"x": 50, "y": 10, "width": 10, "height": 20, "rotation": rotation}
    return {"type": "rectanglelabels", "value": value}


def typed(*text: str) -> dict[str, Any]:
    return {"type": "textarea", "value": {"text": list(text)}}


def test_label_studio_turns_boxes_around_their_first_corner(tmp_path: Path) -> None:
    touch(tmp_path / "my a.png")
    write(
        tmp_path / "export.json",
        [task(box(), typed("x")), task(box(90), typed("y")), {**task(), "annotations": []}],
    )
    with collected_notes() as notes:
        assert regions(tmp_path) == [
            Region(((100, 10), (120, 10), (120, 30), (100, 30)), "x"),
            Region(((100, 10), (100, 30), (80, 30), (80, 10)), "y"),
        ]
    assert [note.rpartition(": ")[2] for note in notes] == ["1"]
    assert photos(tmp_path)["all"][0].path == tmp_path / "my a.png"
    Image.new("RGB", (100, 50)).save(
        tmp_path / "my a.png"
    )  # scaled since: percents are of the photo as it is
    assert regions(tmp_path)[0].points == ((50, 5), (60, 5), (60, 15), (50, 15))
    Image.new("RGB", (100, 90)).save(tmp_path / "my a.png")
    assert photos(tmp_path)["all"][0].size == (100, 200)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ([task(typed("x", "y"))], "one text"),
        ([task(box(), typed("x"), {**typed("y"), "from_name": "note"})], "'x' and 'y' in note; .*text=NAME"),
        ([task(box(), {**typed("x"), "id": None})], "id of its region"),
        ([task(), {**task(), "annotations": [{"result": []}] * 2}], "ground truth"),
        ([task({"type": "brush", "value": {}})], "rectangle or a polygon"),
        ([task({**box(), "image_rotation": 90})], "not turned"),
        ([task({"type": "polygon", "value": {"points": [[1, None]]}})], "pairs of numbers"),
        ([{**task(), "data": {}}], "name its image"),
    ],
)
def test_label_studio_is_refused_by_its_task(tmp_path: Path, given: list[Any], rule: str) -> None:
    path = write(tmp_path / "export.json", given)
    with pytest.raises(DataError, match=rule) as error:
        photos(path)
    assert f"{path}:" in str(error.value)


def test_label_studio_notes_are_texts_only_where_nothing_was_typed(tmp_path: Path) -> None:
    noted = {**box(), "meta": {"text": ["dirty"]}}
    field = {**typed("x"), "from_name": "reading"}
    path = write(tmp_path / "export.json", [task(noted, field), task(field, noted), task(noted)])
    assert [region.text for region in regions(path)] == ["x", "x", "dirty"]
    with pytest.raises(UsageError, match=r"got raeding; those of .* are reading"):
        photos(path, {"text": "raeding"})


def test_label_studio_transcribes_whole_lines(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 0)
    write(tmp_path / "export.json", [task(typed("x"), image="/data/local-files/?d=set/a.png")])
    assert regions(tmp_path) == [Region(((0, 0), (40, 0), (40, 12), (0, 12)), "x")]


VOC = """<?xml version="1.0"?><annotation><filename>{}.jpg</filename>
<object><name>x</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>9</ymax></bndbox></object>
<object><name>###</name><bndbox><ymin>2.0</ymin><xmin>1.0</xmin><xmax>30.0</xmax><ymax>9.0</ymax></bndbox></object></annotation>"""


def test_pascal_voc_as_downloaded(tmp_path: Path) -> None:
    touch(tmp_path / "JPEGImages" / "a.jpg", tmp_path / "JPEGImages" / "b.jpg")
    for name in "ab":
        write(tmp_path / "Annotations" / f"{name}.xml", VOC.format(name))
    assert [s.path.name for s in photos(tmp_path)["all"]] == ["a.jpg", "b.jpg"]
    assert regions(tmp_path)[:2] == [Region(QUAD, "x"), Region(QUAD, "###", True)]
    write(tmp_path / "ImageSets" / "Main" / "trainval.txt", "a\nb\n")
    for split, name in (("train", "b"), ("test", "a")):
        write(tmp_path / "ImageSets" / "Main" / f"{split}.txt", f"{name}\n")
    assert {split: [s.path.name for s in samples] for split, samples in photos(tmp_path).items()} == {
        "test": ["a.jpg"],
        "train": ["b.jpg"],
    }
    (tmp_path / "ImageSets" / "Main" / "test.txt").unlink()
    with collected_notes() as notes:
        assert list(photos(tmp_path)) == ["all", "train"]
    assert any("taken for train: 1" in line for line in notes)


@pytest.mark.parametrize(("width", "fits"), [(100, True), (50, True), (200, False)])
@pytest.mark.parametrize("tool", ["labelme", "coco", "voc"])
def test_a_photo_of_another_size_than_it_was_labelled_at_is_a_finding(
    tmp_path: Path, tool: str, width: int, fits: bool
) -> None:
    Image.new("RGB", (100, 50)).save(tmp_path / "a.png")
    size = {"width": width, "height": 100 if width == 50 else 50}
    entry = {"image_id": 1, "bbox": [1, 2, 29, 7], "text": "x"}
    voc = "".join(f"<{side}>{value}</{side}>" for side, value in size.items())
    name, content = {
        "labelme": ("a.json", {"shapes": [shape("x")], **{f"image{key.title()}": size[key] for key in size}}),
        "coco": ("a.json", {"images": [{"id": 1, "file_name": "a.png", **size}], "annotations": [entry]}),
        "voc": ("a.xml", VOC.format("a").replace("jpg", "png").replace("<object>", f"<size>{voc}</size><object>", 1)),
    }[tool]  # fmt: skip
    write(tmp_path / name, content)
    lines = load(tmp_path)[1]["all"]
    for samples in (photos(tmp_path)["all"], lines):
        found = {finding.rule for sample in samples for finding in header_findings("train", sample)}
        assert found == (set() if fits else {"resized"})
    assert (lines[0].path == tmp_path / "a.png") is not fits
    data, lost = decode_usable(lines)
    assert (len(data), [why.partition(":")[0] for why in lost.values()]) == (
        (1, []) if fits else (0, ["resized"])
    )


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (VOC.format("a").replace("<ymax>9</ymax>", ""), "a.xml:1: object 1 without ymax"),
        (VOC.format("a").replace("<xmax>30<", "<xmax>wide<"), "object 1 with xmax 'wide'"),
        (VOC.format("a")[:-5], "a.xml:3"),
    ],
)
def test_pascal_voc_is_refused_by_its_object(tmp_path: Path, content: str, rule: str) -> None:
    write(tmp_path / "0.xml", VOC.format("b"))
    write(tmp_path / "a.xml", content)
    with pytest.raises(DataError, match=rule):
        photos(tmp_path)


BOX = "3 0.3875 0.458333 0.725 0.583333"


@pytest.mark.parametrize("layout", ["images/{}/{}.png", "{}/images/{}.png", "{}/{}.png"])
def test_yolo_layouts(tmp_path: Path, layout: str) -> None:
    for split in ("train", "val"):
        for name in "ab":
            write_image(tmp_path / layout.format(split, name), 0)
        write(
            tmp_path / layout.replace("images", "labels").replace("png", "txt").format(split, "a"), f"{BOX}\n"
        )
    found = photos(tmp_path)
    assert list(found) == ["train", "val"]
    assert [regions_of(s.text) for s in found["val"]] == [(Region(QUAD, ""),), ()]


def test_yolo_splits_by_data_yaml(tmp_path: Path) -> None:
    for name in ("mine", "theirs"):
        write_image(tmp_path / name / "images" / "a.png", 0)
        write(tmp_path / name / "labels" / "a.txt", "0 0.025 0.1666667 0.75 0.1666667 0.75 0.75 0.025 0.75")
    settings = write(tmp_path / "data.yaml", "train: ../mine/images\nval: theirs/images\nnames: [text]\n")
    for source in (tmp_path, settings):
        assert {split: samples[0].path.parts[-3] for split, samples in photos(source).items()} == {
            "train": "mine",
            "val": "theirs",
        }
    assert regions(tmp_path / "mine")[0] == Region(QUAD, "")


def test_yolo_is_refused_by_its_line(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 0)
    path = write(tmp_path / "a.txt", f"{BOX}\n{BOX} 0.9\n")
    with pytest.raises(DataError, match=r"a\.txt:2"):
        photos(tmp_path)
    write(path, BOX)
    write(tmp_path / "b.txt", BOX)
    assert [s.path.name for s in photos(tmp_path)["all"]] == ["a.png", "b.*"]
    (tmp_path / "b.png").write_bytes(b"none")
    assert [s.path.name for s in photos(tmp_path)["all"]] == ["a.png", "b.png"]

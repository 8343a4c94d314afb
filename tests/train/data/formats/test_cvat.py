"""What CVAT and VGG Image Annotator write: texts are attributes, rectangles may be turned."""

import json
from pathlib import Path

import pytest

from train.data.folders.notes import collected_notes
from train.data.formats.loading import detect, load
from train.data.photos.regions import Region, regions_of
from train.errors import DataError

QUAD = ((1.0, 2.0), (30.0, 2.0), (30.0, 9.0), (1.0, 9.0))

VOC = """<annotation><filename>a.jpg</filename><object><name>text</name><difficult>true</difficult>
<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>30</xmax><ymax>20</ymax></bndbox><attributes>
<attribute><name>text</name><value>x</value></attribute><attribute><name>rotation</name><value>90.0</value></attribute>
</attributes></object></annotation>"""
ENTRY = {
    "image_id": 1,
    "bbox": [10, 10, 20, 10],
    "attributes": {"text": "x", "rotation": 90.0, "ignore": "true"},
}
COCO = json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [ENTRY]})


BOX = '<box label="text" xtl="10" ytl="10" xbr="30" ybr="20" rotation="90.0">{}</box>'
CVAT = "<annotations><version>1.1</version><meta/>{}</annotations>"
HELD = '<attribute name="text">x</attribute><attribute name="ignore">true</attribute>'
IMAGE = '<image id="0" name="a.jpg" subset="{}" width="40" height="30">{}</image>'


ROTATED = """<annotation><filename>a.jpg</filename><object><type>robndbox</type><name>x</name><difficult>1</difficult>
<robndbox><cx>20</cx><cy>15</cy><w>20</w><h>10</h><angle>1.5707963</angle></robndbox></object></annotation>"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("b.xml", ROTATED),
        ("a.json", COCO),
        ("a.xml", VOC),
        ("annotations.xml", CVAT.format(IMAGE.format("", BOX.format(HELD)))),
    ],
)
def test_boxes_are_turned_around_their_centre(tmp_path: Path, name: str, content: str) -> None:
    """By 90 degrees, clockwise: the first corner is at the top right then."""
    (tmp_path / name).write_text(content)
    [sample] = load(tmp_path, tasks=("detection",))[1]["all"]
    turned = ((25.0, 5.0), (25.0, 25.0), (15.0, 25.0), (15.0, 5.0))
    assert regions_of(sample.text) == (Region(turned, "x", True),)


@pytest.mark.parametrize(
    "entry",
    [
        {"rotation": 1.57},
        {"attributes": {"rotation": "left"}},
        {"attributes": {"rotation": 90}, "segmentation": [[1, 2, 30, 2, 30, 9, 1, 9]]},
    ],
)
def test_no_box_is_turned_by_another_tools_rotation(tmp_path: Path, entry: dict[str, object]) -> None:
    """In radians, or in words; an outline is as it lies."""
    annotation = {"image_id": 1, "bbox": [1, 2, 29, 7], **entry}
    content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [annotation]}
    assert regions(tmp_path / "a.json", json.dumps(content))["all"] == [(Region(QUAD, ""),)]


def regions(path: Path, content: str, **options: str) -> dict[str, list[tuple[Region, ...]]]:
    path.write_text(content)
    found = load(path, options, tasks=("detection",))[1]
    return {split: [regions_of(sample.text) for sample in samples] for split, samples in found.items()}


def test_what_cvat_exports(tmp_path: Path) -> None:
    path = tmp_path / "annotations.xml"
    outline = (
        '<tag label="t"/><polygon points="1,2;30,2;30,9;1,9"><attribute name="Plate">x</attribute></polygon>'
    )
    both = IMAGE.format("Train", outline) + IMAGE.format("Validation", "").replace("a.jpg", "b.jpg")
    assert regions(path, CVAT.format(both), text="plate") == {"train": [(Region(QUAD, "x"),)], "val": [()]}
    with collected_notes() as notes:
        assert regions(path, CVAT.format(both))["train"] == [(Region(QUAD, ""),)]
    assert any("text=NAME, one of: plate" in line for line in notes)
    for wrong, rule in (
        (IMAGE.format("", "<ellipse/>"), "ellipse 1"),
        (IMAGE.format("", BOX.replace("30", "wide")), "numbers"),
        ("<track/>", "tracks"),
    ):
        with pytest.raises(DataError, match=rule):
            regions(path, CVAT.format(wrong))


def test_photos_of_a_project_lie_in_the_folders_of_their_subsets(tmp_path: Path) -> None:
    """Where two may have one name."""
    for subset in ("Train", "default"):
        (tmp_path / "images" / subset).mkdir(parents=True)
        (tmp_path / "images" / subset / "a.jpg").touch()
    photos = IMAGE.format("Train", "") + IMAGE.format("default", "")
    (tmp_path / "annotations.xml").write_text(CVAT.format(photos))
    samples = load(tmp_path / "annotations.xml", tasks=("detection",), one_split=True)[1]
    assert [sample.path.parent.name for found in samples.values() for sample in found] == ["Train", "default"]


def test_cvats_own_gives_way_to_what_it_exports_for_others(tmp_path: Path) -> None:
    (tmp_path / "annotations.xml").write_text(CVAT.format(IMAGE.format("", "")))
    (tmp_path / "instances.json").write_text(COCO)
    assert load(tmp_path, tasks=("detection",))[0] == "coco"


@pytest.mark.parametrize("other", ["<annotations><image/></annotations>", "<PcGts/>"])
def test_vias_tables_give_way_to_what_could_be_read_before(tmp_path: Path, other: str) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("filename,region_count,region_shape_attributes,region_attributes\n")
    with pytest.raises(DataError, match=r"a\.csv, b\.csv"):
        detect(tmp_path)
    (tmp_path / "annotations.xml").write_text(other)
    assert detect(tmp_path, tasks=("detection",))[0] in ("cvat", "page_xml")


def test_vias_table_holds_what_its_json_does(tmp_path: Path) -> None:
    """Named itself, too, though other tables are formats of their own; a photo may have no region."""
    path = tmp_path / "via_export_csv.csv"
    rows = [
        "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes",
        'a.jpg,9,"{}",1,0,"{""name"":""rect"",""x"":1,""y"":2,""width"":29,""height"":7}","{""text"":""x\\""y""}"',
        'b.jpg,9,"{}",0,0,"{}","{}"',
    ]
    path.write_text("\r\n".join(rows))
    assert [detect(source)[0] for source in (tmp_path, path)] == ["via", "via"]
    photos = load(path, tasks=("detection",))[1]["all"]
    assert [regions_of(sample.text) for sample in photos] == [(Region(QUAD, 'x"y'),), ()]
    path.write_text(rows[0] + '\na.jpg,9,"{}",1,0,"[","{}"')
    with pytest.raises(DataError, match=r"csv\.csv:2"):
        load(path, tasks=("detection",))


def test_what_via_saves(tmp_path: Path) -> None:
    """A project has the same within it; the first version has regions by number."""
    path = tmp_path / "via.json"
    outline = {"name": "polygon", "all_points_x": [1, 30, 30, 1], "all_points_y": [2, 2, 9, 9]}
    region = {"shape_attributes": outline, "region_attributes": {"word": "x", "ignore": "1"}}
    photo = {"filename": "a.jpg", "regions": {"0": region}}
    project = {"_via_settings": {}, "_via_img_metadata": {"a.jpg1": photo}}
    for content in ({"a.jpg1": photo}, project):
        assert regions(path, json.dumps(content), text="word")["all"] == [(Region(QUAD, "x", True),)]
    for wrong, rule in (
        ({**outline, "name": "circle"}, "circle"),
        ({**outline, "all_points_x": [1]}, "pairs"),
        (None, "shape"),
    ):
        photo["regions"] = [{**region, "shape_attributes": wrong}]
        with pytest.raises(DataError, match=f":1: region 1.*{rule}|{rule}.*:1: region 1"):
            regions(path, json.dumps(project))

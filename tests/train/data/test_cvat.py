"""What CVAT writes: rectangles may be turned there."""

import json
from pathlib import Path

import pytest

from train.data.formats import load
from train.data.photos.regions import Region, regions_of

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


@pytest.mark.parametrize(("name", "content"), [("a.json", COCO), ("a.xml", VOC)])
def test_boxes_are_turned_around_their_centre(tmp_path: Path, name: str, content: str) -> None:
    """By 90 degrees, clockwise: the first corner is at the top right then."""
    (tmp_path / name).write_text(content)
    [sample] = load(tmp_path, tasks=("detection",))[1]["all"]
    turned = ((25.0, 5.0), (25.0, 25.0), (15.0, 25.0), (15.0, 5.0))
    assert regions_of(sample.text) == (Region(turned, "x", True),)

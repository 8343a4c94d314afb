"""Pages of kraken, eScriptorium and Transkribus: PAGE XML and ALTO."""

from pathlib import Path

import pytest

from train.data.formats.loading import load
from train.data.photos.regions import Region, regions_of
from train.errors import DataError

QUAD = ((1.0, 2.0), (30.0, 2.0), (30.0, 9.0), (1.0, 9.0))
PAGE = """<PcGts xmlns="p"><Page imageFilename="a.jpg" imageWidth="40" imageHeight="12">
<TextLine><Coords points="1,2 30,2 30,9 1,9"/><Word><TextEquiv><Unicode>no</Unicode></TextEquiv></Word>
<TextEquiv index="1"><Unicode>second</Unicode></TextEquiv>
<TextEquiv index="0"><Unicode>x y</Unicode></TextEquiv></TextLine>
<TextLine><Coords><Point x="1" y="2"/><Point x="30" y="2"/><Point x="30" y="9"/><Point x="1" y="9"/></Coords></TextLine>
</Page></PcGts>"""
ALTO = """<alto xmlns="a"><Description><MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>a.jpg</fileName></sourceImageInformation></Description>
<Layout><Page WIDTH="40" HEIGHT="12"><TextLine HPOS="0" VPOS="0" WIDTH="9" HEIGHT="9">
<Shape><Polygon POINTS="1 2 30 2 30 9 1 9"/></Shape><String CONTENT="x"/><SP/><String CONTENT="y"/></TextLine>
<TextLine HPOS="1" VPOS="2" WIDTH="29" HEIGHT="7"/></Page></Layout></alto>"""


LINE = '<TextLine HPOS="1" VPOS="2" WIDTH="29" HEIGHT="7"><String CONTENT="x"/>{}<String CONTENT="y"/>{}</TextLine>'
OF_STRINGS = "<alto><Layout>{}</Layout></alto>"
OF_WORDS = """<PcGts xmlns="p"><Page imageFilename="a.jpg"><TextLine><Coords points="1,2 30,2 30,9 1,9"/>
<Word><TextEquiv><Unicode>x</Unicode></TextEquiv></Word><Word><TextEquiv><Unicode>y</Unicode></TextEquiv></Word>
</TextLine></Page></PcGts>"""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (OF_STRINGS.format(LINE.format("", '<HYP CONTENT="-"/>')), "x y-"),
        (OF_STRINGS.format(LINE.format("", "") + LINE.format("<SP/>", "")), "xy"),
        (OF_WORDS, "x y"),
    ],
)
def test_words_are_joined_as_their_page_has_blanks(tmp_path: Path, content: str, text: str) -> None:
    """Blanks may stand nowhere, and texts with the words alone."""
    (tmp_path / "a.xml").write_text(content)
    [sample] = load(tmp_path, tasks=("detection",))[1]["all"]
    assert regions_of(sample.text)[0] == Region(QUAD, text)


@pytest.mark.parametrize("content", [PAGE, ALTO])
def test_lines_have_outlines_and_texts_of_their_own(tmp_path: Path, content: str) -> None:
    """The files lie in `page` below the images, as Transkribus has them."""
    (tmp_path / "a.jpg").touch()
    path = tmp_path / "page" / "a.xml"
    path.parent.mkdir()
    path.write_text(content)
    [sample] = load(tmp_path, tasks=("detection",))[1]["all"]
    assert regions_of(sample.text) == (Region(QUAD, "x y"), Region(QUAD, ""))
    assert (sample.path, sample.size) == (tmp_path / "a.jpg", (12, 40))
    for old, new, rule in (
        ("30", "wide", "line 1"),
        (">pixel<", ">mm10<", "pixels, got .*mm10"),
        ("Coords", "Other", "line 1.*Coords|Coords.*line 1"),
    ):
        if old in content:
            path.write_text(content.replace(old, new))
            with pytest.raises(DataError, match=rule):
                load(tmp_path, tasks=("detection",))

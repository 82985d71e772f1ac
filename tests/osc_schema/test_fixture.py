"""Files for lighting desks against GDTF 1.2 (DIN SPEC 15800: tables 3, 4, 56-61, annexes B, C),
QLC+'s fixture.xsd."""

import io
import os
import re
import shutil
import subprocess
import uuid
import zipfile
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from osc_schema.fixture import CHANNELS
from osc_schema.generate.fixture import gdtf, qxf

SECTIONS = (
    "AttributeDefinitions Wheels PhysicalDescriptions Models Geometries DMXModes Revisions "
    "FTPresets Protocols"
)
NAME = re.compile(r"[ \"#%'()*+\-/0-9:;<=>@A-Z_`a-z]+")  # annex C, without what no name here has
FEATURES = {
    "Dimmer": "Dimmer.Dimmer", "Shutter(n)": "Beam.Beam", "MediaContent(n)": "Gobo.Media",
    "Effects(n)Fade": "Beam.Beam",
    "VideoEffect(n)Parameter(m)": "Video.Video", "ColorMacro(n)": "Color.RGB",
    "VideoHueShift": "Color.HSBC_Shift",
    "ColorEffects(n)": "Color.Color", "VideoBrightness": "Color.HSBC_Shift",
    "Effects(n)Rate": "Beam.Beam",
    "Video": "Video.Video", "Effects(n)": "Beam.Beam", "Zoom": "Focus.Focus",
    "Effects(n)PosRotate": "Beam.Beam",
    "Prism(n)": "Beam.Beam", "Shutter(n)Strobe": "Beam.Beam", "StrobeFrequency": "Beam.Beam",
}  # fmt: skip
"""Attributes and their features in annex B."""
GROUPS = set(
    "Intensity Colour Gobo Prism Shutter Beam Speed Effect Pan Tilt Maintenance Nothing".split()
)
QLC = "{http://www.qlcplus.org/FixtureDefinition}"


def of_gdtf() -> Element:
    with zipfile.ZipFile(io.BytesIO(gdtf(CHANNELS))) as archive:
        assert archive.namelist() == ["description.xml"] and archive.testzip() is None
        raw = archive.read("description.xml")
    assert raw.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
    return ElementTree.fromstring(raw)


def test_the_gdtf_file_has_the_sections_in_their_order_and_each_link_leads_somewhere() -> None:
    root = of_gdtf()
    (fixture,) = root
    assert (root.tag, root.get("DataVersion"), fixture.tag) == ("GDTF", "1.2", "FixtureType")
    assert [section.tag for section in fixture] == SECTIONS.split()
    assert (
        str(uuid.UUID(fixture.attrib["FixtureTypeID"])).upper() == fixture.attrib["FixtureTypeID"]
    )
    assert {"Name", "ShortName", "LongName", "Manufacturer", "Description"} <= set(fixture.keys())
    for node in root.iter():
        assert NAME.fullmatch(node.get("Name", "x")), node.attrib
    features = {
        f"{group.get('Name')}.{feature.get('Name')}"
        for group in fixture.iter("FeatureGroup")
        for feature in group.iter("Feature")
    }
    attributes = {node.attrib["Name"]: node.attrib["Feature"] for node in fixture.iter("Attribute")}
    assert set(attributes.values()) == features
    for name, feature in attributes.items():
        assert FEATURES[generalised(name)] == feature
    (geometry,) = fixture.find("Geometries")  # type: ignore[misc]
    (mode,) = fixture.find("DMXModes")  # type: ignore[misc]
    assert (
        geometry.tag == "MediaServerMaster" and mode.attrib["Geometry"] == geometry.attrib["Name"]
    )
    assert [node.tag for node in mode] == ["DMXChannels", "Relations", "FTMacros"]
    assert [channel.attrib["Offset"] for channel in mode[0]] == [*map(str, range(1, 25))]
    for channel in mode[0]:
        (logical,) = channel
        (function,) = logical
        assert channel.attrib["Geometry"] == geometry.attrib["Name"]
        assert logical.attrib["Attribute"] == function.attrib["Attribute"] in attributes
        attribute = logical.get("Attribute")
        linked = f"{geometry.get('Name')}_{attribute}.{attribute}.{function.get('Name')}"
        assert channel.attrib["InitialFunction"] == linked
        starts = [int(step.attrib["DMXFrom"].partition("/")[0]) for step in function]
        assert starts[0] == 0 and starts == sorted(set(starts)) and starts[-1] <= 255
        assert 0 <= int(function.attrib["Default"].partition("/")[0]) <= 255


@pytest.mark.skipif(
    shutil.which("qlcplus") is None, reason="QLC+ is not installed (Debian: qlcplus)"
)
@pytest.mark.parametrize("is_whole", [True, False])
def test_qlc_loads_the_file_and_none_without_its_doctype(is_whole: bool, tmp_path: Path) -> None:
    text = qxf(CHANNELS)
    fixtures = tmp_path / ".qlcplus/fixtures"
    fixtures.mkdir(parents=True)
    (fixtures / "Multiverse-Engine.qxf").write_text(
        text if is_whole else text.replace("<!DOCTYPE FixtureDefinition>\n", ""), encoding="utf-8"
    )
    environment = os.environ | {"HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    with subprocess.Popen(
        ["qlcplus", "-m", "-d", "0"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as root:  # fmt: skip
        assert root.stderr is not None
        lines = []
        for line in root.stderr:
            lines.append(line)
            if "fixtures found in map" in line:  # those of the user come before
                break
        root.kill()
    refused = [line for line in lines if "is not a fixture definition file" in line]
    assert (
        any(f'load(const QDir&) "{fixtures}"' in line for line in lines)
        and bool(refused) is not is_whole
    )


def generalised(attribute: str) -> str:
    """`Gobo1` -> `Gobo(n)`, `VideoEffect1Parameter2` -> `VideoEffect(n)Parameter(m)`."""
    marks = iter(("(n)", "(m)"))
    return re.sub(r"\d+", lambda _: next(marks), attribute)


def test_the_qxf_file_has_what_qlc_demands_and_covers_each_level_once() -> None:
    root = ElementTree.fromstring(qxf(CHANNELS).encode())
    order = [node.tag.removeprefix(QLC) for node in root]
    assert root.tag == f"{QLC}FixtureDefinition"
    assert qxf(CHANNELS).splitlines()[1] == "<!DOCTYPE FixtureDefinition>", (
        "QLC+ compares the name of the DTD"
    )
    assert re.fullmatch(r"\d+\.\d+\.\d+", root[0].findtext(f"{QLC}Version", "")), (
        "its validator wants three numbers"
    )
    assert order == [
        "Creator",
        "Manufacturer",
        "Model",
        "Type",
        *["Channel"] * 24,
        "Mode",
        "Physical",
    ]
    assert [node.tag for node in root[0]] == [
        f"{QLC}{name}" for name in ("Name", "Version", "Author")
    ]
    channels = root.findall(f"{QLC}Channel")
    for node in channels:
        group, *capabilities = node
        assert (
            group.text in GROUPS
            and group.attrib == {"Byte": "0"}
            and 0 <= int(node.attrib["Default"]) <= 255
        )
        covered = [
            level
            for each in capabilities
            for level in range(int(each.attrib["Min"]), int(each.attrib["Max"]) + 1)
        ]
        assert covered == list(range(256)), node.attrib
    mode = root.find(f"{QLC}Mode")
    assert mode is not None
    assert [(node.attrib["Number"], node.text) for node in mode] == [
        (str(number), node.attrib["Name"]) for number, node in enumerate(channels)
    ]

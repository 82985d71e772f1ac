"""The engine as a fixture for lighting desks: GDTF (DIN SPEC 15800) and QLC+'s format.

A `.gdtf` file is a zip archive with `description.xml`. No geometry has a size, because a picture
has no place on the stage. Names there have no full stops, which separate the parts of a link.
"""

import io
import zipfile
from collections.abc import Iterable
from uuid import NAMESPACE_URL, uuid5
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from osc_schema.fixture import FixtureChannel
from osc_schema.scale import scale_of

MANUFACTURER = "Multiverse"
MODEL = "Engine"
MODE = "24 channels"
_GEOMETRY = "Body"
# the earliest that a zip archive has: the same declarations give the same bytes
_DATE = (1980, 1, 1, 0, 0, 0)
_QLC = "http://www.qlcplus.org/FixtureDefinition"
_QLC_VERSION = "4.12.6"  # of QLC+, which its validator wants with three numbers
_UNITS = {
    "s": ("Time", 1.0),
    "ms": ("Time", 1e-3),
    "deg": ("Angle", 1.0),
    "turns": ("Angle", 360.0),
    "bpm": ("Frequency", 1 / 60),
}
"""Our unit -> that of GDTF (table 6), and its factor to seconds, degrees, hertz."""


def gdtf(channels: Iterable[FixtureChannel]) -> bytes:
    """A GDTF 1.2 file with one DMX mode."""
    channels = tuple(channels)
    root = Element("GDTF", DataVersion="1.2")
    fixture = SubElement(
        root,
        "FixtureType",
        Name=MODEL,
        ShortName="Multiverse",
        LongName="Multiverse (audio-visual engine)",
        Manufacturer=MANUFACTURER,
        Description="Pictures from sound; multiverse run --dmx sacn --fixture UNIVERSE.ADDRESS",
        FixtureTypeID=str(uuid5(NAMESPACE_URL, "multiverse/fixture/24")).upper(),
        CanHaveChildren="No",
    )
    _attributes(SubElement(fixture, "AttributeDefinitions"), channels)
    for empty in ("Wheels", "PhysicalDescriptions", "Models"):
        SubElement(fixture, empty)
    SubElement(SubElement(fixture, "Geometries"), "MediaServerMaster", Name=_GEOMETRY)
    mode = SubElement(SubElement(fixture, "DMXModes"), "DMXMode", Name=MODE, Geometry=_GEOMETRY)
    dmx = SubElement(mode, "DMXChannels")
    for number, channel in enumerate(channels, start=1):
        _gdtf_channel(dmx, number, channel)
    SubElement(mode, "Relations")
    SubElement(mode, "FTMacros")
    for empty in ("Revisions", "FTPresets", "Protocols"):
        SubElement(fixture, empty)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        described = zipfile.ZipInfo("description.xml", _DATE)
        described.create_system = 3  # Unix, wherever it is written: the same bytes
        archive.writestr(described, _xml(root))
    return packed.getvalue()


def _attributes(definitions: Element, channels: Iterable[FixtureChannel]) -> None:
    SubElement(definitions, "ActivationGroups")
    groups = SubElement(definitions, "FeatureGroups")
    attributes = SubElement(definitions, "Attributes")
    used = {channel.attribute: channel for channel in channels}
    features = dict.fromkeys(channel.feature for channel in used.values())
    for group in dict.fromkeys(feature.partition(".")[0] for feature in features):
        node = SubElement(groups, "FeatureGroup", Name=group, Pretty=group)
        for feature in features:
            if feature.startswith(f"{group}."):
                SubElement(node, "Feature", Name=feature.partition(".")[2])
    for name, channel in used.items():
        unit = _physical(channel)[0]
        SubElement(
            attributes,
            "Attribute",
            Name=name,
            Pretty=channel.name,
            Feature=channel.feature,
            PhysicalUnit=unit,
        )


def _physical(channel: FixtureChannel) -> tuple[str, float, float]:
    """Unit, and the values at 0 and 255. A shutter is 1 when it is open. The values between are on
    a line in GDTF: what is not has no unit."""
    param = channel.param
    if channel.is_shutter:
        return "None", 1.0, 0.0
    if param is None or param.unit not in _UNITS or param.scale == "exponential":
        return "None", 0.0, 1.0
    scale, (unit, factor) = scale_of(param), _UNITS[param.unit]
    return unit, scale.low * factor, scale.high * factor


def _gdtf_channel(parent: Element, number: int, channel: FixtureChannel) -> None:
    steps = channel.ranges()
    _, low, high = _physical(channel)
    function = f"{channel.attribute} 1"
    node = SubElement(
        parent,
        "DMXChannel",
        DMXBreak="1",
        Offset=str(number),
        InitialFunction=f"{_GEOMETRY}_{channel.attribute}.{channel.attribute}.{function}",
        Highlight="255/1" if channel.attribute == "Dimmer" else "None",
        Geometry=_GEOMETRY,
    )
    logical = SubElement(
        node,
        "LogicalChannel",
        Attribute=channel.attribute,
        Snap="Yes" if len(steps) > 1 else "No",
        Master="Grand" if channel.attribute == "Dimmer" else "None",
    )
    function_node = SubElement(
        logical,
        "ChannelFunction",
        Name=function,
        Attribute=channel.attribute,
        OriginalAttribute=channel.name,
        DMXFrom="0/1",
        Default=f"{channel.default}/1",
        PhysicalFrom=f"{low:g}",
        PhysicalTo=f"{high:g}",
    )
    for first, _, name in steps:
        here = f"{low if first == 0 else high:g}"
        ends = {"PhysicalFrom": here, "PhysicalTo": here} if channel.is_shutter else {}
        SubElement(function_node, "ChannelSet", {"Name": name, "DMXFrom": f"{first}/1"} | ends)


def qxf(channels: Iterable[FixtureChannel]) -> str:
    """A fixture definition for QLC+ 4 and 5."""
    channels = tuple(channels)
    root = Element("FixtureDefinition", xmlns=_QLC)
    creator = SubElement(root, "Creator")
    for name, text in (("Name", "Multiverse"), ("Version", _QLC_VERSION), ("Author", "Multiverse")):
        SubElement(creator, name).text = text
    for name, text in (("Manufacturer", MANUFACTURER), ("Model", MODEL), ("Type", "Effect")):
        SubElement(root, name).text = text
    for channel in channels:
        node = SubElement(root, "Channel", Name=channel.name, Default=str(channel.default))
        SubElement(node, "Group", Byte="0").text = channel.group
        for first, last, name in channel.ranges():
            preset = (
                {"Preset": "ShutterOpen" if first == 0 else "ShutterClose"}
                if channel.is_shutter
                else {}
            )
            SubElement(
                node, "Capability", {"Min": str(first), "Max": str(last)} | preset
            ).text = name
    mode = SubElement(root, "Mode", Name=MODE)
    for number, channel in enumerate(channels):
        SubElement(mode, "Channel", Number=str(number)).text = channel.name
    physical = SubElement(root, "Physical")
    SubElement(physical, "Bulb", Type="", Lumens="0", ColourTemperature="0")
    SubElement(physical, "Dimensions", Weight="1", Width="1", Height="1", Depth="1")
    SubElement(physical, "Lens", Name="Other", DegreesMin="0", DegreesMax="0")
    SubElement(physical, "Focus", Type="Fixed", PanMax="0", TiltMax="0")
    return _xml(root, b"<!DOCTYPE FixtureDefinition>\n").decode()  # QLC+ takes no file without it


def _xml(root: Element, doctype: bytes = b"") -> bytes:
    indent(root)
    return (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        + doctype
        + bytes(tostring(root, encoding="utf-8"))
        + b"\n"
    )
